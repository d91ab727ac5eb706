import GroupModel

/// What is kept about the cluster's own nodes.
enum NodeTables {
    static let schema = [
        """
        CREATE TABLE drained_node (
            name TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
            since INTEGER NOT NULL
        ) STRICT
        """
    ]

    static let drained = Table<DrainedNodeRow>(
        name: "drained_node", columns: ["name", "since"], key: ["name"],
        encode: { (row) in [.text(row.name), .time(row.since)] },
        decode: { (reader) throws(StoreFailure) in
            let name = try reader.text("name")
            return DrainedNodeRow(name: name, since: try reader.time("since"))
        })
}
