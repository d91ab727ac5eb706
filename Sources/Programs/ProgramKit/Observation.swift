package import AdminHTTP
import GroupModel
package import IKEVocabulary
package import NIOCore
package import Telemetry

/// What a program lets others see of it: metrics and health, served on the event loop that does its work.
///
/// Figures are plain counters of the drivers; they become text when somebody asks.
package struct Observation: Sendable {
    /// "authority", "frontend", "broadcaster", "member".
    package let role: String
    package let name: String
    /// The driver's own families.
    package var figures: @Sendable () async -> MetricsPage
    /// What it needs to serve now.
    package var readiness: @Sendable () async -> [HealthCheck]
    /// What it needs once.
    package var startup: @Sendable () async -> [HealthCheck]

    package init(
        role: String, name: String, figures: @escaping @Sendable () async -> MetricsPage,
        readiness: @escaping @Sendable () async -> [HealthCheck],
        startup: @escaping @Sendable () async -> [HealthCheck] = { [] }
    ) {
        self.role = role
        self.name = name
        self.figures = figures
        self.readiness = readiness
        self.startup = startup
    }

    /// Binds the admin listener when there is one in the settings.
    package func serve(
        on endpoint: IKEVocabulary.Endpoint?, eventLoop: any EventLoop, log: EventLog, certificates: CertificateDates
    ) async throws -> AdminListener? {
        guard let endpoint else { return nil }
        ProcessFigures.markStart()
        let listener: AdminListener
        do {
            listener = try await AdminListener.bind(endpoint, on: eventLoop) { request in
                await answer(request, log, certificates)
            }
        } catch {
            throw AdminFault(description: "admin.listen: \(endpoint): \(error)")
        }
        let isOpen = !endpoint.address.isLoopback
        log.record(
            Event(
                "admin-listens", isOpen ? .warning : .info,
                [("listens", endpoint.description)]
                    + (isOpen ? [("meaning", "whoever reaches this address reads the figures; no TLS")] : [])))
        return listener
    }

    func answer(_ request: AdminRequest, _ log: EventLog, _ certificates: CertificateDates) async -> AdminReply {
        switch request.path {
        case "/metrics":
            var page = await figures()
            page.info("gcks_build", "What runs here.", ["version": Build.version, "role": role])
            CommonFigures.add(to: &page, log, certificates)
            let format: MetricsPage.Format =
                request.accept.contains("application/openmetrics-text") ? .openMetrics : .prometheus
            return AdminReply(contentType: format.contentType, page.text(format))
        // That this is said at all is the proof: it is said on the loop that does the work.
        case "/livez": return AdminReply("ok\n")
        case "/readyz": return Self.reply(await readiness(), request)
        case "/startupz": return Self.reply(await startup(), request)
        default: return AdminReply(status: 404, "there are /metrics, /livez, /readyz and /startupz\n")
        }
    }

    private static func reply(_ checks: [HealthCheck], _ request: AdminRequest) -> AdminReply {
        AdminReply(
            status: checks.allSatisfy(\.isGood) ? 200 : 503,
            HealthText.text(checks, isVerbose: request.flags.contains("verbose")))
    }
}

struct AdminFault: Error, CustomStringConvertible { let description: String }

extension IPAddress {
    fileprivate var isLoopback: Bool {
        isIPv4 ? octets[0] == 127 : octets.dropLast().allSatisfy { $0 == 0 } && octets.last == 1
    }
}
