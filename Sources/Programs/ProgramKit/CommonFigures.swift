import AuthorityRPC
import IKEVocabulary
import Synchronization
import Telemetry

/// What every program can say of itself.
enum CommonFigures {
    static func add(to page: inout MetricsPage, _ log: EventLog, _ certificates: CertificateDates) {
        page.counter(
            "gcks_events", "Events that happened, told in the log or not.", labels: ["event"],
            log.counts.map { .init([$0.key], .integer($0.value)) })
        page.gauge(
            "gcks_certificate_expiry_timestamp_seconds", "When our own certificate ends, in seconds since 1970.",
            labels: ["purpose"], certificates.ends.map { .init([$0.key], .integer($0.value.milliseconds / 1000)) })
        ProcessFigures.add(to: &page)
    }
}

/// When the certificates end that this process shows to others, by what they are for. Read with the settings, not at a scrape.
package final class CertificateDates: Sendable {
    private let dates = Mutex<[String: WallTime]>([:])

    package init(_ files: [String: String?]) { look(files) }

    /// A file that cannot be read, or has no certificate in it, is left out: whoever uses it says so.
    package func look(_ files: [String: String?]) {
        let found = files.compactMapValues { path -> WallTime? in
            guard let path, let octets = try? CredentialFile.octets(path) else { return nil }
            return CertificateExpiry.earliest(pem: octets)
        }
        dates.withLock { $0 = found }
    }

    var ends: [String: WallTime] { dates.withLock { $0 } }
}
