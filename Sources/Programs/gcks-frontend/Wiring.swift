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
    private let watch: Task<Void, Never>

    static func start(_ settings: FrontendSettings, log: EventLog) async throws -> Frontend {
        let authorities = try AuthorityLink.make(settings.authorities, tls: settings.tls, name: settings.name).get()
        let keyLog = try settings.keyLog.map { folder in
            log.record(
                Event("key-log-on", .warning, [("folder", folder), ("meaning", "whoever reads it reads the traffic")]))
            guard let keyLog = KeyLog(folder: folder) else { throw LinkFault(description: "\(folder) cannot be made") }
            return keyLog
        }
        let eventLoop = OneLoop.eventLoop
        let driver = FrontendDriver(on: eventLoop, log: log, keyLog: keyLog)
        let client = RegistrationClient(
            link: authorities, onAnswers: { driver.answer($0) }, onState: { driver.authorityLink($0) })
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
            driver.begin(try makeCore(settings, trust), client)
            return NIOLoopBound(trust, eventLoop: eventLoop)
        }.get()
        let sockets = try await UnicastSockets.bind(bindings, on: eventLoop, onEvent: { log.record($0) }) {
            driver.receive($0)
        }
        try await eventLoop.submit { driver.serve(sockets) }.get()
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
        let watching = watch.run(log: log) { update in eventLoop.execute { trust.value.apply(update) } }
        return Frontend(
            driver: driver, client: client, link: OneLoop.run { await client.run() }, heartbeat: heartbeat,
            watch: watching)
    }

    private static func makeCore(_ settings: FrontendSettings, _ trust: FileTrust) throws -> RegistrationCore {
        let configuration = ResponderConfiguration(
            frontend: settings.name, own: try OwnCredentials(identity: settings.identity, settings.credentials),
            trust: trust, policy: IKEPolicy(settings.proposals),
            fragmentOctets: settings.fragmentOctets, logsKeys: settings.keyLog != nil)
        var limits = RegistrationLimits()
        limits.cookieThreshold = settings.cookieThreshold
        limits.halfOpen = settings.halfOpenLimit
        limits.establishedSAs = settings.saLimit
        limits.saLife = settings.saLifetime
        limits.idleLimit = settings.idleLimit
        return RegistrationCore(
            configuration: configuration, limits: limits, engine: CryptoEngine(), entropy: SystemEntropy(),
            at: Clocks().monotonic())
    }

    func stop() async {
        heartbeat.cancel()
        watch.cancel()
        await driver.stop()
        link.cancel()
    }
}
