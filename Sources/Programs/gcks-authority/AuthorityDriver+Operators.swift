import AuthorityCore
import AuthorityRPC
import GroupModel
import IKEVocabulary
import ReplicatedStore
import Telemetry

extension AuthorityDriver {
    func ask(_ request: OperatorRequest, by peer: PeerIdentity) async throws(OperatorFailure)
        -> OperatorReply
    {
        if case .status = request { return .status(await clusterStatus()) }
        if case .upkeep(.program) = request {
            if let refusal = request.refusal(to: OperatorActor(peer, at: name)) { throw refusal }
            return .upkeep(.program(programStatus()))
        }
        guard core != nil else { throw .notLeader(leaderName) }
        if case .audit(.read(let query)) = request { return .audit(try await readAudit(query, by: peer)) }
        if case .upkeep(let upkeep) = request { try await lookAtCluster(for: upkeep) }
        let token = takeNumber()
        let result = await withCheckedContinuation { continuation in
            replies[token] = continuation
            enqueue([.operation(request, by: OperatorActor(peer, at: name), token: token)])
        }
        return try result.get()
    }

    /// Answers without the log: what this process knows, also as a follower and without quorum.
    func clusterStatus() async -> ClusterStatus {
        let nodes: [NodeStatus]
        do {
            nodes = try await store.nodes().map { node in
                NodeStatus(name: node.name, state: node.name == leaderName ? "leader" : "follower", detail: node.role)
            }
        } catch {
            nodes = [NodeStatus(name: name, state: core == nil ? "follower" : "leader", detail: "\(error)")]
        }
        return ClusterStatus(
            nodes: nodes, leader: leaderName, term: core?.term.rawValue ?? 0, commits: commits,
            frontends: links(frontends, kind: "frontend"), broadcasters: links(broadcasters, kind: "broadcaster"),
            groups: core?.groupStatuses(nil) ?? [])
    }

    func links<Item>(_ connected: [Int: ConnectedPeer<Item>], kind: String) -> [LinkStatus] {
        let live = connected.values.map { $0.status(isConnected: true) }
        let names = Set(live.map(\.name))
        let lost = gone.filter { $0.key.hasPrefix(kind + "/") && !names.contains($0.value.name) }.map(\.value)
        return (live + lost).sorted { $0.name < $1.name }
    }
}

extension AuthorityDriver: AuthorityService {
    func openRegistration(from peer: PeerIdentity) async throws(StreamRefusal) -> any RegistrationSession {
        try openRegistrationDesk(peer)
    }

    func openBroadcast(from peer: PeerIdentity) async throws(StreamRefusal) -> any BroadcastSession {
        try openBroadcastDesk(peer)
    }

    func operate(_ request: OperatorRequest, by peer: PeerIdentity) async throws(OperatorFailure) -> OperatorReply {
        try await ask(request, by: peer)
    }

    func isServing() async -> Bool { true }
}

extension OperatorActor {
    init(_ peer: PeerIdentity, at authority: String) {
        self.init(name: peer.name, roles: peer.operatorRoles, source: authority)
    }
}
