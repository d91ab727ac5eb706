import DatagramIO
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
    private let sockets: UnicastSockets

    static func start(_ settings: MemberSettings, log: EventLog) async throws -> Member {
        let keyLog = try KeyLogSetting.open(settings.keyLog, log)
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let sinks = try makeSinks(settings)
        let driver = MemberDriver(
            on: eventLoop, interface: settings.interface, sinks: SinkQueue(sinks, log: log), log: log, keyLog: keyLog)
        let sockets = try await MemberSockets.bind(settings.localAddress, on: eventLoop) { driver.receive($0) }
        try await eventLoop.submit {
            driver.begin(try makeCore(settings, local: sockets.endpoints[0]), sockets)
        }.get()
        return Member(driver: driver, sockets: sockets)
    }

    private static func makeSinks(_ settings: MemberSettings) throws -> [any SASink] {
        try settings.sinks.map { sink -> any SASink in
            switch sink {
            case .export(let folder, let withKeys):
                try ExportSink(folder: folder, withKeys: withKeys, now: { Timestamps.now() })
            case .exec(let command, let arguments):
                try ExecSink(command: command, arguments: arguments, now: { Timestamps.now() })
            }
        }
    }

    private static func makeCore(_ settings: MemberSettings, local: Endpoint) throws -> MemberCore {
        let frontends = settings.frontends.map { frontend in
            KnownFrontend(
                identity: settings.gcks, local: local, remote: frontend.address,
                natTraversalPort: frontend.natTraversalPort)
        }
        let memberships = settings.groups.map { group in
            Membership(
                group: group.id, role: group.senderIDs.map { .sender(senderIDs: $0) } ?? .receiver,
                rekeyAddress: group.rekey)
        }
        let configuration = MemberConfiguration(
            ike: try InitiatorConfiguration(settings), memberships: memberships, frontends: frontends,
            livenessAfter: settings.liveness)
        return MemberCore(configuration, engine: CryptoEngine(), entropy: SystemEntropy())
    }

    /// Leaves every group and deletes the IKE SA when asked to; the core bounds how long that takes.
    func stop(leaving: Bool) async {
        if leaving { await driver.leave() }
        await driver.stop()
        await sockets.close()
    }
}

extension InitiatorConfiguration {
    /// Reads the credential files; belongs to the thread that uses it.
    init(_ settings: MemberSettings) throws {
        let trust = try FileTrust(settings.credentials)
        var retransmission = Retransmission()
        retransmission.tries = settings.tries
        self.init(
            own: try OwnCredentials(identity: settings.identity, settings.credentials),
            sharedKey: settings.gcks.flatMap { trust.sharedKey(with: $0) } ?? trust.onlySharedKey, trust: trust,
            expectedResponder: settings.gcks, policy: IKEPolicy(settings.proposals),
            fragmentOctets: settings.fragmentOctets, retransmission: retransmission,
            forcesNATTraversal: settings.forcesNATTraversal,
            logsKeys: settings.keyLog != nil)
    }
}

enum KeyLogSetting {
    /// The lab setting, loudly.
    static func open(_ folder: String?, _ log: EventLog) throws -> KeyLog? {
        guard let folder else { return nil }
        log.record(
            Event("key-log-on", .warning, [("folder", folder), ("meaning", "whoever reads it reads the traffic")]))
        guard let keyLog = KeyLog(folder: folder) else { throw LinkFault(description: "\(folder) cannot be made") }
        return keyLog
    }
}

enum MemberSockets {
    /// Two ports of the kernel's choice: one for plain IKE, one for IKE behind the non-ESP marker.
    static func bind(
        _ local: IPAddress, on eventLoop: any EventLoop, receive: @escaping @Sendable ([ReceivedDatagram]) -> Void
    ) async throws -> UnicastSockets {
        try await UnicastSockets.bind(
            [
                .init(local: Endpoint(local, port: 0), isEncapsulated: false),
                .init(local: Endpoint(local, port: 0), isEncapsulated: true),
            ], on: eventLoop, receive: receive)
    }
}
