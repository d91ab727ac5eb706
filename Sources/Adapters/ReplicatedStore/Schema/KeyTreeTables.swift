import GroupModel
import IKEVocabulary
import KeyMaterial

/// Key trees: their secrets and counters, nodes whose key is not their first one, leaves with who has them.
enum KeyTreeTables {
    static let schema = [
        """
        CREATE TABLE key_tree (
            group_name TEXT NOT NULL UNIQUE,
            sealed_secret BLOB NOT NULL,
            last_key_id INTEGER NOT NULL CHECK (last_key_id BETWEEN 0 AND 2147483647),
            leaves INTEGER NOT NULL CHECK (leaves BETWEEN 0 AND 16777216),
            known_height INTEGER NOT NULL CHECK (known_height BETWEEN 1 AND 24)
        ) STRICT
        """,
        """
        CREATE TABLE key_tree_node (
            group_name TEXT NOT NULL,
            level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 24),
            position INTEGER NOT NULL CHECK (position BETWEEN 0 AND 16777215),
            key_id INTEGER NOT NULL CHECK (key_id BETWEEN 1 AND 2147483647),
            UNIQUE (group_name, level, position)
        ) STRICT
        """,
        // A Key ID is of one key as long as its tree lives.
        """
        CREATE TRIGGER key_tree_node_key_id_grows BEFORE UPDATE ON key_tree_node
        WHEN NEW.key_id < OLD.key_id
        BEGIN SELECT RAISE(ABORT, 'a key id goes back'); END
        """,
        """
        CREATE TABLE key_leaf (
            group_name TEXT NOT NULL,
            leaf INTEGER NOT NULL CHECK (leaf BETWEEN 0 AND 16777215),
            key_id INTEGER NOT NULL CHECK (key_id BETWEEN 0 AND 2147483647),
            identity_type INTEGER CHECK (identity_type BETWEEN 0 AND 255),
            identity BLOB,
            is_marked INTEGER NOT NULL CHECK (is_marked IN (0, 1)),
            UNIQUE (group_name, leaf)
        ) STRICT
        """,
    ]

    static let clearStatements = [
        "DELETE FROM key_tree_node WHERE group_name = ?", "DELETE FROM key_leaf WHERE group_name = ?",
    ]

    static let trees = Table<KeyTreeRow>(
        name: "key_tree", columns: ["group_name", "sealed_secret", "last_key_id", "leaves", "known_height"],
        key: ["group_name"],
        encode: { (row) in
            [
                .name(row.group), .blob(row.sealedSecret.octets), .number(row.lastKeyID), .number(row.leaves),
                .number(row.knownHeight),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let group = try reader.groupName()
            return KeyTreeRow(
                group: group, sealedSecret: SealedKey(octets: try reader.blob("sealed_secret")),
                lastKeyID: try reader.number("last_key_id"), leaves: try reader.number("leaves"),
                knownHeight: try reader.number("known_height"))
        })

    static let nodes = Table<KeyTreeNodeRow>(
        name: "key_tree_node", columns: ["group_name", "level", "position", "key_id"],
        key: ["group_name", "level", "position"],
        encode: { (row) in
            [.name(row.group), .number(row.node.level), .number(row.node.index), .number(row.keyID)]
        },
        decode: { (reader) throws(StoreFailure) in
            let group = try reader.groupName()
            let level: UInt8 = try reader.number("level")
            let node = KeyTreeNode(level: level, index: try reader.number("position"))
            return KeyTreeNodeRow(group: group, node: node, keyID: try reader.number("key_id"))
        })

    static let leaves = Table<KeyLeafRow>(
        name: "key_leaf", columns: ["group_name", "leaf", "key_id", "identity_type", "identity", "is_marked"],
        key: ["group_name", "leaf"],
        encode: { (row) in
            [
                .name(row.group), .number(row.leaf), .number(row.keyID),
                row.holder.map { .number($0.type.rawValue) } ?? .null, .blob(row.holder?.octets),
                .bool(row.isMarked),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let group = try reader.groupName()
            let leaf: UInt32 = try reader.number("leaf")
            let keyID: UInt32 = try reader.number("key_id")
            let holder = try reader.optionalIdentity("identity_type", "identity")
            return KeyLeafRow(
                group: group, leaf: leaf, keyID: keyID, holder: holder, isMarked: try reader.bool("is_marked"))
        })
}
