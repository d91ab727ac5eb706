import GroupModel
import IKEVocabulary

/// What the cluster keeps about itself: its id, the nodes operators want, tokens for joining, the root key in force.
enum UpkeepTables {
    static let schema = [
        """
        CREATE TABLE cluster (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            id BLOB NOT NULL CHECK (length(id) = 16)
        ) STRICT
        """,
        """
        CREATE TRIGGER cluster_id_stays BEFORE UPDATE ON cluster
        WHEN NEW.id <> OLD.id
        BEGIN SELECT RAISE(ABORT, 'the cluster has its id'); END
        """,
        """
        CREATE TABLE cluster_node (
            id INTEGER NOT NULL UNIQUE CHECK (id >= 1),
            name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
            store TEXT NOT NULL,
            duty TEXT NOT NULL CHECK (duty IN ('voter', 'spare', 'retired')),
            changed_at INTEGER NOT NULL
        ) STRICT
        """,
        // Votes of a disk that is gone must never count again.
        """
        CREATE TRIGGER cluster_node_id_is_not_used_again BEFORE UPDATE ON cluster_node
        WHEN NEW.name <> OLD.name OR (OLD.duty = 'retired' AND NEW.duty <> 'retired')
        BEGIN SELECT RAISE(ABORT, 'a node id would be used again'); END
        """,
        """
        CREATE TABLE join_token (
            secret_hash BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
            node TEXT NOT NULL CHECK (length(node) BETWEEN 1 AND 255),
            id INTEGER NOT NULL CHECK (id >= 1),
            expires_at INTEGER NOT NULL,
            created_by TEXT NOT NULL,
            used_at INTEGER
        ) STRICT
        """,
        """
        CREATE TRIGGER join_token_is_used_once BEFORE UPDATE ON join_token
        WHEN OLD.used_at IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a join token would be used twice'); END
        """,
        """
        CREATE TABLE root_rotation (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            target INTEGER NOT NULL CHECK (target BETWEEN 0 AND 4294967295),
            started_at INTEGER NOT NULL,
            started_by TEXT NOT NULL
        ) STRICT
        """,
    ]

    static let clusters = Table<ClusterID>(
        name: "cluster", columns: ["only_row", "id"], key: ["only_row"],
        encode: { (id) in [.integer(1), .blob(id.octets)] },
        decode: { (reader) throws(StoreFailure) in
            _ = try reader.integer("only_row")
            guard let id = ClusterID(octets: try reader.blob("id")) else { throw reader.fault("id") }
            return id
        })

    static let nodes = Table<ClusterNodeRow>(
        name: "cluster_node", columns: ["id", "name", "store", "duty", "changed_at"], key: ["id"],
        encode: nodeValues,
        decode: { (reader) throws(StoreFailure) in
            let id: UInt64 = try reader.number("id")
            let name = try reader.text("name")
            return ClusterNodeRow(
                id: id, name: name, store: try reader.text("store"),
                duty: try reader.parsed("duty") { ClusterNodeRow.Duty(rawValue: $0) },
                changedAt: try reader.time("changed_at"))
        })

    static let tokens = Table<JoinTokenRow>(
        name: "join_token", columns: ["secret_hash", "node", "id", "expires_at", "created_by", "used_at"],
        key: ["secret_hash"], encode: tokenValues,
        decode: { (reader) throws(StoreFailure) in
            let hash = try reader.blob("secret_hash")
            let node = try reader.text("node")
            return JoinTokenRow(
                secretHash: hash, node: node, id: try reader.number("id"), expiresAt: try reader.time("expires_at"),
                by: try reader.text("created_by"), usedAt: try reader.optionalTime("used_at"))
        })

    static let rotations = Table<RootRotationRow>(
        name: "root_rotation", columns: ["only_row", "target", "started_at", "started_by"], key: ["only_row"],
        encode: rotationValues,
        decode: { (reader) throws(StoreFailure) in
            _ = try reader.integer("only_row")
            let target: UInt32 = try reader.number("target")
            return RootRotationRow(
                target: target, startedAt: try reader.time("started_at"), by: try reader.text("started_by"))
        })

    @Sendable private static func nodeValues(_ row: ClusterNodeRow) -> [SQLValue] {
        [.number(row.id), .text(row.name), .text(row.store), .text(row.duty.rawValue), .time(row.changedAt)]
    }

    @Sendable private static func tokenValues(_ row: JoinTokenRow) -> [SQLValue] {
        [
            .blob(row.secretHash), .text(row.node), .number(row.id), .time(row.expiresAt), .text(row.by),
            .time(row.usedAt),
        ]
    }

    @Sendable private static func rotationValues(_ row: RootRotationRow) -> [SQLValue] {
        [.integer(1), .number(row.target), .time(row.startedAt), .text(row.by)]
    }

    static func steps(of mutation: UpkeepMutation) -> [TransactionSteps.Step] {
        switch mutation {
        case .setCluster(let id):
            [.init(sql: clusters.putStatement(rows: 1), values: [.integer(1), .blob(id.octets)])]
        case .putNode(let row): [.init(sql: nodes.putStatement(rows: 1), values: nodeValues(row))]
        case .putToken(let row): [.init(sql: tokens.putStatement(rows: 1), values: tokenValues(row))]
        case .removeToken(let hash): [.init(sql: tokens.removeStatement, values: [.blob(hash)])]
        case .putRotation(let row): [.init(sql: rotations.putStatement(rows: 1), values: rotationValues(row))]
        case .raiseSchema(let old, let new): SchemaChange.steps(from: old, to: new)
        }
    }
}
