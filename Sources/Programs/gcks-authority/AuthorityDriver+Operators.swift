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
        let actor = OperatorActor(peer, at: name)
        // Refused changes go to the core all the same: it keeps the audit trail.
        if request.dangerLevel == .read, let refusal = request.refusal(to: actor) { throw refusal }
        switch request {
        case .status: return .status(await clusterStatus())
        case .whoAmI: return .identity(identify(actor))
        case .upkeep(.program): return .upkeep(.program(programStatus()))
        case .cluster(let request): return try await ask(request, by: actor)
        default: break
        }
        guard let core else { throw .notLeader(leaderName) }
        if case .audit(.read(let query)) = request { return .audit(try await readAudit(query, by: peer)) }
        if case .fleet(.list(let name)) = request { return .frontends(try frontendStatuses(core, name)) }
        if case .upkeep(let upkeep) = request { try await lookAtCluster(for: upkeep) }
        return try await decide(request, by: actor)
    }

    /// By the core, in the order of the inputs.
    func decide(_ request: OperatorRequest, by actor: OperatorActor) async throws(OperatorFailure) -> OperatorReply {
        guard core != nil else { throw .notLeader(leaderName) }
        let token = takeNumber()
        let result = await withCheckedContinuation { continuation in
            replies[token] = continuation
            enqueue([.operation(request, by: actor, token: token)])
        }
        return try result.get()
    }

    /// Answers without the log: what this process knows, also as a follower and without quorum. A store that says nothing for a
    /// while does not hold up the answer.
    func clusterStatus() async -> ClusterStatus {
        let store = store
        let found = await InTime.run(DriverLimits.nodesLook) { () -> Result<[StoreNode], StoreFailure> in
            do throws(StoreFailure) { return .success(try await store.nodes()) } catch { return .failure(error) }
        }
        let nodes: [NodeStatus]
        switch found {
        case .success(let known)?:
            nodes = known.map { node in
                NodeStatus(name: node.name, state: node.name == leaderName ? "leader" : "follower", detail: node.role)
            }
        case .failure(let error)?:
            nodes = [NodeStatus(name: name, state: core == nil ? "follower" : "leader", detail: "\(error)")]
        case nil:
            nodes = [NodeStatus(name: name, state: core == nil ? "follower" : "leader", detail: "its store is silent")]
        }
        return ClusterStatus(
            nodes: nodes, leader: leaderName, term: core?.term.rawValue ?? 0, commits: commits,
            frontends: links(frontends, kind: "frontend"), broadcasters: links(broadcasters, kind: "broadcaster"),
            groups: core?.groupStatuses(nil) ?? [], leadingSince: core == nil ? nil : leadingSince)
    }

    private func identify(_ actor: OperatorActor) -> OperatorIdentity {
        OperatorIdentity(
            name: actor.name, roles: actor.roles, authority: name, time: clocks.wall(), version: Release.version,
            leader: leaderName,
            certificatesExpire: certificates.compactMapValues { CertificateFile($0)?.expiresAt })
    }

    func links<Item>(_ connected: [Int: ConnectedPeer<Item>], kind: String) -> [LinkStatus] {
        let live = connected.values.map { $0.status(isConnected: true) }
        let names = Set(live.map(\.name))
        let lost = gone.filter { $0.key.hasPrefix(kind + "/") && !names.contains($0.value.name) }.map(\.value)
        return (live + lost).sorted { $0.name < $1.name }
    }
}

extension AuthorityDriver: AuthorityService {
    func openRegistration(
        from peer: PeerIdentity, _ announcement: FrontendAnnouncement?
    ) async throws(StreamRefusal) -> any RegistrationSession {
        try openRegistrationDesk(peer, announcement)
    }

    func openBroadcast(from peer: PeerIdentity) async throws(StreamRefusal) -> any BroadcastSession {
        try openBroadcastDesk(peer)
    }

    func operate(_ request: OperatorRequest, by peer: PeerIdentity) async throws(OperatorFailure) -> OperatorReply {
        try await ask(request, by: peer)
    }

    func isServing() async -> Bool { care.hardFault == nil }
}

extension OperatorActor {
    init(_ peer: PeerIdentity, at authority: String) {
        let source = [authority, peer.proof].compactMap(\.self).joined(separator: " ")
        self.init(name: peer.name, roles: peer.operatorRoles, source: source)
    }
}
