import NIOCore

/// The one writer connection: runs transactions one after the other, and gives each failure its meaning.
actor Writer {
    private let socketPath: String
    private let group: any EventLoopGroup
    private let turnstile = Turnstile()
    private var session: DatabaseSession?
    private var isClosed = false

    init(socketPath: String, group: any EventLoopGroup) {
        self.socketPath = socketPath
        self.group = group
    }

    /// BEGIN IMMEDIATE, what `body` does, COMMIT. After any failure the transaction is rolled back or its connection dropped.
    func transaction<Value: Sendable>(
        lasting limit: Duration, _ body: @Sendable (DatabaseSession) async throws(StoreFailure) -> Value
    ) async throws(StoreFailure) -> Value {
        await turnstile.enter()
        defer { turnstile.leave() }
        return try await perform(lasting: limit, body)
    }

    /// A transaction, and a look at what it left behind before the next one can begin.
    func transaction<Seen: Sendable>(
        lasting limit: Duration, _ body: @Sendable (DatabaseSession) async throws(StoreFailure) -> Void,
        then look: @Sendable () async throws(StoreFailure) -> Seen
    ) async throws(StoreFailure) -> Seen {
        await turnstile.enter()
        defer { turnstile.leave() }
        try await perform(lasting: limit, body)
        return try await look()
    }

    private func perform<Value: Sendable>(
        lasting limit: Duration, _ body: @Sendable (DatabaseSession) async throws(StoreFailure) -> Value
    ) async throws(StoreFailure) -> Value {
        guard !isClosed else { throw .unavailable("this end of the store is closed") }
        let session = try await begin(until: .now + limit)
        let value: Value
        do {
            value = try await body(session)
        } catch {
            await abandon(session, after: error)
            throw error
        }
        do {
            try await session.commit()
        } catch {
            await drop(session)
            throw StoreFailure(ofCommit: error)
        }
        return value
    }

    private func begin(until deadline: ContinuousClock.Instant) async throws(StoreFailure) -> DatabaseSession {
        let patience = ContinuousClock.now + StoreLimits.lockWait
        var hasReconnected = false
        while true {
            let isReused = session != nil
            let session = try await openSession(until: deadline)
            do {
                try await session.begin(until: deadline)
                return session
            } catch {
                if error.isBusy {
                    // A connection that is being dropped still holds the lock.
                    guard ContinuousClock.now < patience else { throw .unavailable("the write lock is taken") }
                    guard (try? await Task.sleep(for: StoreLimits.lockRetry)) != nil else {
                        throw .unavailable("given up while the write lock is taken")
                    }
                    continue
                }
                await drop(session)
                // The relay drops idle connections; nothing was sent on this one but BEGIN.
                if case .cut = error, isReused, !hasReconnected {
                    hasReconnected = true
                    continue
                }
                throw StoreFailure(beforeCommit: error)
            }
        }
    }

    private func openSession(until deadline: ContinuousClock.Instant) async throws(StoreFailure) -> DatabaseSession {
        if let session, await session.isActive { return session }
        session = nil
        var opened: EngineConnection?
        do {
            let connection = try await EngineConnection.open(socketPath: socketPath, on: group)
            opened = connection
            let fresh = try await DatabaseSession(connection, until: deadline)
            session = fresh
            return fresh
        } catch {
            opened?.close()
            throw StoreFailure(beforeCommit: error)
        }
    }

    private func abandon(_ session: DatabaseSession, after failure: StoreFailure) async {
        switch failure {
        case .fenced, .constraint, .incompatible:
            do {
                try await session.rollBack()
            } catch {
                await drop(session)
            }
        case .notLeader, .forming, .unavailable, .unknownOutcome: await drop(session)
        }
    }

    private func drop(_ session: DatabaseSession) async {
        self.session = nil
        await session.close()
    }

    /// Lets the transaction under way end, within bounds; whoever waits for his turn is refused.
    func close() async {
        isClosed = true
        let end = ContinuousClock.now + StoreLimits.farewell
        while turnstile.isOccupied, ContinuousClock.now < end {
            guard (try? await Task.sleep(for: StoreLimits.lockRetry)) != nil else { break }
        }
        if let session { await drop(session) }
    }
}
