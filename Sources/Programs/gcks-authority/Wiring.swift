import AdminHTTP
import AuthorityCore
import AuthorityRPC
import Foundation
import GroupModel
import IKEVocabulary
import NIOCore
import ProgramKit
import ReplicatedStore
import RootKey
import Settings
import Telemetry

/// The composition root: store, driver and server of one authority, and how long each lives.
struct Authority {
    private let settings: AuthoritySettings
    private let log: EventLog
    private let supervisor: StoreSupervisor
    private let disk: DiskWatch
    private let copy: CopyWatch
    private let store: EngineStore
    private let driver: AuthorityDriver
    private let server: AuthorityServer
    private let reloading: AuthorityReload

    init(_ settings: AuthoritySettings, path: String, log: EventLog) throws {
        self.settings = settings
        self.log = log
        let keyring =
            switch settings.rootKey {
            case .file(let path): try RootKeyring(file: path)
            case .credential(let name): try RootKeyring(credential: name)
            }
        try FileManager.default.createDirectory(
            atPath: settings.dataDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let socket = settings.dataDirectory + "/store.sock"
        let storeSettings = try Self.storeSettings(settings, socket)
        let supervisor = StoreSupervisor(
            executable: settings.storeBinary ?? Self.sibling("gcks-store"), settings: storeSettings,
            events: { log.record($0) })
        self.supervisor = supervisor
        disk = DiskWatch(
            folder: settings.dataDirectory, events: { log.record($0) },
            // What the engine could not write it does not write again by itself.
            recovered: { supervisor.restart(because: "its disk can be written again") })
        store = EngineStore(
            socketPath: socket, id: settings.id, name: settings.name, nodes: Self.storeNodes(settings),
            doors: storeSettings.cluster, events: { log.record($0) })
        let clocks = Clocks()
        copy = CopyWatch(
            store, id: settings.id, folder: settings.dataDirectory + "/store", wall: { clocks.wall() },
            events: { log.record($0) }, restart: { supervisor.restart(because: $0) })
        driver = AuthorityDriver(
            name: settings.name, store: store, sealer: keyring, log: log, clocks: clocks,
            nextLife: NextLifeOrder(dataDirectory: settings.dataDirectory), limits: AuthorityLimits(settings))
        server = AuthorityServer(listeners: Self.listeners(settings), service: driver)
        reloading = AuthorityReload(settings, path: path, driver, server, log)
    }

    /// Serves until SIGTERM or SIGINT; then streams end, the last commit finishes, the store stops.
    func run() async {
        let certificates = ["rpc": settings.tls?.certificate, "store": settings.storeTLS?.certificate]
        await driver.shows(certificates.compactMapValues { $0 })
        await driver.takeCare(care())
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await disk.run() }
            group.addTask { await copy.run { await driver.leadingTerm } }
            group.addTask { await supervisor.run() }
            group.addTask { await driver.run() }
            group.addTask { await driver.beat() }
            group.addTask { await observe() }
            group.addTask { await formCluster() }
            group.addTask {
                do {
                    try await server.run()
                } catch {
                    if !Task.isCancelled { Startup.fail("gcks-authority: the RPC sockets: \(error)") }
                }
            }
            ServiceManager.ready("\(settings.name) started")
            await Startup.untilStopped { await reloading.reload() }
            ServiceManager.stopping()
            server.beginGracefulShutdown()
            await driver.stop()
            await store.close()
            supervisor.stop()
            group.cancelAll()
        }
    }

    /// Shows metrics and health until the end.
    private func observe() async {
        do {
            let admin = try await driver.observation.serve(
                on: settings.admin, eventLoop: OneLoop.eventLoop, log: log, certificates: reloading.certificates)
            try? await Task.sleep(for: .seconds(1 << 32))
            await admin?.close()
        } catch {
            Startup.fail("gcks-authority: \(error)")
        }
    }

    private func care() -> StoreCare {
        var care = StoreCare(id: settings.id)
        let (disk, copy, supervisor) = (self.disk, self.copy, self.supervisor)
        care.disk = { disk.disk }
        care.copy = { copy.report }
        care.copyFault = { copy.fault }
        care.restartStore = { supervisor.restart(because: $0) }
        return care
    }

    /// The nodes of the file with the places of their stores; a cluster of one names its own, for nodes that join it.
    private static func storeNodes(_ settings: AuthoritySettings) -> [StoreNode] {
        guard settings.nodes.isEmpty else {
            return settings.nodes.map { StoreNode(id: $0.id, name: $0.name, store: $0.store) }
        }
        guard let listen = settings.storeListen else { return [] }
        // An address that means all of this host's is no place for others.
        let host = StorePeer.place(listen)?.host
        let place = ["0.0.0.0", "::"].contains(host) ? "" : listen
        return [StoreNode(id: settings.id, name: settings.name, store: place)]
    }

    /// The leader brings the log's nodes to what is wanted; the others find nothing to do.
    private func formCluster() async {
        while (try? await Task.sleep(for: .milliseconds(300))) != nil {
            // Failures of nodes are events of the store; a store that does not answer is the supervisor's matter.
            try? await store.formCluster()
        }
    }

    private static func listeners(_ settings: AuthoritySettings) -> [AuthorityListener] {
        var listeners = AuthorityListener.make(settings.rpcUnix)
        if let endpoint = settings.rpcListen, let tls = settings.tls {
            listeners.append(AuthorityListener(.tls(endpoint, TLSCredentials(tls))))
        }
        return listeners
    }

    private static func storeSettings(_ settings: AuthoritySettings, _ socket: String) throws -> StoreNodeSettings {
        var cluster: StoreClusterSettings?
        if let tls = settings.storeTLS, let listen = settings.storeListen.flatMap({ StorePeer.place($0) }) {
            let peers = settings.nodes.compactMap { node -> StorePeer? in
                guard node.name != settings.name, let place = StorePeer.place(node.store) else { return nil }
                return StorePeer(name: node.name, id: node.id, host: place.host, port: place.port)
            }
            cluster = StoreClusterSettings(
                listenHost: listen.host, listenPort: listen.port, peers: peers, trustRootsFile: tls.authority,
                certificateFile: tls.certificate, privateKeyFile: tls.key)
        }
        let milliseconds = settings.storeLatency.components.attoseconds / 1_000_000_000_000_000
        return StoreNodeSettings(
            name: settings.name, id: settings.id, dataDirectory: settings.dataDirectory + "/store", socketPath: socket,
            latencyMilliseconds: UInt32(clamping: settings.storeLatency.components.seconds * 1000 + milliseconds),
            cluster: cluster)
    }

    /// The program that lies beside this one.
    private static func sibling(_ name: String) -> String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
    }
}

extension AuthorityLimits {
    fileprivate init(_ settings: AuthoritySettings) {
        self.init()
        operationsKept = settings.operationsKept
        auditKept = settings.audit.kept
        auditRecordsKept = settings.audit.records
    }
}
