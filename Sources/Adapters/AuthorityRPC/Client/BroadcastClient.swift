import GRPCCore
package import GroupModel
import Synchronization

/// A broadcaster's link to the leading authority.
///
/// `orders` yields what the leader hands out; after a reconnect the leader repeats every order that it has no
/// acknowledgement for, so an order may come twice.
package final class BroadcastClient: Sendable {
    private struct State {
        var acknowledged: [Int64] = []
        var unsendable: [Int64] = []
        var heartbeat: [String: Int64] = [:]
        var isHeartbeatDue = false
    }

    /// What came with one message.
    package enum Handed: Hashable, Sendable {
        case orders([RekeyOrder])
        /// Another broadcaster has these orders now.
        case withdrawn([Int64])
    }

    /// Read once.
    package let orders: AsyncStream<Handed>

    private let name: String
    private let stream: LeaderStream
    private let state = Mutex(State())
    private let continuation: AsyncStream<Handed>.Continuation
    private let onState: @Sendable (LinkState) -> Void

    package init(link: AuthorityLink, onState: @escaping @Sendable (LinkState) -> Void) {
        name = link.name
        stream = LeaderStream(link: link)
        self.onState = onState
        (orders, continuation) = AsyncStream.makeStream()
    }

    /// Runs until the task is cancelled; then `orders` finishes.
    package func run() async {
        await stream.run(Stream(client: self))
        continuation.finish()
    }

    /// The last copy of these orders has left. Kept until a leader can be told.
    package func acknowledge(_ numbers: [Int64]) {
        state.withLock { $0.acknowledged.append(contentsOf: numbers) }
        stream.wake()
    }

    /// Copies of these orders do not leave here. Told to the leader of now only: the next one hears of it with the next failure.
    package func cannotSend(_ numbers: [Int64]) {
        state.withLock { state in
            guard state.unsendable.count < Limits.batchItems else { return }
            state.unsendable.append(contentsOf: numbers.prefix(Limits.batchItems - state.unsendable.count))
        }
        stream.wake()
    }

    /// Other authorities, or other certificates to show them: the stream is made anew, and nothing that is outstanding is lost.
    package func follow(_ link: AuthorityLink) { stream.follow(link) }

    /// Counters for `gcksctl status`; the last ones are told again after a reconnect.
    package func heartbeat(_ counters: [String: Int64]) {
        state.withLock { state in
            state.heartbeat = counters
            state.isHeartbeatDue = true
        }
        stream.wake()
    }
}

extension BroadcastClient {
    fileprivate func opened(_ authority: String) {
        state.withLock { state in
            state.isHeartbeatDue = !state.heartbeat.isEmpty
            state.unsendable = []
        }
        onState(.connected(authority))
        stream.wake()
    }

    fileprivate func nextReport() -> Gcks_V1_BroadcastReport? {
        state.withLock { state in
            guard !state.acknowledged.isEmpty || !state.unsendable.isEmpty || state.isHeartbeatDue else { return nil }
            var report = Gcks_V1_BroadcastReport()
            report.acknowledged = Array(state.acknowledged.prefix(Limits.batchItems))
            state.acknowledged.removeFirst(report.acknowledged.count)
            report.unsendable = state.unsendable
            state.unsendable = []
            if state.isHeartbeatDue { report.heartbeat.counters = state.heartbeat }
            state.isHeartbeatDue = false
            return report
        }
    }

    fileprivate func received(_ batch: Gcks_V1_RekeyOrderBatch) throws(ContractError) {
        let orders = try checkedList(
            batch.orders, "RekeyOrderBatch.orders", atMost: Limits.batchItems
        ) { order throws(ContractError) in try RekeyOrder(order) }
        guard batch.withdrawn.count <= Limits.batchItems else {
            throw ContractError("RekeyOrderBatch.withdrawn", .tooLong(limit: Limits.batchItems))
        }
        if !batch.withdrawn.isEmpty { continuation.yield(.withdrawn(batch.withdrawn)) }
        if !orders.isEmpty { continuation.yield(.orders(orders)) }
    }

    private final class Stream: LeaderStreamUser {
        private let client: BroadcastClient

        init(client: BroadcastClient) { self.client = client }

        var method: MethodDescriptor { Gcks_V1_Broadcast.Method.Follow.descriptor }

        func hello() -> Gcks_V1_BroadcastReport {
            var report = Gcks_V1_BroadcastReport()
            report.hello.name = client.name
            return report
        }

        func streamOpened(_ authority: String) { client.opened(authority) }
        func streamLost(_ reason: String) { client.onState(.lost(reason)) }
        func nextMessage() -> Gcks_V1_BroadcastReport? { client.nextReport() }
        func received(_ message: Gcks_V1_RekeyOrderBatch) throws(ContractError) { try client.received(message) }
    }
}
