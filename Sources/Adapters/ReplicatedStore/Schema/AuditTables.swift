import GroupModel
import IKEVocabulary
import KeyMaterial

/// The audit trail on disk. `audit_state` is one row from the first record on: whose trail it is and what was forgotten of it.
enum AuditTables {
    static let schema = [
        """
        CREATE TABLE audit_state (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            cluster TEXT NOT NULL CHECK (length(cluster) = 32),
            public_key BLOB NOT NULL,
            sealed_key BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            floor_seq INTEGER NOT NULL DEFAULT 0 CHECK (floor_seq >= 0),
            floor_hash BLOB NOT NULL CHECK (length(floor_hash) = 32)
        ) STRICT
        """,
        // `record` is the canonical octets that `hash` covers, together with the hash of the row before.
        """
        CREATE TABLE audit (
            seq INTEGER PRIMARY KEY CHECK (seq >= 1),
            record BLOB NOT NULL,
            hash BLOB NOT NULL CHECK (length(hash) = 32)
        ) STRICT
        """,
        """
        CREATE TABLE audit_anchor (
            seq INTEGER PRIMARY KEY CHECK (seq >= 1),
            hash BLOB NOT NULL CHECK (length(hash) = 32),
            at INTEGER NOT NULL,
            signature BLOB NOT NULL
        ) STRICT
        """,
        """
        CREATE TRIGGER audit_has_no_gap BEFORE INSERT ON audit
        WHEN NEW.seq <> 1 + coalesce((SELECT max(seq) FROM audit), (SELECT floor_seq FROM audit_state), 0)
        BEGIN SELECT RAISE(ABORT, 'audit record out of order'); END
        """,
        """
        CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'audit records do not change'); END
        """,
        """
        CREATE TRIGGER audit_stays_above_its_floor BEFORE DELETE ON audit
        WHEN OLD.seq > coalesce((SELECT floor_seq FROM audit_state), 0)
        BEGIN SELECT RAISE(ABORT, 'audit record above the floor'); END
        """,
        """
        CREATE TRIGGER audit_anchor_has_its_record BEFORE INSERT ON audit_anchor
        WHEN NOT EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq AND hash = NEW.hash)
        BEGIN SELECT RAISE(ABORT, 'audit anchor without its record'); END
        """,
        """
        CREATE TRIGGER audit_anchor_is_never_changed BEFORE UPDATE ON audit_anchor
        BEGIN SELECT RAISE(ABORT, 'audit anchors do not change'); END
        """,
        """
        CREATE TRIGGER audit_anchor_stays_above_the_floor BEFORE DELETE ON audit_anchor
        WHEN OLD.seq >= coalesce((SELECT floor_seq FROM audit_state), 0)
        BEGIN SELECT RAISE(ABORT, 'audit anchor above the floor'); END
        """,
        // The key's sealing may change (another root key); whose trail it is never does. The floor stands on an anchor.
        """
        CREATE TRIGGER audit_state_stays BEFORE UPDATE ON audit_state
        WHEN NEW.cluster <> OLD.cluster OR NEW.public_key <> OLD.public_key OR NEW.floor_seq < OLD.floor_seq
            OR (NEW.floor_seq > OLD.floor_seq AND NOT EXISTS (
                SELECT 1 FROM audit_anchor WHERE seq = NEW.floor_seq AND hash = NEW.floor_hash))
        BEGIN SELECT RAISE(ABORT, 'the audit key or floor would change'); END
        """,
        """
        CREATE TRIGGER audit_state_is_kept BEFORE DELETE ON audit_state
        BEGIN SELECT RAISE(ABORT, 'the audit key is kept'); END
        """,
    ]

    /// A record as it lies on disk; what it continues is the row before it.
    struct StoredRecord: Sendable {
        let seq: Int64
        let octets: [UInt8]
        let hash: [UInt8]

        init(_ record: AuditRecord) { (seq, octets, hash) = (record.seq, record.canonicalOctets, record.hash) }
        init(seq: Int64, octets: [UInt8], hash: [UInt8]) { (self.seq, self.octets, self.hash) = (seq, octets, hash) }
    }

    static let records = Table<StoredRecord>(
        name: "audit", columns: ["seq", "record", "hash"], key: ["seq"],
        encode: { (row) in [.integer(row.seq), .blob(row.octets), .blob(row.hash)] },
        decode: { (reader) throws(StoreFailure) in
            let seq = try reader.integer("seq")
            return StoredRecord(seq: seq, octets: try reader.blob("record"), hash: try reader.blob("hash"))
        })

    static let anchors = Table<AuditAnchor>(
        name: "audit_anchor", columns: ["seq", "hash", "at", "signature"], key: ["seq"],
        encode: { (anchor) in
            [.integer(anchor.place.seq), .blob(anchor.place.hash), .time(anchor.at), .blob(anchor.signature)]
        },
        decode: { (reader) throws(StoreFailure) in
            let seq = try reader.integer("seq")
            let place = AuditPlace(seq: seq, hash: try reader.blob("hash"))
            return AuditAnchor(place: place, at: try reader.time("at"), signature: try reader.blob("signature"))
        })

    static let putKey = """
        INSERT INTO audit_state (only_row, cluster, public_key, sealed_key, created_at, floor_seq, floor_hash)
        VALUES (1, ?, ?, ?, ?, 0, ?)
        ON CONFLICT (only_row) DO UPDATE SET
            cluster = excluded.cluster, public_key = excluded.public_key, sealed_key = excluded.sealed_key
        """

    static func putKeyValues(_ row: AuditKeyRow) -> [SQLValue] {
        [
            .text(row.key.cluster), .blob(row.key.publicKey), .blob(row.sealedKey.octets), .time(row.createdAt),
            .blob(AuditPlace.start.hash),
        ]
    }

    /// Moves the floor, then deletes a part of what lies under it.
    static func forgetSteps(through place: AuditPlace) -> [(sql: String, values: [SQLValue])] {
        [
            ("UPDATE audit_state SET floor_seq = ?, floor_hash = ?", [.integer(place.seq), .blob(place.hash)]),
            (
                "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE seq <= ? ORDER BY seq LIMIT ?)",
                [.integer(place.seq), .number(StateLimits.auditForgottenAtOnce)]
            ),
            ("DELETE FROM audit_anchor WHERE seq < ?", [.integer(place.seq)]),
        ]
    }

    static let state = "SELECT cluster, public_key, sealed_key, created_at, floor_seq, floor_hash FROM audit_state"

    struct StoredState: Sendable {
        let key: AuditKeyRow
        let floor: AuditPlace
    }

    static func state(_ row: SQLRow) throws(StoreFailure) -> StoredState {
        var reader = RowReader(row, of: "audit_state")
        let cluster = try reader.text("cluster")
        let key = AuditKey(cluster: cluster, publicKey: try reader.blob("public_key"))
        let sealed = SealedKey(octets: try reader.blob("sealed_key"))
        let keyRow = AuditKeyRow(key: key, sealedKey: sealed, createdAt: try reader.time("created_at"))
        let seq = try reader.integer("floor_seq")
        return StoredState(key: keyRow, floor: AuditPlace(seq: seq, hash: try reader.blob("floor_hash")))
    }

    static let head = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
    static let oldest = "SELECT seq FROM audit ORDER BY seq LIMIT 1"
    /// The record before the page comes with it: its hash is what the page continues.
    static let page = "SELECT seq, record, hash FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?"
    static let pageAnchors =
        "SELECT seq, hash, at, signature FROM audit_anchor WHERE seq >= ? AND seq <= ? ORDER BY seq"
}
