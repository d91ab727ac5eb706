import AuthorityRPC
import GroupModel
import IKEVocabulary
import ProgramKit
import Settings
import Telemetry

/// SIGHUP at a broadcaster: log level, certificate and the list of authorities change while rekeys go out.
actor BroadcasterReload {
    nonisolated let certificates: CertificateDates
    private let live: LiveSettings<BroadcasterSettings>
    private let client: BroadcastClient
    private let log: EventLog
    private var linkFiles: LinkFiles

    init(_ started: BroadcasterSettings, path: String, _ client: BroadcastClient, _ log: EventLog) {
        live = LiveSettings(started, path: path, log: log, load: BroadcasterSettings.load)
        self.client = client
        self.log = log
        certificates = CertificateDates(started.certificates)
        linkFiles = LinkFiles(started.authorities, started.tls)
    }

    func reload() async {
        await live.reload { fresh, started in
            let link = try AuthorityLink.make(fresh.authorities, tls: fresh.tls, name: started.name).get()
            try link.credentials?.check()
            let freshFiles = LinkFiles(fresh.authorities, fresh.tls)
            if freshFiles != linkFiles { client.follow(link) }
            linkFiles = freshFiles
            log.tell(from: fresh.logLevel)
            certificates.look(fresh.certificates)
            var needs = RestartNeeds()
            needs.compare("name", fresh.name, started.name)
            needs.compare("multicast.sources", fresh.sources, started.sources)
            needs.compare("multicast.interface", fresh.interface, started.interface)
            needs.compare("multicast.loop", fresh.loops, started.loops)
            needs.compare("admin", fresh.admin, started.admin)
            return needs
        }
    }
}

extension BroadcasterSettings {
    fileprivate var certificates: [String: String?] { ["rpc": tls?.certificate] }
}
