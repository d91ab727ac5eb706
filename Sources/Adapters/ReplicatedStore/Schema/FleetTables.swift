import GroupModel
import IKEVocabulary
import KeyMaterial

/// The tables of the frontends' fleet.
enum FleetTables {
    static let schema = [
        """
        CREATE TABLE fleet_secret (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            sealed_secret BLOB NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE frontend (
            name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
            number INTEGER NOT NULL UNIQUE CHECK (number BETWEEN 1 AND 65535),
            is_draining INTEGER NOT NULL CHECK (is_draining IN (0, 1)),
            redirect_to TEXT NOT NULL,
            deadline INTEGER,
            changed_at INTEGER NOT NULL
        ) STRICT
        """,
        // What a frontend's SPIs name must not become another's.
        """
        CREATE TRIGGER frontend_number_stays BEFORE UPDATE ON frontend
        WHEN NEW.number <> OLD.number
        BEGIN SELECT RAISE(ABORT, 'the number of a frontend changes'); END
        """,
    ]

    static let secrets = Table<FleetSecretRow>(
        name: "fleet_secret", columns: ["only_row", "sealed_secret", "created_at"], key: ["only_row"],
        encode: { (row) in [.integer(1), .blob(row.sealedSecret.octets), .time(row.createdAt)] },
        decode: { (reader) throws(StoreFailure) in
            _ = try reader.integer("only_row")
            return FleetSecretRow(
                sealedSecret: SealedKey(octets: try reader.blob("sealed_secret")),
                createdAt: try reader.time("created_at"))
        })

    static let frontends = Table<FrontendRow>(
        name: "frontend", columns: ["name", "number", "is_draining", "redirect_to", "deadline", "changed_at"],
        key: ["name"],
        encode: { (row) in
            [
                .text(row.name), .number(row.number.rawValue), .bool(row.drain != nil),
                .text(row.drain?.redirectTo ?? ""), .time(row.drain?.deadline), .time(row.changedAt),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let name = try reader.text("name")
            guard let number = FrontendNumber(rawValue: try reader.number("number")) else {
                throw reader.fault("number")
            }
            let isDraining = try reader.bool("is_draining")
            let target = try reader.text("redirect_to")
            let deadline = try reader.optionalTime("deadline")
            return FrontendRow(
                name: name, number: number,
                drain: isDraining
                    ? DrainOrder(redirectTo: target.isEmpty ? nil : target, deadline: deadline) : nil,
                changedAt: try reader.time("changed_at"))
        })
}
