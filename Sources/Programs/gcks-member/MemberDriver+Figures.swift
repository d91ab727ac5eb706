import GroupModel
import IKEVocabulary
import MemberCore
import NIOCore
import ProgramKit
import Telemetry

extension MemberDriver {
    /// On the event loop.
    private func figures() -> MetricsPage {
        var page = MetricsPage()
        let groups = meters.registered.keys.sorted()
        page.gauge(
            "gcks_gm_registered", "1 while the member holds keys of the group.", labels: ["group"],
            groups.map { .init([$0], .integer(meters.isIn($0) ? 1 : 0)) })
        page.gauge(
            "gcks_gm_sas", "SAs that are held.", labels: ["group", "kind"],
            groups.flatMap { group -> [MetricsPage.Row] in
                let held = meters.sas[group]
                return [
                    MetricsPage.Row([group, "rekey"], .integer(Int64(held?.rekey.count ?? 0))),
                    MetricsPage.Row([group, "data"], .integer(Int64(held?.data.count ?? 0))),
                ]
            })
        page.counter(
            "gcks_gm_rekeys_received", "GSA_REKEY messages that were opened.", labels: ["group"], meters.rekeysReceived)
        page.counter(
            "gcks_gm_rekeys_dropped", "GSA_REKEY messages that did not open or were of no use.", labels: ["group"],
            meters.rekeysDropped)
        page.counter(
            "gcks_gm_reregistrations", "Registrations that became necessary.", labels: ["group", "reason"],
            meters.reregistrations)
        page.counter(
            "gcks_gm_refusals", "Registrations that the GCKS refused.", labels: ["group"], meters.refusals)
        return page
    }

    private func readiness() -> [HealthCheck] {
        meters.registered.keys.sorted().map {
            HealthCheck($0, meters.isIn($0), meters.isIn($0) ? "keys held" : "no keys")
        }
    }

    func observation(name: String) -> Observation {
        let eventLoop = eventLoop
        return Observation(
            role: "member", name: name,
            figures: { [self] in (try? await eventLoop.submit { self.figures() }.get()) ?? MetricsPage() },
            readiness: { [self] in (try? await eventLoop.submit { self.readiness() }.get()) ?? [] })
    }

    /// Tells systemd that the event loop turns, and what it does.
    func beat() -> RepeatedTask {
        let pulse = NIOLoopBoundBox.makeBoxSendingValue(ServicePulse(), eventLoop: eventLoop)
        return eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: TimeAmount(ServicePulse.interval)) {
            [self] _ in pulse.value.beat(statusLine)
        }
    }

    private var statusLine: String {
        let groups = meters.registered.keys
        return "keys of \(groups.count { meters.isIn($0) }) of \(groups.count) groups"
    }
}
