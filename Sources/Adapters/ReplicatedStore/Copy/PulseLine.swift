import GroupModel
import NIOCore

/// The leader's end of the pulse: one small write, on a connection of its own.
actor PulseLine {
    static let database = "pulse"
    private static let table = """
        CREATE TABLE IF NOT EXISTS pulse (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            record BLOB NOT NULL
        ) STRICT
        """
    private static let put = """
        INSERT INTO pulse (only_row, record) VALUES (1, ?)
        ON CONFLICT (only_row) DO UPDATE SET record = excluded.record
        """

    private let socketPath: String
    private let group: any EventLoopGroup
    private var session: DatabaseSession?

    init(socketPath: String, group: any EventLoopGroup) {
        self.socketPath = socketPath
        self.group = group
    }

    func write(_ record: PulseRecord) async throws(StoreFailure) {
        let session = try await open()
        do throws(StoreFailure) {
            await session.allow(until: .now + StoreLimits.request)
            try await session.execute(Self.put, [.blob(record.encoded)])
        } catch {
            await close()
            throw error
        }
    }

    private func open() async throws(StoreFailure) -> DatabaseSession {
        if let session, await session.isActive { return session }
        session = nil
        do {
            let connection = try await EngineConnection.open(socketPath: socketPath, on: group)
            let fresh = try await DatabaseSession(
                connection, database: Self.database, until: .now + StoreLimits.request)
            session = fresh
        } catch {
            throw StoreFailure(beforeCommit: error)
        }
        guard let session else { throw .unavailable("no session") }
        try await session.execute(Self.table)
        return session
    }

    func close() async {
        await session?.close()
        session = nil
    }
}
