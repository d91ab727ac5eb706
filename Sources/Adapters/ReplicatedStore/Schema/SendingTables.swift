import GroupModel
import IKEVocabulary

/// Who sends, and how far the numbers of senders are used.
enum SendingTables {
    static let schema = [
        """
        CREATE TABLE sender_claim (
            group_name TEXT NOT NULL,
            data_sa TEXT NOT NULL,
            holder_type INTEGER CHECK (holder_type IS NULL OR holder_type BETWEEN 0 AND 255),
            holder BLOB,
            association BLOB NOT NULL CHECK (length(association) IN (0, 16)),
            UNIQUE (group_name, data_sa)
        ) STRICT
        """,
        """
        CREATE TABLE rekey_promise (
            group_name TEXT PRIMARY KEY,
            spi BLOB NOT NULL CHECK (length(spi) = 16)
        ) STRICT
        """,
        """
        CREATE TABLE sequence_report (
            group_name TEXT NOT NULL,
            spi INTEGER NOT NULL CHECK (spi BETWEEN 256 AND 4294967295),
            next INTEGER NOT NULL CHECK (next >= 0),
            counter INTEGER NOT NULL CHECK (counter BETWEEN 0 AND 4294967295),
            at INTEGER NOT NULL,
            earlier_next INTEGER NOT NULL CHECK (earlier_next >= 0),
            earlier_at INTEGER NOT NULL,
            UNIQUE (group_name, spi)
        ) STRICT
        """,
        """
        CREATE TRIGGER sequence_report_grows BEFORE UPDATE ON sequence_report
        WHEN NEW.next <= OLD.next OR NEW.counter <= OLD.counter
        BEGIN SELECT RAISE(ABORT, 'a sequence number goes back'); END
        """,
        // Sender-IDs begin anew only with a new generation, and when none of those given before is remembered as given.
        "DROP TRIGGER group_state_sender_id_grows",
        """
        CREATE TRIGGER group_state_sender_id_grows BEFORE UPDATE ON group_state
        WHEN NEW.next_sender_id < OLD.next_sender_id AND (
            NEW.generation <= OLD.generation
            OR EXISTS (SELECT 1 FROM sender_id WHERE group_name = NEW.name AND id >= NEW.next_sender_id)
        )
        BEGIN SELECT RAISE(ABORT, 'next_sender_id goes back'); END
        """,
    ]

    static let claims = Table<SenderClaimRow>(
        name: "sender_claim", columns: ["group_name", "data_sa", "holder_type", "holder", "association"],
        key: ["group_name", "data_sa"],
        encode: { (row) in claimValues(row) },
        decode: { (reader) throws(StoreFailure) in
            let group = try reader.groupName()
            let name = try reader.text("data_sa")
            let holder = try reader.optionalIdentity("holder_type", "holder")
            return SenderClaimRow(
                group: group, dataSA: name, holder: holder, association: try reader.blob("association"))
        })

    static let promises = Table<RekeyPromiseRow>(
        name: "rekey_promise", columns: ["group_name", "spi"], key: ["group_name"],
        encode: { (row) in [.name(row.group), .blob(row.spi.octets)] },
        decode: { (reader) throws(StoreFailure) in
            let group = try reader.groupName()
            return RekeyPromiseRow(group: group, spi: try reader.rekeySPI())
        })

    static let sequences = Table<SequenceRow>(
        name: "sequence_report",
        columns: ["group_name", "spi", "next", "counter", "at", "earlier_next", "earlier_at"],
        key: ["group_name", "spi"], encode: { (row) in sequenceValues(row) },
        decode: { (reader) throws(StoreFailure) in
            let group = try reader.groupName()
            let spi = ESPSPI(rawValue: try reader.number("spi"))
            let next: UInt64 = try reader.number("next")
            let counter: UInt32 = try reader.number("counter")
            let at = try reader.time("at")
            return SequenceRow(
                group: group, spi: spi, next: next, counter: counter, at: at,
                earlierNext: try reader.number("earlier_next"), earlierAt: try reader.time("earlier_at"))
        })

    private static func sequenceValues(_ row: SequenceRow) -> [SQLValue] {
        [
            .name(row.group), .number(row.spi.rawValue), .number(row.next), .number(row.counter), .time(row.at),
            .number(row.earlierNext), .time(row.earlierAt),
        ]
    }

    private static func claimValues(_ row: SenderClaimRow) -> [SQLValue] {
        [
            .name(row.group), .text(row.dataSA), row.holder.map { .number($0.type.rawValue) } ?? .null,
            .blob(row.holder?.octets), .blob(row.association),
        ]
    }

    static func steps(of mutation: SendingMutation) -> [TransactionSteps.Step] {
        switch mutation {
        case .putClaim(let row): [.init(sql: claims.putStatement(rows: 1), values: claimValues(row))]
        case .putPromise(let row):
            [.init(sql: promises.putStatement(rows: 1), values: [.name(row.group), .blob(row.spi.octets)])]
        case .putSequence(let row): [.init(sql: sequences.putStatement(rows: 1), values: sequenceValues(row))]
        case .removeSequence(let spi, let group):
            [.init(sql: sequences.removeStatement, values: [.name(group), .number(spi.rawValue)])]
        // Comes before the group's row, in `TransactionSteps`.
        case .resetSenderIDs: []
        }
    }

    /// What makes room for a `next_sender_id` that is lower.
    static func resetSteps(of group: GroupName) -> [TransactionSteps.Step] {
        [
            .init(sql: "DELETE FROM sender_id WHERE group_name = ?", values: [.name(group)]),
            .init(sql: "UPDATE group_state SET sender_id_floor = 0 WHERE name = ?", values: [.name(group)]),
        ]
    }
}
