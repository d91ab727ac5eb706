import GroupModel
import NIOCore

/// Changes of the log's membership, each on a connection of its own because it may take long. Each may be asked again.
struct MembershipLine: Sendable {
    let socketPath: String
    let group: any EventLoopGroup

    func change(_ request: EngineRequest, within limit: Duration) async throws(EngineFault) {
        let connection = try await EngineConnection.open(socketPath: socketPath, on: group)
        defer { connection.close() }
        _ = try await connection.perform(request, within: limit)
    }
}

/// Makes the configured nodes voters of the log, and says whether enough of them are.
actor ClusterFormation {
    private let own: UInt64
    private let nodes: [StoreNode]
    private let events: @Sendable (Event) -> Void
    private let change: @Sendable (EngineRequest, Duration) async throws(EngineFault) -> Void
    /// Those that could not be had, the last one last: they are asked after the others.
    private var postponed: [UInt64] = []

    init(
        own: UInt64, nodes: [StoreNode], events: @escaping @Sendable (Event) -> Void,
        change: @escaping @Sendable (EngineRequest, Duration) async throws(EngineFault) -> Void
    ) {
        self.own = own
        self.nodes = nodes.sorted { $0.id < $1.id }
        self.events = events
        self.change = change
    }

    /// - Parameter known: the log's nodes, as our own knows them.
    nonisolated func requireMajority(_ known: [StoreNode]) throws(StoreFailure) {
        guard nodes.count > 1 else { return }
        let voters = nodes.count { node in known.contains { $0.id == node.id && $0.duty == .voter } }
        guard voters * 2 > nodes.count else { throw .forming(voters: voters, of: nodes.count) }
    }

    /// Goes through the nodes that are no voters yet; one that fails is told and the next is tried.
    func admitMissing(_ known: () async throws(StoreFailure) -> [StoreNode]) async throws(StoreFailure) {
        let late = nodes.filter { postponed.contains($0.id) }
            .sorted { postponed.firstIndex(of: $0.id) ?? 0 < postponed.firstIndex(of: $1.id) ?? 0 }
        for node in nodes.filter({ !postponed.contains($0.id) }) + late where node.id != own {
            let found = try await known().first { $0.id == node.id }
            if let found, found.name != node.name {
                tell(node, "node \(node.id) is \(found.name) in the log")
                continue
            }
            do {
                try await admit(node, found)
                postponed.removeAll { $0 == node.id }
            } catch {
                if error.isNotLeader { throw .notLeader }
                tell(node, error.text)
                // One change of membership at a time: that another still runs says nothing about this node.
                guard !error.isBusy else { continue }
                postponed.removeAll { $0 == node.id }
                postponed.append(node.id)
            }
        }
    }

    private func admit(_ node: StoreNode, _ found: StoreNode?) async throws(EngineFault) {
        guard found?.duty != .voter else { return }
        if found == nil { try await change(.add(id: node.id, name: node.name), StoreLimits.request) }
        try await change(.assign(id: node.id, duty: .voter), StoreLimits.assignment)
    }

    private func tell(_ node: StoreNode, _ why: String) {
        events(
            Event("store-node-missing", .warning, limitedBy: node.name, [("node", node.name), ("why", why)]))
    }
}
