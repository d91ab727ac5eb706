/// The schema, version by version. A migration is never changed once released: a new one is added.
///
/// Tables are STRICT and use only INTEGER, TEXT and BLOB: the engine's node dies on text in a BOOLEAN column and the like.
enum Migrations {
    static let all: [[String]] = [version1, version2]
    static var current: Int64 { Int64(all.count) }

    /// The first statement that every database sees.
    static let versionTable = """
        CREATE TABLE IF NOT EXISTS schema_version (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            version INTEGER NOT NULL CHECK (version >= 0)
        ) STRICT
        """

    private static let version2 =
        AuditTables.schema + ControlTables.schema + FleetTables.schema + UpkeepTables.schema + NodeTables.schema
        + LifeTable.schema + SendingTables.schema + KeyTreeTables.schema

    private static let version1 = [
        // Who writes: `term` fences, `commits` counts, `fences` makes look-ups take part in the log.
        """
        CREATE TABLE leadership (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            term INTEGER NOT NULL CHECK (term >= 0),
            commits INTEGER NOT NULL CHECK (commits >= 0),
            fences INTEGER NOT NULL CHECK (fences >= 0)
        ) STRICT
        """,
        "INSERT INTO leadership (only_row, term, commits, fences) VALUES (1, 0, 0, 0)",
        """
        CREATE TABLE group_state (
            name TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
            definition TEXT NOT NULL,
            generation INTEGER NOT NULL CHECK (generation >= 0),
            next_sender_id INTEGER NOT NULL CHECK (next_sender_id BETWEEN 0 AND 4294967296),
            changed_at INTEGER NOT NULL,
            sender_id_floor INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        """
        CREATE TRIGGER group_state_sender_id_grows BEFORE UPDATE ON group_state
        WHEN NEW.next_sender_id < OLD.next_sender_id
        BEGIN SELECT RAISE(ABORT, 'next_sender_id goes back'); END
        """,
        // Each Sender-ID that was ever given, once. Old rows leave below a floor that only rises.
        """
        CREATE TABLE sender_id (
            group_name TEXT NOT NULL,
            id INTEGER NOT NULL CHECK (id BETWEEN 0 AND 4294967295),
            operation BLOB NOT NULL,
            given_at INTEGER NOT NULL,
            PRIMARY KEY (group_name, id)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX sender_id_given_at ON sender_id (given_at)",
        """
        CREATE TRIGGER sender_id_is_fresh BEFORE INSERT ON sender_id
        WHEN NEW.id < (SELECT sender_id_floor FROM group_state WHERE name = NEW.group_name)
        BEGIN SELECT RAISE(ABORT, 'sender_id below the floor'); END
        """,
        """
        CREATE TABLE rekey_sa (
            spi BLOB PRIMARY KEY CHECK (length(spi) = 16),
            group_name TEXT NOT NULL,
            sealed_keymat BLOB NOT NULL,
            auth_key BLOB,
            sealed_signing_key BLOB,
            next_message_id INTEGER NOT NULL CHECK (next_message_id BETWEEN 0 AND 4294967295),
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            retired_at INTEGER
        ) STRICT
        """,
        """
        CREATE TRIGGER rekey_sa_message_id_grows BEFORE UPDATE ON rekey_sa
        WHEN NEW.next_message_id < OLD.next_message_id
        BEGIN SELECT RAISE(ABORT, 'next_message_id goes back'); END
        """,
        // Message IDs that were used, also of orders that are done: they stay as long as the Rekey SA.
        """
        CREATE TABLE message_id (
            spi BLOB NOT NULL CHECK (length(spi) = 16),
            id INTEGER NOT NULL CHECK (id BETWEEN 0 AND 4294967295),
            PRIMARY KEY (spi, id)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE rekey_order (
            number INTEGER PRIMARY KEY,
            group_name TEXT NOT NULL,
            spi BLOB NOT NULL CHECK (length(spi) = 16),
            message_id INTEGER NOT NULL CHECK (message_id BETWEEN 0 AND 4294967295),
            destination TEXT NOT NULL,
            time_to_live INTEGER NOT NULL CHECK (time_to_live BETWEEN 0 AND 255),
            datagrams BLOB NOT NULL,
            copies INTEGER NOT NULL CHECK (copies BETWEEN 0 AND 255),
            spacing INTEGER NOT NULL CHECK (spacing >= 0),
            created_at INTEGER NOT NULL,
            UNIQUE (spi, message_id)
        ) STRICT
        """,
        """
        CREATE TABLE data_sa (
            group_name TEXT NOT NULL,
            spi INTEGER NOT NULL CHECK (spi BETWEEN 256 AND 4294967295),
            name TEXT NOT NULL,
            sealed_key BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            retired_at INTEGER,
            UNIQUE (group_name, spi)
        ) STRICT
        """,
        """
        CREATE TABLE member (
            group_name TEXT NOT NULL,
            identity_type INTEGER NOT NULL CHECK (identity_type BETWEEN 0 AND 255),
            identity BLOB NOT NULL,
            is_sender INTEGER NOT NULL CHECK (is_sender IN (0, 1)),
            sender_ids BLOB NOT NULL CHECK (length(sender_ids) % 4 = 0),
            supports_fragmentation INTEGER NOT NULL CHECK (supports_fragmentation IN (0, 1)),
            authentication TEXT NOT NULL,
            registered_at INTEGER NOT NULL,
            remote TEXT NOT NULL,
            frontend TEXT NOT NULL,
            operation BLOB NOT NULL,
            UNIQUE (group_name, identity_type, identity)
        ) STRICT
        """,
        """
        CREATE TABLE operation (
            operation BLOB NOT NULL UNIQUE CHECK (length(operation) BETWEEN 8 AND 40),
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            group_name TEXT NOT NULL,
            sender_ids BLOB NOT NULL CHECK (length(sender_ids) % 4 = 0),
            summary TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX operation_at ON operation (at)",
    ]
}
