import GRPCCore
import Synchronization

/// One long stream with a peer, whatever it carries: the first message opens a session, the rest feed it; the session's
/// outputs are written back until the peer hangs up, the session ends or the server stops.
struct PeerStream<Inbound: Sendable, Outbound: Sendable, Session: Sendable, Item: Sendable> {
    let open: @Sendable (Inbound) async throws -> Session
    let take: @Sendable (Inbound, Session) async throws -> Void
    let close: @Sendable (Session) async -> Void
    let welcome: Outbound
    let outputs: @Sendable (Session) -> AsyncStream<SessionOutput<Item>>
    /// The messages that carry these items.
    let encode: @Sendable ([Item], Session) -> [Outbound]
    /// Each of those messages once its octets are written, or could not be.
    var written: @Sendable (Outbound) -> Void = { _ in }

    func run(
        _ inbound: RPCAsyncSequence<Inbound, any Error>, _ writer: RPCWriter<Outbound>, until stop: StopSignal
    ) async throws {
        let (opened, announce) = AsyncStream<Session>.makeStream()
        let held = HeldSession<Session>()
        let result: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { announce.finish() }
                    try await read(inbound) { session in
                        held.session.withLock { $0 = session }
                        announce.yield(session)
                    }
                }
                group.addTask {
                    for await session in opened { try await write(session, to: writer) }
                    // Nothing was opened: the reader knows why.
                    await stop.wait()
                }
                group.addTask {
                    await stop.wait()
                    throw StreamRefusal.unavailable("this authority stops").rpcError
                }
                defer { group.cancelAll() }
                try await group.next()
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        // Last: closing ends the outputs too, which must not pass for the reason of the end.
        if let session = held.session.withLock({ $0 }) { await close(session) }
        do {
            try result.get()
        } catch let error as ContractError {
            throw error.rpcError
        } catch let refusal as StreamRefusal {
            throw refusal.rpcError
        }
    }

    private func read(
        _ inbound: RPCAsyncSequence<Inbound, any Error>, announce: (Session) -> Void
    ) async throws {
        var session: Session?
        for try await message in inbound {
            if session == nil {
                let opened = try await open(message)
                session = opened
                announce(opened)
            }
            if let session { try await take(message, session) }
        }
    }

    private func write(_ session: Session, to writer: RPCWriter<Outbound>) async throws {
        try await writer.write(welcome)
        for await output in outputs(session) {
            switch output {
            case .items(let items):
                let messages = encode(items, session)
                defer { for message in messages { written(message) } }
                for message in messages { try await writer.write(message) }
            case .ended(let refusal): throw refusal
            }
        }
        try Task.checkCancellation()
        throw StreamRefusal.unavailable("the session ended")
    }
}

/// The session that a stream opened, if it did.
private final class HeldSession<Session: Sendable>: Sendable {
    let session = Mutex<Session?>(nil)
}
