import Glibc
package import GroupModel
import NIOPosix

/// A store process from start to end: node, relay, and a watch that tells who leads.
package final class StoreProcess: Sendable {
    private static let watchInterval: Duration = .milliseconds(200)

    private let settings: StoreNodeSettings
    private let directory: DataDirectory
    private let node: EngineNode
    private let group: MultiThreadedEventLoopGroup
    private let events: @Sendable (Event) -> Void

    /// Starts the node and opens the doors; the store is ready when it returns.
    package init(_ settings: StoreNodeSettings, events: @escaping @Sendable (Event) -> Void) async throws {
        // Sockets and files are for this user only, from the moment they exist.
        umask(0o077)
        let tls = try settings.cluster.map { cluster throws(StoreNodeFault) in
            try StoreTLS(cluster, name: settings.name)
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        directory = try DataDirectory(path: settings.dataDirectory, id: settings.id, name: settings.name)
        let dialer = tls.map { PeerDialer(peers: settings.cluster?.peers ?? [], tls: $0, group: group) }
        if !directory.holdsLog, let dialer { try await Self.requireNew(settings, asking: dialer) }
        node = try EngineNode(settings, dialer: dialer)
        self.settings = settings
        self.group = group
        self.events = events
        let relay = StoreRelay(node: node, group: group, events: events)
        if let cluster = settings.cluster, let tls { try await relay.listenToPeers(cluster, tls: tls) }
        try await relay.listenToAuthority(settings.socketPath)
        events(Event("store-ready", .notice, [("node", settings.name), ("id", "\(settings.id)")]))
    }

    /// A node that voted once and lost its disk must not come back under its old id: it would vote again, and the first node
    /// would start a second cluster. The peers that can be reached know.
    private static func requireNew(_ settings: StoreNodeSettings, asking dialer: PeerDialer)
        async throws(StoreNodeFault)
    {
        for peer in settings.cluster?.peers ?? [] {
            let known = await dialer.cluster(asking: peer)?.first { $0.id == settings.id }
            guard known?.duty == .voter else { continue }
            throw StoreNodeFault(
                "data directory \(settings.dataDirectory) is empty, but \(peer.name) knows node \(settings.id) as a voter; "
                    + "remove that node from the cluster and start this one under a new id")
        }
    }

    /// Tells of each change of the leader until the task is cancelled.
    package func watchLeader() async {
        var connection: EngineConnection?
        var told: String?
        while !Task.isCancelled {
            if connection?.isActive != true, let descriptor = try? node.connect() {
                connection = try? await EngineConnection.open(descriptor: descriptor, on: group)
            }
            if case .server(let id, let name)? = try? await connection?.perform(.leader, within: StoreLimits.request) {
                let leader = id == 0 ? "none" : name
                if leader != told {
                    events(Event("store-leader", .info, [("node", settings.name), ("leader", leader)]))
                }
                told = leader
            }
            try? await Task.sleep(for: Self.watchInterval)
        }
        connection?.close()
    }

    /// Ends the node; nothing that was acknowledged depends on it.
    package func stop() {
        unlink(settings.socketPath)
        node.stop()
    }
}
