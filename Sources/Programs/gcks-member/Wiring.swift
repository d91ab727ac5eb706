import AdminHTTP
import DatagramIO
import GroupKeying
import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import KeyMaterial
import MemberCore
import NIOCore
import NIOPosix
import ProgramKit
import SASinks
import Settings
import Telemetry

/// The composition root of a member: its core, its sockets and its sinks.
struct Member {
    private let driver: MemberDriver
    private let sockets: MemberSockets
    private let reloading: MemberReload
    private let pulse: RepeatedTask
    private let positions: RepeatedTask?
    private let admin: AdminListener?

    static func start(_ settings: MemberSettings, path: String, log: EventLog) async throws -> Member {
        let keyLog = try KeyLogSetting.open(settings.keyLog, log)
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let sinks = try makeSinks(settings, log)
        let watch = TrustWatch(settings.credentials)
        let driver = MemberDriver(
            on: eventLoop, interface: settings.interface, groups: settings.groups.map(\.id),
            sinks: SinkQueue(sinks, log: log), log: log, keyLog: keyLog)
        let sockets = try await MemberSockets.bind(settings, on: eventLoop, onEvent: { log.record($0) }) {
            driver.receive($0)
        }
        let trust = try await eventLoop.submit {
            let trust = try FileTrust(settings.credentials)
            driver.begin(try makeCore(settings, sockets, trust), sockets, frontends: settings.frontends.map(\.address))
            return NIOLoopBound(trust, eventLoop: eventLoop)
        }.get()
        let reloading = MemberReload(
            LiveSettings(settings, path: path, log: log, load: MemberSettings.load), settings, driver, trust, watch, log
        )
        let admin = try await driver.observation(name: settings.identity.description).serve(
            on: settings.admin, eventLoop: eventLoop, log: log, certificates: reloading.certificateDates)
        let files = settings.groups.compactMap { $0.sequenceFile.map { SequenceFile(path: $0) } }
        return Member(
            driver: driver, sockets: sockets, reloading: reloading, pulse: driver.beat(),
            positions: files.isEmpty ? nil : driver.watch(files), admin: admin)
    }

    static func makeSinks(_ settings: MemberSettings, _ log: EventLog) throws -> [any SASink] {
        try settings.sinks.map { sink -> any SASink in
            switch sink {
            case .export(let folder, let withKeys):
                if withKeys {
                    log.record(
                        Event("export-with-keys", .warning, [("folder", folder), ("meaning", KeyLogSetting.meaning)]))
                }
                return try ExportSink(folder: folder, withKeys: withKeys, now: { Timestamps.now() })
            case .exec(let command, let arguments):
                return try ExecSink(command: command, arguments: arguments, now: { Timestamps.now() })
            }
        }
    }

    private static func makeCore(
        _ settings: MemberSettings, _ sockets: MemberSockets, _ trust: FileTrust
    ) throws -> MemberCore {
        let frontends = settings.frontends.map { frontend in
            KnownFrontend(
                identity: settings.gcks, local: sockets.local(to: frontend.address), remote: frontend.address,
                natTraversalPort: frontend.natTraversalPort)
        }
        let memberships = settings.groups.map { group in
            Membership(
                group: group.id, role: group.senderIDs.map { .sender(senderIDs: $0) } ?? .receiver,
                rekeyAddress: group.rekey, sourceAddress: group.source, proposals: group.proposals?.transforms)
        }
        let configuration = MemberConfiguration(
            ike: try InitiatorConfiguration(settings, trust), memberships: memberships, frontends: frontends,
            livenessAfter: settings.liveness, ikeLifetime: settings.saLifetime, isChildless: settings.isChildless)
        return MemberCore(configuration, engine: CryptoEngine(), entropy: SystemEntropy())
    }

    func reload() async { await reloading.reload() }

    /// Leaves every group and deletes the IKE SA when asked to; the core bounds how long that takes.
    func stop(leaving: Bool) async {
        await reloading.stop()
        if leaving { await driver.leave() }
        await driver.stop()
        await sockets.close()
        pulse.cancel()
        positions?.cancel()
        await admin?.close()
    }
}

extension InitiatorConfiguration {
    /// Reads our own credential files; belongs to the thread that uses it.
    init(_ settings: MemberSettings, _ trust: FileTrust) throws {
        var retransmission = Retransmission()
        retransmission.tries = settings.tries
        self.init(
            own: try OwnCredentials(identity: settings.identity, settings.credentials),
            sharedKey: trust.ownKey(with: settings.gcks), trust: trust,
            expectedResponder: settings.gcks, policy: IKEPolicy(settings.proposals),
            fragmentOctets: settings.fragmentOctets, retransmission: retransmission,
            forcesNATTraversal: settings.forcesNATTraversal,
            logsKeys: settings.keyLog != nil)
        optimizedRekey = OptimizedRekeyNumbers(settings.optimizedRekey)
    }
}

extension SAgSettings {
    /// SAg; what is left out is everything this program can do.
    var transforms: [Proposal] {
        TransformOffer.proposals(suites: suites, keyWraps: keyWraps, authentications: authentications)
    }
}

/// Two ports of the kernel's choice for each family: one for plain IKE, one for IKE behind the non-ESP marker.
struct MemberSockets: Sendable {
    private let sockets: UnicastSockets
    private let addresses: [IPAddress]

    /// Without a local address the sockets are bound to none, and the route to a frontend decides.
    static func bind(
        _ settings: MemberSettings, on eventLoop: any EventLoop, onEvent: @escaping @Sendable (Event) -> Void,
        receive: @escaping @Sendable ([ReceivedDatagram]) -> Void
    ) async throws -> MemberSockets {
        let frontends = settings.frontends.map(\.address.address)
        let addresses =
            settings.localAddress.map { [$0] }
            ?? [IPAddress.anyIPv4, .anyIPv6].filter { any in frontends.contains { $0.isIPv4 == any.isIPv4 } }
        let bindings = addresses.flatMap { address in
            [false, true].map {
                UnicastSockets.Binding(local: Endpoint(address, port: 0), isEncapsulated: $0)
            }
        }
        let sockets = try await UnicastSockets.bind(bindings, on: eventLoop, onEvent: onEvent, receive: receive)
        return MemberSockets(sockets: sockets, addresses: addresses)
    }

    /// Where datagrams leave from is the kernel's choice.
    var followsRoutes: Bool { addresses.contains(where: \.isUnspecified) }

    /// Where plain IKE to a frontend would leave from now.
    func local(to frontend: Endpoint) -> Endpoint {
        let socket = socket(to: frontend, isEncapsulated: false)
        guard socket.address.isUnspecified, let source = Routes.source(to: frontend) else { return socket }
        return Endpoint(source, port: socket.port)
    }

    func send(_ datagrams: [[UInt8]], over path: OutgoingPath) {
        sockets.send(
            datagrams, from: socket(to: path.remote, isEncapsulated: path.isEncapsulated), to: path.remote)
    }

    func close() async { await sockets.close() }

    private func socket(to remote: Endpoint, isEncapsulated: Bool) -> Endpoint {
        let family = addresses.firstIndex { $0.isIPv4 == remote.address.isIPv4 } ?? 0
        return sockets.endpoints[family * 2 + (isEncapsulated ? 1 : 0)]
    }
}
