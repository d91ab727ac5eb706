package import GroupModel
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

extension EngineStore {
    /// - Returns: whether this node is a cluster of one.
    func requireMajority() async throws(StoreFailure) -> Bool {
        let known = try await nodes()
        do {
            try formation.requireMajority(known, retired: [])
        } catch {
            // Of the configured nodes some may have been taken out since.
            let retired = Set(try await storedNodes().filter { $0.duty == .retired }.map(\.id))
            guard !retired.isEmpty else { throw error }
            try formation.requireMajority(known, retired: retired)
        }
        return known.count <= 1 && formation.isAlone
    }

    package func formCluster() async throws(StoreFailure) {
        guard let leader = try await leader(), leader.isOurs else { throw .notLeader }
        let known = try await nodes()
        var rows = upkeep.withLock { $0?.nodes }
        if rows == nil, await formation.isWanting([], known) { rows = try await storedNodes() }
        guard let rows, await formation.isWanting(rows, known) else { return }
        guard !rows.contains(where: { $0.id == id && $0.duty == .retired }) else {
            // Another leader takes this node out.
            return try await yieldLeadership()
        }
        try await formation.reconcile(rows) { () throws(StoreFailure) in try await self.nodes() }
    }

    /// The nodes that operators added or took out, as this node's copy has them now.
    private func storedNodes() async throws(StoreFailure) -> [ClusterNodeRow] {
        try await writer.transaction(lasting: StoreLimits.transaction) { (session) throws(StoreFailure) in
            let table = try await session.query("SELECT name FROM sqlite_master WHERE name = 'cluster_node'")
            guard !table.isEmpty else { return [] }
            return try await Self.readAll(UpkeepTables.nodes, session)
        }
    }

    /// Keeps what is known of the cluster's own rows equal to what was committed.
    func note(_ mutations: [StoreMutation]) {
        for case .upkeep(let mutation) in mutations {
            upkeep.withLock { $0?.apply(mutation) }
            if case .raiseSchema(_, let version) = mutation { ledSchema.withLock { $0 = version } }
        }
    }

    package func view() async throws(StoreFailure) -> ClusterView {
        let places = Dictionary(
            formation.configured.map { ($0.id, $0.store) }, uniquingKeysWith: { first, _ in first })
        let nodes = try await nodes().map { node in
            ClusterView.Node(
                id: node.id, name: node.name, role: node.role,
                store: node.store.isEmpty ? places[node.id] ?? "" : node.store, isReachable: node.id == id)
        }
        var view = ClusterView(own: id, nodes: nodes, configured: Set(formation.configured.map(\.id)))
        guard let doors, let tls = try? StoreTLS(doors, name: name) else { return view }
        view.storeCA = try? NIOSSLCertificate.fromPEMFile(doors.trustRootsFile).first?.toDERBytes()
        let peers = nodes.compactMap { node -> StorePeer? in
            guard node.id != id, let place = StorePeer.place(node.store) else { return nil }
            return StorePeer(name: node.name, id: node.id, host: place.host, port: place.port)
        }
        let dialer = PeerDialer(
            peers: PeerDirectory(configured: peers), tls: tls, group: MultiThreadedEventLoopGroup.singleton)
        let answering = await withTaskGroup(of: UInt64?.self) { group in
            for peer in peers { group.addTask { await dialer.cluster(asking: peer) == nil ? nil : peer.id } }
            return await group.reduce(into: Set<UInt64>()) { answering, id in if let id { answering.insert(id) } }
        }
        for index in view.nodes.indices where answering.contains(view.nodes[index].id) {
            view.nodes[index].isReachable = true
        }
        return view
    }
}
