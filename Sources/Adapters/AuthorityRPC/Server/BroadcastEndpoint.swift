import GRPCCore
import GroupModel

/// Broadcast.Follow: one broadcaster's stream.
struct BroadcastEndpoint: Gcks_V1_Broadcast.SimpleServiceProtocol {
    let listener: AuthorityListener
    let service: any AuthorityService
    let stop: StopSignal

    func follow(
        request: RPCAsyncSequence<Gcks_V1_BroadcastReport, any Error>,
        response: RPCWriter<Gcks_V1_RekeyOrderBatch>, context: ServerContext
    ) async throws {
        var welcome = Gcks_V1_RekeyOrderBatch()
        welcome.welcome = Gcks_V1_Welcome()
        let stream = PeerStream<_, _, any BroadcastSession, _>(
            open: { first in
                let name = try checkedText(first.hello.name, "Hello.name")
                let peer = try listener.admit(.broadcaster, name: name, context)
                return try await service.openBroadcast(from: peer)
            },
            take: Self.take, close: { await $0.close() }, welcome: welcome, outputs: { $0.orders },
            encode: { outputs, _ in Self.batches(outputs) })
        try await stream.run(request, response, until: stop)
    }

    @Sendable private static func take(
        _ report: Gcks_V1_BroadcastReport, into session: any BroadcastSession
    ) async throws {
        if report.hasHeartbeat {
            await session.heartbeat(try checkedCounters(report.heartbeat.counters, "Heartbeat.counters"))
        }
        guard report.acknowledged.count <= Limits.batchItems else {
            throw ContractError("BroadcastReport.acknowledged", .tooLong(limit: Limits.batchItems))
        }
        guard report.unsendable.count <= Limits.batchItems else {
            throw ContractError("BroadcastReport.unsendable", .tooLong(limit: Limits.batchItems))
        }
        if !report.unsendable.isEmpty { await session.cannotSend(report.unsendable) }
        if !report.acknowledged.isEmpty { await session.acknowledge(report.acknowledged) }
    }

    /// In their order: an order may be withdrawn and given again.
    private static func batches(_ outputs: [BroadcastOutput]) -> [Gcks_V1_RekeyOrderBatch] {
        var batches: [Gcks_V1_RekeyOrderBatch] = []
        var orders: [RekeyOrder] = []
        for output in outputs {
            switch output {
            case .order(let order): orders.append(order)
            case .withdrawn(let number):
                batches += self.batches(orders)
                orders = []
                var batch = Gcks_V1_RekeyOrderBatch()
                batch.withdrawn = [number]
                batches.append(batch)
            }
        }
        return batches + self.batches(orders)
    }

    private static func batches(_ orders: [RekeyOrder]) -> [Gcks_V1_RekeyOrderBatch] {
        BatchCutter(orders.map(Gcks_V1_RekeyOrder.init), octets: \.octetEstimate).map { part in
            var batch = Gcks_V1_RekeyOrderBatch()
            batch.orders = part
            return batch
        }
    }
}
