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

/// Makes the log's nodes what is wanted, and says whether enough of them vote.
///
/// Wanted are the configured nodes, as voters, and those that operators added; a node that an operator took out is not, whatever
/// the settings files still say.
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

    /// No other node is configured.
    nonisolated var isAlone: Bool { nodes.count <= 1 }
    nonisolated var configured: [StoreNode] { nodes }

    /// - Parameter known: the log's nodes, as our own knows them.
    nonisolated func requireMajority(_ known: [StoreNode], retired: Set<UInt64> = []) throws(StoreFailure) {
        let nodes = nodes.filter { !retired.contains($0.id) }
        guard nodes.count > 1 else { return }
        let voters = nodes.count { node in known.contains { $0.id == node.id && $0.duty == .voter } }
        guard voters * 2 > nodes.count else { throw .forming(voters: voters, of: nodes.count) }
    }

    /// A node as it should be.
    private struct Wanted {
        let id: UInt64
        let name: String
        /// How the log is told of it.
        let address: String
        let isVoter: Bool
    }

    private func wanted(_ rows: [ClusterNodeRow]) -> [Wanted] {
        let touched = Set(rows.map(\.id))
        let configured = nodes.filter { !touched.contains($0.id) }.map {
            Wanted(id: $0.id, name: $0.name, address: $0.name, isVoter: true)
        }
        let added = rows.filter { $0.duty != .retired }.map { row in
            Wanted(
                id: row.id, name: row.name, address: row.store.isEmpty ? row.name : "\(row.name)@\(row.store)",
                isVoter: row.duty == .voter)
        }
        return (configured + added).sorted { $0.id < $1.id }
    }

    /// Something is to be done.
    func isWanting(_ rows: [ClusterNodeRow], _ known: [StoreNode]) -> Bool {
        let retired = Set(rows.filter { $0.duty == .retired }.map(\.id))
        return known.contains { retired.contains($0.id) }
            || wanted(rows).contains { node in
                guard let found = known.first(where: { $0.id == node.id }) else { return true }
                return node.isVoter && found.duty != .voter
            }
    }

    /// Takes out who is retired, then goes through the nodes that are missing; one that fails is told and the next is tried.
    func reconcile(
        _ rows: [ClusterNodeRow], _ known: () async throws(StoreFailure) -> [StoreNode]
    ) async throws(StoreFailure) {
        for row in rows where row.duty == .retired && row.id != own {
            guard let found = try await known().first(where: { $0.id == row.id }) else { continue }
            do {
                try await change(.remove(id: row.id), StoreLimits.request)
                events(Event("store-node-removed", .notice, [("node", found.name), ("id", "\(row.id)")]))
            } catch {
                if error.isNotLeader { throw .notLeader }
                tell(row.name, error.text)
            }
        }
        try await admitMissing(wanted(rows), known)
    }

    private func admitMissing(
        _ nodes: [Wanted], _ known: () async throws(StoreFailure) -> [StoreNode]
    ) async throws(StoreFailure) {
        let late = nodes.filter { postponed.contains($0.id) }
            .sorted { postponed.firstIndex(of: $0.id) ?? 0 < postponed.firstIndex(of: $1.id) ?? 0 }
        for node in nodes.filter({ !postponed.contains($0.id) }) + late where node.id != own {
            let found = try await known().first { $0.id == node.id }
            if let found, found.name != node.name {
                tell(node.name, "node \(node.id) is \(found.name) in the log")
                continue
            }
            do {
                try await admit(node, found)
                postponed.removeAll { $0 == node.id }
            } catch {
                if error.isNotLeader { throw .notLeader }
                tell(node.name, error.text)
                // One change of membership at a time: that another still runs says nothing about this node.
                guard !error.isBusy else { continue }
                postponed.removeAll { $0 == node.id }
                postponed.append(node.id)
            }
        }
    }

    private func admit(_ node: Wanted, _ found: StoreNode?) async throws(EngineFault) {
        guard found == nil || (node.isVoter && found?.duty != .voter) else { return }
        if found == nil {
            try await change(.add(id: node.id, name: node.address), StoreLimits.request)
            events(Event("store-node-added", .notice, [("node", node.name), ("id", "\(node.id)")]))
        }
        guard node.isVoter else { return }
        // Answers when the node has caught up.
        try await change(.assign(id: node.id, duty: .voter), StoreLimits.assignment)
        events(Event("store-node-votes", .notice, [("node", node.name), ("id", "\(node.id)")]))
    }

    private func tell(_ name: String, _ why: String) {
        events(Event("store-node-missing", .warning, limitedBy: name, [("node", name), ("why", why)]))
    }
}
