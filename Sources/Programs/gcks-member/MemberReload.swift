import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import KeyMaterial
import NIOCore
import ProgramKit
import Settings
import Telemetry

/// SIGHUP at a member: log level and credentials change; its groups and SAs go on.
actor MemberReload {
    private let live: LiveSettings<MemberSettings>
    private let driver: MemberDriver
    private let trust: NIOLoopBound<FileTrust>
    private let certificates: CertificateDates
    private let log: EventLog
    private var watch: Task<Void, Never>

    init(
        _ live: LiveSettings<MemberSettings>, _ started: MemberSettings, _ driver: MemberDriver,
        _ trust: NIOLoopBound<FileTrust>, _ watch: TrustWatch, _ log: EventLog
    ) {
        self.live = live
        self.driver = driver
        self.trust = trust
        self.log = log
        certificates = CertificateDates(started.certificates)
        self.watch = Self.run(watch, started, trust, driver, log)
    }

    nonisolated var certificateDates: CertificateDates { certificates }

    func reload() async {
        await live.reload { fresh, started in
            // Before the files are read, so that no change of theirs falls between.
            let freshWatch = TrustWatch(fresh.credentials)
            try await driver.eventLoop.submit { [driver, trust] in
                let freshTrust = try FileTrust(fresh.credentials)
                let own = try OwnCredentials(identity: started.identity, fresh.credentials)
                trust.value.become(freshTrust)
                driver.use(own, trust.value.ownKey(with: started.gcks))
            }.get()
            watch.cancel()
            watch = Self.run(freshWatch, started, trust, driver, log)
            log.tell(from: fresh.logLevel)
            certificates.look(fresh.certificates)
            return fresh.needs(since: started)
        }
    }

    func stop() { watch.cancel() }

    private static func run(
        _ watch: TrustWatch, _ settings: MemberSettings, _ trust: NIOLoopBound<FileTrust>, _ driver: MemberDriver,
        _ log: EventLog
    ) -> Task<Void, Never> {
        let gcks = settings.gcks
        return watch.run(log: log) { update in
            driver.eventLoop.execute {
                trust.value.apply(update)
                driver.useSharedKey(trust.value.ownKey(with: gcks))
            }
        }
    }
}

extension MemberSettings {
    fileprivate var certificates: [String: String?] { ["ike": credentials.certificate] }

    fileprivate func needs(since started: MemberSettings) -> RestartNeeds {
        var needs = RestartNeeds()
        needs.compare("identity", identity, started.identity)
        needs.compare("gcks", gcks, started.gcks)
        needs.compare("frontends", frontends, started.frontends)
        needs.compare("local_address", localAddress, started.localAddress)
        needs.compare("interface", interface, started.interface)
        needs.compare("ike.proposals", proposals, started.proposals)
        needs.compare("ike.fragment", fragmentOctets, started.fragmentOctets)
        needs.compare("ike.liveness", liveness, started.liveness)
        needs.compare("ike.sa_lifetime", saLifetime, started.saLifetime)
        needs.compare("ike.optimized_rekey", optimizedRekey, started.optimizedRekey)
        needs.compare("ike.tries", tries, started.tries)
        needs.compare("ike.force_nat_traversal", forcesNATTraversal, started.forcesNATTraversal)
        needs.compare("ike.childless", isChildless, started.isChildless)
        needs.compare("groups", groups, started.groups)
        needs.compare("sinks", sinks, started.sinks)
        needs.compare("leave_on_exit", leavesOnExit, started.leavesOnExit)
        needs.compare("key_log", keyLog, started.keyLog)
        needs.compare("admin", admin, started.admin)
        return needs
    }
}
