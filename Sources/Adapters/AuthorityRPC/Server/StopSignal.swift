import Synchronization

/// Tells every running stream that this server stops, so that a graceful shutdown need not wait for their peers.
final class StopSignal: Sendable {
    private struct State {
        var isStopping = false
        var nextWaiter = 0
        var waiters: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    func stop() {
        let waiters = state.withLock { state in
            state.isStopping = true
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.finish() }
    }

    /// Returns when the server stops or the calling task is cancelled.
    func wait() async {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        let number: Int? = state.withLock { state in
            guard !state.isStopping else { return nil }
            state.nextWaiter += 1
            state.waiters[state.nextWaiter] = continuation
            return state.nextWaiter
        }
        guard let number else { return }
        for await _ in stream {}
        _ = state.withLock { $0.waiters.removeValue(forKey: number) }
    }
}
