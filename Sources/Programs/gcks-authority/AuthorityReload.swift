import AuthorityCore
import AuthorityRPC
import GroupModel
import IKEVocabulary
import KeyMaterial
import ProgramKit
import Settings
import Telemetry

/// SIGHUP at an authority: log level, limits and the certificate it shows change while it leads or follows.
struct AuthorityReload {
    let certificates: CertificateDates
    private let live: LiveSettings<AuthoritySettings>
    private let driver: AuthorityDriver
    private let server: AuthorityServer
    private let log: EventLog

    init(
        _ started: AuthoritySettings, path: String, _ driver: AuthorityDriver, _ server: AuthorityServer,
        _ log: EventLog
    ) {
        live = LiveSettings(started, path: path, log: log, load: AuthoritySettings.load)
        self.driver = driver
        self.server = server
        self.log = log
        certificates = CertificateDates(started.certificates)
    }

    func reload() async {
        await live.reload { fresh, started in
            // A listener that was not there at the start has no TLS to show it on.
            if let tls = fresh.tls, started.rpcListen != nil { try server.rotate(TLSCredentials(tls)) }
            await driver.keepOperations(for: fresh.operationsKept)
            await driver.keepAudit(fresh.audit)
            log.tell(from: fresh.logLevel)
            certificates.look(fresh.certificates)
            return fresh.needs(since: started)
        }
    }
}

extension AuthorityDriver {
    func keepOperations(for time: Lifetime) {
        limits.operationsKept = time
        core?.limits.operationsKept = time
    }
}

extension AuthorityDriver {
    func keepAudit(_ audit: AuditSettings) {
        (limits.auditKept, limits.auditRecordsKept) = (audit.kept, audit.records)
        core?.limits.auditKept = audit.kept
        core?.limits.auditRecordsKept = audit.records
    }
}

extension AuthoritySettings {
    fileprivate var certificates: [String: String?] { ["rpc": tls?.certificate, "store": storeTLS?.certificate] }

    fileprivate func needs(since started: AuthoritySettings) -> RestartNeeds {
        var needs = RestartNeeds()
        needs.compare("name", name, started.name)
        needs.compare("id", id, started.id)
        needs.compare("data", dataDirectory, started.dataDirectory)
        needs.compare("store.listen", storeListen, started.storeListen)
        needs.compare("store.latency", storeLatency, started.storeLatency)
        needs.compare("store.binary", storeBinary, started.storeBinary)
        needs.compare("store.tls", storeTLS, started.storeTLS)
        needs.compare("nodes", nodes, started.nodes)
        needs.compare("rpc.listen", rpcListen, started.rpcListen)
        needs.compare("rpc.unix", rpcUnix, started.rpcUnix)
        needs.compare("tls.ca", tls?.authority, started.tls?.authority)
        needs.compare("tls.trust_domain", tls?.trustDomain, started.tls?.trustDomain)
        needs.compare("root_key", rootKey, started.rootKey)
        needs.compare("admin", admin, started.admin)
        return needs
    }
}
