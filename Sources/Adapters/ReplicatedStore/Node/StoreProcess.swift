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
    private let peers: PeerDirectory
    private let dialer: PeerDialer?
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
        let peers = PeerDirectory(configured: settings.cluster?.peers ?? [])
        let dialer = tls.map { PeerDialer(peers: peers, tls: $0, group: group) }
        if !directory.holdsLog, let dialer { try await Self.requireNew(settings, asking: dialer) }
        node = try EngineNode(settings, dialer: dialer)
        self.settings = settings
        self.group = group
        self.peers = peers
        self.dialer = dialer
        self.events = events
        let relay = StoreRelay(node: node, group: group, events: events)
        if let cluster = settings.cluster, let tls { try await relay.listenToPeers(cluster, peers, tls: tls) }
        try await relay.listenToAuthority(settings.socketPath)
        events(Event("store-ready", .notice, [("node", settings.name), ("id", "\(settings.id)")]))
    }

    /// Asks the peers until `FirstStart` allows this node to start or refuses it; gives up after a while, for whoever supervises
    /// this process to try again.
    private static func requireNew(_ settings: StoreNodeSettings, asking dialer: PeerDialer)
        async throws(StoreNodeFault)
    {
        let end = ContinuousClock.now + StoreLimits.firstStart
        while true {
            let why: String
            switch FirstStart(of: settings.id, await answers(of: settings.cluster?.peers ?? [], to: dialer)) {
            case .allowed: return
            case .refused(let reason): throw fault(settings, reason)
            case .tooFewAnswers(let reason): why = reason
            }
            guard ContinuousClock.now < end, (try? await Task.sleep(for: StoreLimits.firstStartRetry)) != nil else {
                throw fault(settings, why)
            }
        }
    }

    private static func fault(_ settings: StoreNodeSettings, _ why: String) -> StoreNodeFault {
        StoreNodeFault("data directory \(settings.dataDirectory) is empty, but \(why)")
    }

    private static func answers(of peers: [StorePeer], to dialer: PeerDialer) async -> [FirstStart.Answer] {
        await withTaskGroup(of: FirstStart.Answer.self) { group in
            for peer in peers {
                group.addTask { FirstStart.Answer(peer: peer.name, nodes: await dialer.cluster(asking: peer)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Tells of each change of the leader, and learns who is in the log, until the task is cancelled.
    package func watchLeader() async {
        var connection: EngineConnection?
        var told: String?
        var rounds = 0
        while !Task.isCancelled {
            if connection?.isActive != true, let descriptor = try? node.connect() {
                connection = try? await EngineConnection.open(descriptor: descriptor, on: group)
            }
            var followed: UInt64 = 0
            if case .server(let id, let name)? = try? await connection?.perform(.leader, within: StoreLimits.request) {
                let leader = id == 0 ? "none" : name
                if leader != told {
                    events(Event("store-leader", .info, [("node", settings.name), ("leader", leader)]))
                }
                (told, followed) = (leader, id)
            }
            if case .servers(let nodes)? = try? await connection?.perform(.cluster, within: StoreLimits.request) {
                peers.learn(nodes, following: followed)
            }
            rounds = told == "none" ? rounds + 1 : 0
            if rounds % StoreLimits.hearsayRounds == StoreLimits.hearsayRounds - 1 { await hear() }
            try? await Task.sleep(for: Self.watchInterval)
        }
        connection?.close()
    }

    /// Gives the log's leadership to another voter when this node has it, so that nobody waits for an election. Within
    /// `StoreLimits.handOver`, whether it succeeds or not.
    package func handOver() async {
        let end = ContinuousClock.now + StoreLimits.handOver
        var left: Duration { ContinuousClock.now.duration(to: end) }
        guard let descriptor = try? node.connect(),
            let connection = try? await EngineConnection.open(descriptor: descriptor, on: group)
        else { return }
        defer { connection.close() }
        guard case .server(let leader, _)? = try? await connection.perform(.leader, within: left),
            leader == settings.id,
            case .servers(let nodes)? = try? await connection.perform(.cluster, within: left)
        else { return }
        for other in nodes where other.id != settings.id && other.duty == .voter && left > .zero {
            guard (try? await connection.perform(.transfer(id: other.id), within: left)) != nil else { continue }
            return events(
                Event("leadership-handed-over", .notice, [("node", settings.name), ("to", other.name)]))
        }
    }

    /// Nobody leads, as far as this node knows: perhaps the log's nodes changed while it was away.
    private func hear() async {
        guard let dialer else { return }
        let answers = await Self.answers(of: peers.peers(without: settings.name), to: dialer).compactMap(\.nodes)
        // The newest list has the highest id in it.
        if let newest = answers.max(by: { $0.map(\.id).max() ?? 0 < $1.map(\.id).max() ?? 0 }) { peers.hear(newest) }
    }

    /// Ends the node; nothing that was acknowledged depends on it.
    package func stop() {
        unlink(settings.socketPath)
        node.stop()
    }
}
