import Foundation
import GroupModel
import ReplicatedStore
import Synchronization
import TestKit
import Testing

/// Stores of one cluster as real processes under supervisors, in a temporary folder.
final class StoreHarness: Sendable {
    static let latency: UInt32 = 20

    struct Node: Sendable {
        let settings: StoreNodeSettings
        let supervisor: StoreSupervisor
        let store: EngineStore
        let running: Task<Void, Never>

        /// What the log must know in the end.
        var wanted: Set<StoreNode> { Set(StoreHarness.nodes(settings)) }

        /// Ends the process without warning; the supervisor starts it again.
        func killProcess() { if let pid = supervisor.processID { kill(pid, SIGKILL) } }

        func stop() async {
            await store.close()
            supervisor.stop()
            await running.value
        }
    }

    let folder: URL
    private let told = Mutex<[Event]>([])

    init() throws {
        folder = URL(filePath: "/tmp/gcks-store-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var events: [Event] { told.withLock { $0 } }

    func settings(_ id: UInt64, cluster: StoreClusterSettings? = nil) -> StoreNodeSettings {
        StoreNodeSettings(
            name: "authority-\(id)", id: id, dataDirectory: folder.appending(path: "data-\(id)").path,
            socketPath: folder.appending(path: "\(id).sock").path, latencyMilliseconds: Self.latency, cluster: cluster)
    }

    /// Starts a store under a supervisor.
    func start(_ settings: StoreNodeSettings) -> Node {
        let supervisor = StoreSupervisor(
            executable: BuiltProducts.path("gcks-store"), settings: settings,
            events: { event in self.told.withLock { $0.append(event) } })
        let running = Task.detached { await supervisor.run() }
        return Node(
            settings: settings, supervisor: supervisor,
            store: EngineStore(
                socketPath: settings.socketPath, id: settings.id, nodes: Self.nodes(settings),
                events: { event in self.told.withLock { $0.append(event) } }),
            running: running)
    }

    /// The configured nodes; none in a cluster of one.
    static func nodes(_ settings: StoreNodeSettings) -> [StoreNode] {
        guard let cluster = settings.cluster else { return [] }
        let peers = cluster.peers.map { StoreNode(id: $0.id, name: $0.name) }
        return [StoreNode(id: settings.id, name: settings.name)] + peers
    }

    /// Settings of three nodes that know each other, with certificates.
    func threeNodes(_ pki: TestPKI) throws -> [StoreNodeSettings] {
        let ports = FreePorts.take(3)
        let peers = (1...3).map {
            StorePeer(name: "authority-\($0)", id: UInt64($0), host: "127.0.0.1", port: ports[$0 - 1])
        }
        return try (1...3).map { number in
            let name = "authority-\(number)"
            let credentials = try pki.credentials(.store, name)
            let cluster = StoreClusterSettings(
                listenHost: "127.0.0.1", listenPort: ports[number - 1], peers: peers.filter { $0.name != name },
                trustRootsFile: credentials.authority, certificateFile: credentials.certificate,
                privateKeyFile: credentials.key)
            return settings(UInt64(number), cluster: cluster)
        }
    }
}

enum FreePorts {
    /// Ports that were free just now: bound, read back and let go together.
    static func take(_ count: Int) -> [Int] {
        var descriptors: [CInt] = []
        var ports: [Int] = []
        for _ in 0..<count {
            let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
            descriptors.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = bind(descriptor, $0, length)
                    _ = getsockname(descriptor, $0, &length)
                }
            }
            ports.append(Int(UInt16(bigEndian: address.sin_port)))
        }
        for descriptor in descriptors { close(descriptor) }
        return ports
    }
}

struct TookTooLong: Error {
    let what: String
    let last: String
}

/// Asks until there is an answer, at most for `limit`.
func eventually<Value: Sendable>(
    _ what: String, within limit: Duration = .seconds(15), _ ask: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + limit
    var last = "no answer"
    while ContinuousClock.now < end {
        do {
            if let value = try await ask() { return value }
            last = "no answer"
        } catch {
            last = "\(error)"
        }
        try await Task.sleep(for: .milliseconds(20))
    }
    throw TookTooLong(what: what, last: last)
}

extension StoreHarness.Node {
    /// Leads as soon as the node does.
    func leading(within limit: Duration = .seconds(15)) async throws -> StoredState {
        try await eventually("\(settings.name) leads", within: limit) { try await store.lead() }
    }
}
