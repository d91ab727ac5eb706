import GroupModel
import IKEVocabulary
import SASinks
import Telemetry

/// Hands changes to every sink, one after the other, in the order they happened; a sink that fails is told of and passed by.
final class SinkQueue: Sendable {
    enum Change: Sendable {
        case install(InstalledGroupSA)
        case activate(GroupSAReference, replacing: [GroupSAReference])
        case sendAs([SenderID], GroupSAReference)
        case stop(GroupSAReference)
        case remove(GroupSAReference)
    }

    private let changes: AsyncStream<Change>.Continuation
    private let worker: Task<Void, Never>

    init(_ sinks: [any SASink], log: EventLog) {
        let (stream, continuation) = AsyncStream.makeStream(of: Change.self)
        changes = continuation
        worker = Task {
            for await change in stream {
                log.record(Self.event(change))
                for sink in sinks {
                    do {
                        try await Self.apply(change, to: sink)
                    } catch {
                        log.record(Event("sink-failed", .error, [("why", "\(error)")]))
                    }
                }
            }
        }
    }

    func add(_ change: Change) { changes.yield(change) }

    /// Returns when everything that was added is handed on.
    func drain() async {
        changes.finish()
        await worker.value
    }

    private static func apply(_ change: Change, to sink: any SASink) async throws {
        switch change {
        case .install(let sa): try await sink.install(sa)
        case .activate(let sa, let old): try await sink.activate(sa, replacing: old)
        case .sendAs(let senderIDs, let sa): try await sink.sendAs(senderIDs, sa)
        case .stop(let sa): try await sink.stop(sa)
        case .remove(let sa): try await sink.remove(sa)
        }
    }

    private static func event(_ change: Change) -> Event {
        switch change {
        case .install(let sa):
            Event("sa-installed", .info, [("sa", sa.reference.description), ("key_check_value", sa.keyCheckValue)])
        case .activate(let sa, _): Event("sa-activated", .info, [("sa", sa.description)])
        case .sendAs(let senderIDs, let sa):
            Event(
                "sender-ids-changed", .info,
                [("sa", sa.description), ("sender_ids", senderIDs.map(\.description).joined(separator: ","))])
        case .stop(let sa): Event("sa-stopped", .info, [("sa", sa.description)])
        case .remove(let sa): Event("sa-removed", .info, [("sa", sa.description)])
        }
    }
}
