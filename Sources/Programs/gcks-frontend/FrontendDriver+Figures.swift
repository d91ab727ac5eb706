import AuthorityRPC
import DatagramIO
import GroupModel
import IKEVocabulary
import NIOCore
import ProgramKit
import RegistrationCore
import Telemetry

extension FrontendDriver {
    /// On the event loop.
    private func figures() -> MetricsPage {
        var page = MetricsPage()
        page.gauge("gcks_authority_connected", "1 while the stream to the leader stands.", isAuthorityConnected)
        page.counter("gcks_authority_losses", "Losses of that stream.", authorityLosses)
        guard let core else { return page }
        let status = core.statusCounters
        page.gauge("gcks_ike_half_open", "IKE SAs that are not established yet.", status["half-open", default: 0])
        page.gauge("gcks_ike_sas", "IKE SAs that are.", status["ike-sas", default: 0])
        page.gauge(
            "gcks_registrations_waiting", "Questions the authority has not answered.", status["asking", default: 0])
        let counters = core.counters
        page.counter("gcks_ike_datagrams", "IKE messages received.", counters.datagrams)
        page.counter("gcks_ike_established", "IKE SAs established.", counters.established)
        page.counter(
            "gcks_frontend_answers", "Answers to registrations and leaves that went to members.", labels: ["result"],
            [
                MetricsPage.Row(["granted"], .integer(Int64(counters.granted))),
                MetricsPage.Row(["refused"], .integer(Int64(counters.refused))),
                MetricsPage.Row(["left"], .integer(Int64(counters.left))),
                MetricsPage.Row(["unavailable"], .integer(Int64(counters.unavailable))),
            ])
        page.counter(
            "gcks_ike_packets_dropped", "Datagrams without answer.", labels: ["reason"],
            counters.dropped.map { .init([$0.key], .integer(Int64($0.value))) })
        page.counter(
            "gcks_ike_cookies",
            "IKE_SA_INIT requests that were answered with a cookie: none was there, or a wrong one.",
            labels: ["result"],
            [("sent", "cookie-sent"), ("invalid", "cookie-wrong")].map { result, why -> MetricsPage.Row in
                MetricsPage.Row([result], .integer(Int64(counters.stateless[why, default: 0])))
            })
        page.counter(
            "gcks_ike_stateless_answers", "Answers that left no state here.", labels: ["reason"],
            counters.stateless.map { .init([$0.key], .integer(Int64($0.value))) })
        page.counter(
            "gcks_ike_rekeys", "IKE SAs that were replaced by CREATE_CHILD_SA, and rekeys that were put off.",
            labels: ["result"],
            [
                .init(["rekeyed"], .integer(Int64(counters.rekeyed))),
                .init(["put-off"], .integer(Int64(counters.rekeysPutOff))),
            ])
        page.counter(
            "gcks_ike_bytes",
            "Octets of IKE messages by whether the other end had proved anything; of those received, by this very message.",
            labels: ["direction", "verified"],
            [
                .init(["in", "no"], .integer(counters.octets - counters.provedOctets)),
                .init(["in", "yes"], .integer(counters.provedOctets)),
                .init(["out", "no"], .integer(meters.sent.unproved)),
                .init(["out", "yes"], .integer(meters.sent.proved)),
            ])
        page.counter(
            "gcks_relay_datagrams", "IKE messages handed to other frontends, taken from them, and sent for them.",
            labels: ["direction"],
            [
                .init(["out"], .integer(Int64(counters.relayedOut))),
                .init(["in"], .integer(Int64(counters.relayedIn))),
                .init(["sent"], .integer(Int64(counters.sentForOthers))),
            ])
        page.counter("gcks_datagrams_unsent", "Datagrams the kernel did not take.", sockets?.dropped ?? 0)
        page.histogram(
            "gcks_registration_duration_seconds", "From a proved request to the authority's answer.", label: "exchange",
            meters.registrations)
        return page
    }

    private func readiness() -> [HealthCheck] {
        [
            HealthCheck(
                "authority", isAuthorityConnected, isAuthorityConnected ? "connected" : "no leader is connected"),
            HealthCheck(
                "sockets", sockets != nil, sockets?.endpoints.map(\.description).joined(separator: " ") ?? "none"),
            HealthCheck("draining", takesMembers, takesMembers ? "no" : "no new IKE SAs"),
        ]
    }

    private var takesMembers: Bool { !isStopping && core?.isDraining != true }

    func observation(name: String) -> Observation {
        let eventLoop = eventLoop
        return Observation(
            role: "frontend", name: name,
            figures: { [self] in (try? await eventLoop.submit { self.figures() }.get()) ?? MetricsPage() },
            readiness: { [self] in (try? await eventLoop.submit { self.readiness() }.get()) ?? [] },
            startup: { [self] in
                let isBound = (try? await eventLoop.submit { self.sockets != nil }.get()) ?? false
                return [HealthCheck("sockets", isBound)]
            })
    }

    /// Tells systemd that the event loop turns, and what it does.
    func beat() -> RepeatedTask {
        let pulse = NIOLoopBoundBox.makeBoxSendingValue(ServicePulse(), eventLoop: eventLoop)
        return eventLoop.scheduleRepeatedTask(
            initialDelay: .zero, delay: TimeAmount(ServicePulse.interval)
        ) { [self] _ in pulse.value.beat(statusLine) }
    }

    /// One line that says what this frontend does now. On the event loop.
    private var statusLine: String {
        let status = core?.statusCounters ?? [:]
        return "\(status["ike-sas", default: 0]) IKE SAs, \(status["half-open", default: 0]) half open; \(linkText)"
    }
}
