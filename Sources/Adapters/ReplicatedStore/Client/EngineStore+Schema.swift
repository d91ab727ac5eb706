import GroupModel

extension EngineStore {
    /// The newest schema that this program knows.
    package static var schemaKnown: Int64 { Migrations.current }

    /// Finds the schema, brings an empty store or a cluster of one up to date, and makes this session leave out what the schema
    /// does not have. All in the transaction that is under way.
    ///
    /// - Returns: the schema that the store is in.
    static func settleSchema(_ session: DatabaseSession, isAlone: Bool) async throws(StoreFailure) -> Int64 {
        try await session.execute(Migrations.versionTable)
        try await session.execute("INSERT OR IGNORE INTO schema_version (only_row, version) VALUES (1, 0)")
        let rows = try await session.query("SELECT version FROM schema_version")
        var reader = RowReader(rows.first ?? [], of: "schema_version")
        let found = try reader.integer("version")
        let wanted = try SchemaChange.wanted(found: found, isAlone: isAlone)
        for step in SchemaChange.steps(from: found, to: wanted) {
            if step.values.isEmpty {
                try await session.execute(step.sql)
            } else if try await session.execute(step.sql, step.values) == 0, let missing = step.missing {
                throw .constraint(missing)
            }
        }
        await session.leaveOut(SchemaChange.absent(in: wanted))
        return wanted
    }

    static func readSending(_ session: DatabaseSession) async throws(StoreFailure) -> SendingState {
        SendingState(
            claims: try await readAll(SendingTables.claims, session),
            promises: try await readAll(SendingTables.promises, session),
            sequences: try await readAll(SendingTables.sequences, session))
    }

    static func readUpkeep(_ session: DatabaseSession, schema: Int64) async throws(StoreFailure) -> UpkeepState {
        UpkeepState(
            schema: schema, cluster: try await readAll(UpkeepTables.clusters, session).first,
            nodes: try await readAll(UpkeepTables.nodes, session),
            tokens: try await readAll(UpkeepTables.tokens, session),
            rotation: try await readAll(UpkeepTables.rotations, session).first)
    }
}
