import AdminHTTP
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

/// The composition root: sockets, core and the link to the authority.
struct Frontend {
    private let driver: FrontendDriver
    private let client: RegistrationClient
    private let link: Task<Void, Never>
    private let heartbeat: Task<Void, Never>
    private let pulse: RepeatedTask
    private let reloading: FrontendReload
    private let admin: AdminListener?

    static func start(_ settings: FrontendSettings, path: String, log: EventLog) async throws -> Frontend {
        let authorities = try AuthorityLink.make(settings.authorities, tls: settings.tls, name: settings.name).get()
        let keyLog = try KeyLogSetting.open(settings.keyLog, log)
        let eventLoop = OneLoop.eventLoop
        let driver = FrontendDriver(on: eventLoop, log: log, keyLog: keyLog)
        var entropy = SystemEntropy()
        let announcement = FrontendAnnouncement(
            instance: FrontendInstance(&entropy), relay: settings.relay, publicAddress: settings.publicAddress)
        let client = RegistrationClient(
            link: authorities, announcement: announcement, onFleet: { driver.learn($0) },
            onDismissed: { driver.dismiss($0) }, onAnswers: { driver.answer($0) }, onState: { driver.authorityLink($0) }
        )
        let bindings = settings.listeners.flatMap { listener in
            listener.ports.map {
                UnicastSockets.Binding(local: Endpoint(listener.address, port: $0), isEncapsulated: false)
            } + [
                UnicastSockets.Binding(
                    local: Endpoint(listener.address, port: listener.natTraversalPort), isEncapsulated: true)
            ]
        }
        let watch = TrustWatch(settings.credentials)
        let trust = try await eventLoop.submit {
            let trust = try FileTrust(settings.credentials)
            driver.begin(try makeCore(settings, trust, announcement.instance), client)
            return NIOLoopBound(trust, eventLoop: eventLoop)
        }.get()
        let inherited = InheritedSockets(KeptSockets.take().map(\.descriptor))
        if !inherited.endpoints.isEmpty || inherited.unfit > 0 {
            log.record(
                Event(
                    "sockets-inherited", .notice,
                    [
                        ("sockets", inherited.endpoints.map(\.description).joined(separator: " ")),
                        ("unfit", "\(inherited.unfit)"),
                    ]))
        }
        let sockets = try await UnicastSockets.bind(
            bindings, on: eventLoop, inherited: inherited, keep: KeptSockets.keeper, onEvent: { log.record($0) }
        ) {
            driver.receive($0)
        }
        try await eventLoop.submit { driver.serve(sockets) }.get()
        try await bindRelay(settings, OwnSockets(bindings, sockets.endpoints), driver, log)
        log.record(
            Event(
                "frontend-started", .notice,
                [("name", settings.name), ("listens", sockets.endpoints.map(\.description).joined(separator: " "))]))
        let heartbeat = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                driver.heartbeat()
            }
        }
        let reloading = FrontendReload(
            LiveSettings(settings, path: path, log: log, load: FrontendSettings.load), settings, driver, client, trust,
            watch, log)
        let admin = try await driver.observation(name: settings.name).serve(
            on: settings.admin, eventLoop: eventLoop, log: log, certificates: reloading.certificateDates)
        return Frontend(
            driver: driver, client: client, link: OneLoop.run { await client.run() }, heartbeat: heartbeat,
            pulse: driver.beat(), reloading: reloading, admin: admin)
    }

    private static func bindRelay(
        _ settings: FrontendSettings, _ own: OwnSockets, _ driver: FrontendDriver, _ log: EventLog
    ) async throws {
        var relay: UnicastSockets?
        if let endpoint = settings.relay {
            relay = try await UnicastSockets.bind(
                [UnicastSockets.Binding(local: endpoint, isEncapsulated: false)], on: OneLoop.eventLoop,
                onEvent: { log.record($0) }
            ) { driver.receiveRelayed($0) }
        }
        let bound = relay
        try await OneLoop.eventLoop.submit { driver.serve(relay: bound, own) }.get()
    }

    private static func makeCore(
        _ settings: FrontendSettings, _ trust: FileTrust, _ instance: FrontendInstance
    ) throws -> RegistrationCore {
        let own = try OwnCredentials(identity: settings.identity, settings.credentials)
        return RegistrationCore(
            configuration: settings.configuration(own, trust, settings), limits: settings.limits,
            engine: CryptoEngine(), entropy: SystemEntropy(), instance: instance, at: Clocks().monotonic())
    }

    func reload() async { await reloading.reload() }

    func stop() async {
        heartbeat.cancel()
        await reloading.stop()
        await driver.stop()
        pulse.cancel()
        link.cancel()
        await admin?.close()
    }
}

extension FrontendSettings {
    var limits: RegistrationLimits {
        var limits = RegistrationLimits()
        limits.cookieThreshold = cookieThreshold
        limits.halfOpen = halfOpenLimit
        limits.establishedSAs = saLimit
        limits.saLife = saLifetime
        limits.authenticationLife = authenticationLifetime
        limits.idleLimit = idleLimit
        return limits
    }
}
