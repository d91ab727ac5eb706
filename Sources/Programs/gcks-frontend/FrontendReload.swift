import AuthorityRPC
import DatagramIO
import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import KeyMaterial
import NIOCore
import ProgramKit
import RegistrationCore
import Settings
import Telemetry

/// SIGHUP at a frontend: trust, credentials, proposals, limits and the list of authorities change while IKE SAs go on.
actor FrontendReload {
    private let live: LiveSettings<FrontendSettings>
    private let driver: FrontendDriver
    private let client: RegistrationClient
    private let trust: NIOLoopBound<FileTrust>
    private let certificates: CertificateDates
    private let log: EventLog
    private var watch: Task<Void, Never>
    private var linkFiles: LinkFiles

    init(
        _ live: LiveSettings<FrontendSettings>, _ started: FrontendSettings, _ driver: FrontendDriver,
        _ client: RegistrationClient, _ trust: NIOLoopBound<FileTrust>, _ watch: TrustWatch, _ log: EventLog
    ) {
        self.live = live
        self.driver = driver
        self.client = client
        self.trust = trust
        self.log = log
        certificates = CertificateDates(started.certificates)
        linkFiles = LinkFiles(started.authorities, started.tls)
        self.watch = Self.run(watch, trust, driver, log)
    }

    nonisolated var certificateDates: CertificateDates { certificates }

    func reload() async {
        await live.reload { fresh, started in
            let link = try AuthorityLink.make(fresh.authorities, tls: fresh.tls, name: started.name).get()
            try link.credentials?.check()
            let freshFiles = LinkFiles(fresh.authorities, fresh.tls)
            // Before the files are read, so that no change of theirs falls between.
            let freshWatch = TrustWatch(fresh.credentials)
            try await driver.eventLoop.submit { [driver, trust] in
                let freshTrust = try FileTrust(fresh.credentials)
                let own = try OwnCredentials(identity: started.identity, fresh.credentials)
                trust.value.become(freshTrust)
                driver.core?.use(fresh.configuration(own, trust.value, started), fresh.limits)
            }.get()
            watch.cancel()
            watch = Self.run(freshWatch, trust, driver, log)
            if freshFiles != linkFiles { client.follow(link) }
            linkFiles = freshFiles
            log.tell(from: fresh.logLevel)
            certificates.look(fresh.certificates)
            return fresh.needs(since: started)
        }
    }

    func stop() { watch.cancel() }

    private static func run(
        _ watch: TrustWatch, _ trust: NIOLoopBound<FileTrust>, _ driver: FrontendDriver, _ log: EventLog
    ) -> Task<Void, Never> {
        watch.run(log: log) { update in driver.eventLoop.execute { trust.value.apply(update) } }
    }
}

extension FrontendSettings {
    /// What IKE SAs share. Name and identity are those of the start.
    func configuration(
        _ own: OwnCredentials, _ trust: FileTrust, _ started: FrontendSettings
    ) -> ResponderConfiguration {
        ResponderConfiguration(
            frontend: started.name, own: own, trust: trust, policy: IKEPolicy(proposals),
            fragmentOctets: fragmentOctets,
            logsKeys: started.keyLog != nil, optimizedRekey: OptimizedRekeyNumbers(optimizedRekey))
    }

    fileprivate var certificates: [String: String?] { ["rpc": tls?.certificate, "ike": credentials.certificate] }

    fileprivate func needs(since started: FrontendSettings) -> RestartNeeds {
        var needs = RestartNeeds()
        needs.compare("name", name, started.name)
        needs.compare("identity", identity, started.identity)
        needs.compare("listen", listeners, started.listeners)
        needs.compare("relay", relay, started.relay)
        needs.compare("public_address", publicAddress, started.publicAddress)
        needs.compare("key_log", keyLog, started.keyLog)
        needs.compare("admin", admin, started.admin)
        return needs
    }
}
