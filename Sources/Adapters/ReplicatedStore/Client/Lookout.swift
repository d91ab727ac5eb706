import NIOCore

/// Asks the own node about the cluster on a connection of its own, so that no transaction is ever in the way.
actor Lookout {
    private let socketPath: String
    private let group: any EventLoopGroup
    private let turnstile = Turnstile()
    private var connection: EngineConnection?

    init(socketPath: String, group: any EventLoopGroup) {
        self.socketPath = socketPath
        self.group = group
    }

    func ask(_ request: EngineRequest, within limit: Duration) async throws(EngineFault) -> EngineReply {
        await turnstile.enter()
        defer { turnstile.leave() }
        if let connection, connection.isActive {
            do {
                return try await connection.perform(request, within: limit)
            } catch {
                // Idle connections are dropped by the relay. Everything that is asked here may be asked twice.
                guard case .cut = error, !connection.isActive else { throw error }
            }
        }
        let fresh = try await EngineConnection.open(socketPath: socketPath, on: group)
        connection = fresh
        return try await fresh.perform(request, within: limit)
    }

    func close() {
        connection?.close()
        connection = nil
    }
}
