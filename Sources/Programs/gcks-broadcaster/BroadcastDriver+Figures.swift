import AuthorityRPC
import BroadcastCore
import GroupModel
import IKEVocabulary
import ProgramKit
import Telemetry

extension BroadcastDriver {
    private func figures() -> MetricsPage {
        var page = MetricsPage()
        page.gauge("gcks_authority_connected", "1 while the stream to the leader stands.", authority != nil)
        page.gauge("gcks_rekey_orders_pending", "Rekeys that are not sent to the end yet.", core.pending)
        page.counter("gcks_rekey_messages", "Rekeys of which every copy left.", messages)
        page.counter("gcks_rekey_datagrams", "Datagrams that left.", datagrams)
        page.counter("gcks_rekey_copies_failed", "Copies that did not leave.", failedCopies)
        page.counter("gcks_rekeys_handed_back", "Rekeys that could not be sent here and were told of.", handedBack)
        page.histogram(
            "gcks_rekey_commit_to_wire_seconds",
            "From the authority's decision to the first copy on the wire; its clock and ours must be in step.",
            label: "group", commitToWire)
        return page
    }

    nonisolated func observation(name: String) -> Observation {
        Observation(
            role: "broadcaster", name: name, figures: { [self] in await figures() },
            readiness: { [self] in
                let authority = await authority
                return [HealthCheck("authority", authority != nil, authority ?? "no leader is connected")]
            })
    }

    var statusLine: String {
        let link = authority.map { "connected to \($0)" } ?? "no authority"
        return "\(messages) rekeys sent, \(core.pending) under way, \(failedCopies) copies failed; \(link)"
    }
}
