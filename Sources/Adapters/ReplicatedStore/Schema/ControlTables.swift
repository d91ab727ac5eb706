import GroupModel
import IKEVocabulary
import Octets

/// Exclusions, rekey schedules and the history of rekeys.
enum ControlTables {
    static let schema = [
        """
        CREATE TABLE exclusion (
            group_name TEXT NOT NULL,
            identity_type INTEGER NOT NULL CHECK (identity_type BETWEEN 0 AND 255),
            identity BLOB NOT NULL,
            at INTEGER NOT NULL,
            barred_by TEXT NOT NULL,
            reason TEXT NOT NULL,
            UNIQUE (group_name, identity_type, identity)
        ) STRICT
        """,
        """
        CREATE TABLE rekey_schedule (
            group_name TEXT PRIMARY KEY,
            kek_percent INTEGER NOT NULL CHECK (kek_percent BETWEEN 10 AND 95),
            tek_percent INTEGER NOT NULL CHECK (tek_percent BETWEEN 10 AND 95),
            jitter_percent INTEGER NOT NULL CHECK (jitter_percent BETWEEN 0 AND 50),
            paused_at INTEGER
        ) STRICT
        """,
        """
        CREATE TABLE rekey_history (
            number INTEGER PRIMARY KEY,
            group_name TEXT NOT NULL,
            at INTEGER NOT NULL,
            cause TEXT NOT NULL,
            caused_by TEXT NOT NULL,
            spi BLOB NOT NULL CHECK (length(spi) = 16),
            message_id INTEGER NOT NULL CHECK (message_id BETWEEN 0 AND 4294967295),
            new_rekey_spi BLOB CHECK (new_rekey_spi IS NULL OR length(new_rekey_spi) = 16),
            new_data_spis BLOB NOT NULL CHECK (length(new_data_spis) % 4 = 0),
            generation INTEGER NOT NULL,
            members INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX rekey_history_group ON rekey_history (group_name, number)",
    ]

    static let exclusions = Table<ExclusionRow>(
        name: "exclusion", columns: ["group_name", "identity_type", "identity", "at", "barred_by", "reason"],
        key: ["group_name", "identity_type", "identity"],
        encode: { (row) in
            [
                .name(row.group), .number(row.identity.type.rawValue), .blob(row.identity.octets), .time(row.at),
                .text(row.by), .text(row.reason),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let group = try reader.groupName()
            let type = IDType(rawValue: try reader.number("identity_type"))
            let identity = Identity(type: type, octets: try reader.blob("identity"))
            return ExclusionRow(
                group: group, identity: identity, at: try reader.time("at"), by: try reader.text("barred_by"),
                reason: try reader.text("reason"))
        })

    static let schedules = Table<RekeyScheduleRow>(
        name: "rekey_schedule",
        columns: ["group_name", "kek_percent", "tek_percent", "jitter_percent", "paused_at"], key: ["group_name"],
        encode: { (row) in
            [
                .name(row.group), .number(row.schedule.kekPercent), .number(row.schedule.tekPercent),
                .number(row.schedule.jitterPercent), .time(row.pausedAt),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let group = try reader.groupName()
            let schedule = RekeySchedule(
                kekPercent: try reader.number("kek_percent"), tekPercent: try reader.number("tek_percent"),
                jitterPercent: try reader.number("jitter_percent"))
            return RekeyScheduleRow(group: group, schedule: schedule, pausedAt: try reader.optionalTime("paused_at"))
        })

    static let history = Table<RekeyHistoryRow>(
        name: "rekey_history",
        columns: [
            "number", "group_name", "at", "cause", "caused_by", "spi", "message_id", "new_rekey_spi", "new_data_spis",
            "generation", "members",
        ],
        key: ["number"],
        encode: { (row) in
            [
                .integer(row.number), .name(row.group), .time(row.at), .text(row.cause), .text(row.by),
                .blob(row.spi.octets), .number(row.messageID.rawValue), .blob(row.newRekeySPI?.octets),
                .senderIDs(row.newDataSPIs.map { SenderID(rawValue: $0.rawValue) }),
                .integer(row.generation.rawValue), .number(row.members),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let number = try reader.integer("number")
            let group = try reader.groupName()
            let at = try reader.time("at")
            let cause = try reader.text("cause")
            let by = try reader.text("caused_by")
            let spi = try reader.rekeySPI()
            let messageID = MessageID(rawValue: try reader.number("message_id"))
            var newRekeySPI: RekeySPI?
            if let octets = try reader.optionalBlob("new_rekey_spi") {
                guard let spi = RekeySPI(octets: octets) else { throw reader.fault("new_rekey_spi") }
                newRekeySPI = spi
            }
            let newDataSPIs = try reader.senderIDs().map { ESPSPI(rawValue: $0.rawValue) }
            return RekeyHistoryRow(
                number: number, group: group, at: at, cause: cause, by: by, spi: spi, messageID: messageID,
                newRekeySPI: newRekeySPI, newDataSPIs: newDataSPIs,
                generation: GSAGeneration(rawValue: try reader.integer("generation")),
                members: try reader.number("members"))
        })

    /// Keeps the newest so many of a group: takes its name twice, then the number to keep.
    static let trimHistory = """
        DELETE FROM rekey_history WHERE group_name = ? AND number <= (
            SELECT number FROM rekey_history WHERE group_name = ? ORDER BY number DESC LIMIT 1 OFFSET ?)
        """
}
