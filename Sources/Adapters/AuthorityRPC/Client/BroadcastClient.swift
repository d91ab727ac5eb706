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
        var heartbeat: [String: Int64] = [:]
        var isHeartbeatDue = false
    }

    /// Read once.
    package let orders: AsyncStream<[RekeyOrder]>

    private let name: String
    private let stream: LeaderStream
    private let state = Mutex(State())
    private let continuation: AsyncStream<[RekeyOrder]>.Continuation
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
        state.withLock { $0.isHeartbeatDue = !$0.heartbeat.isEmpty }
        onState(.connected(authority))
        stream.wake()
    }

    fileprivate func nextReport() -> Gcks_V1_BroadcastReport? {
        state.withLock { state in
            guard !state.acknowledged.isEmpty || state.isHeartbeatDue else { return nil }
            var report = Gcks_V1_BroadcastReport()
            report.acknowledged = Array(state.acknowledged.prefix(Limits.batchItems))
            state.acknowledged.removeFirst(report.acknowledged.count)
            if state.isHeartbeatDue { report.heartbeat.counters = state.heartbeat }
            state.isHeartbeatDue = false
            return report
        }
    }

    fileprivate func received(_ batch: Gcks_V1_RekeyOrderBatch) throws(ContractError) {
        let orders = try checkedList(
            batch.orders, "RekeyOrderBatch.orders", atMost: Limits.batchItems
        ) { order throws(ContractError) in try RekeyOrder(order) }
        if !orders.isEmpty { continuation.yield(orders) }
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
