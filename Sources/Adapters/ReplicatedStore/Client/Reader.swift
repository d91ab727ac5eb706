import NIOCore

/// Looks at the database beside the writer, on a connection of its own for each question: a long read holds up no commit. One
/// question at a time.
actor Reader {
    private let socketPath: String
    private let group: any EventLoopGroup
    private let turnstile = Turnstile()

    init(socketPath: String, group: any EventLoopGroup) {
        self.socketPath = socketPath
        self.group = group
    }

    func read<Value: Sendable>(
        _ body: @Sendable (DatabaseSession) async throws(StoreFailure) -> Value
    ) async throws(StoreFailure) -> Value {
        await turnstile.enter()
        defer { turnstile.leave() }
        let connection: EngineConnection
        let session: DatabaseSession
        do {
            connection = try await EngineConnection.open(socketPath: socketPath, on: group)
        } catch {
            throw StoreFailure(beforeCommit: error)
        }
        defer { connection.close() }
        do {
            session = try await DatabaseSession(connection, until: .now + StoreLimits.transaction)
        } catch {
            throw StoreFailure(beforeCommit: error)
        }
        return try await body(session)
    }
}
