import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial
import Octets

/// Who may become a node of the log, and who may leave it. What is decided here is what the store then brings about, and goes on
/// bringing about after a change of leaders.
extension AuthorityCore {
    // MARK: Joining by token

    func makeToken(
        _ node: String, _ seconds: UInt32, _ hash: [UInt8], _ mandate: Mandate, _ actor: OperatorActor,
        at now: WallTime, into draft: inout DecisionDraft
    ) throws -> UpkeepReply {
        let (cluster, certificate) = try identity()
        if operations[mandate.operation] != nil {
            guard let row = upkeep.tokens.first(where: { $0.secretHash == hash }) else {
                throw OperatorFailure.conflict(
                    "this request made a token before, which is shown once: ask for a new one")
            }
            return .token(JoinGrant(cluster: cluster, id: row.id, storeCA: certificate, expiresAt: row.expiresAt))
        }
        try requireFree(node)
        guard UpkeepLimits.tokenSeconds.contains(seconds) else {
            throw OperatorFailure.invalid([
                DefinitionFault(path: "valid", problem: "\(seconds) s", valid: "1m to 24h")
            ])
        }
        guard hash.count == 32 else { throw OperatorFailure.conflict("the hash of the secret is not SHA-256") }
        guard upkeep.tokens.count < UpkeepLimits.tokens else {
            throw OperatorFailure.conflict("there are \(UpkeepLimits.tokens) tokens: wait until some are over")
        }
        let row = JoinTokenRow(
            secretHash: hash, node: node, id: freeID(), expiresAt: now.adding(Lifetime(seconds: seconds)),
            by: actor.name, usedAt: nil)
        if !mandate.isDryRun {
            put(.putToken(row), into: &draft)
            note(
                "cluster-token-create", "node/\(node)", ["token for \(node), id \(row.id), for \(seconds) s"], mandate,
                actor, at: now,
                into: &draft)
        }
        return .token(JoinGrant(cluster: cluster, id: row.id, storeCA: certificate, expiresAt: row.expiresAt))
    }

    func join(
        _ join: NodeJoin, _ mandate: Mandate, _ actor: OperatorActor, at now: WallTime, into draft: inout DecisionDraft
    ) throws -> UpkeepReply {
        let (cluster, _) = try identity()
        let again =
            "make another with gcksctl cluster token create --node \(Self.plain(join.node) ? join.node : "NAME")"
        guard join.cluster == cluster else {
            throw OperatorFailure.conflict(
                "the token is of cluster \(join.cluster), this is cluster \(cluster): \(again)")
        }
        let hash = engine.sha256(join.secret)
        guard var token = upkeep.tokens.first(where: { ConstantTime.equal($0.secretHash, hash) }) else {
            throw OperatorFailure.notAuthorised("the token is not known here: \(again)")
        }
        guard token.node == join.node else {
            throw OperatorFailure.conflict("the token is for \(token.node), not for \(join.node.prefix(64))")
        }
        if let row = upkeep.nodes.first(where: { $0.id == token.id }), operations[mandate.operation] != nil,
            row.store == join.store
        {
            return .joined(JoinedNode(id: row.id, peers: peers(without: row.id), lines: joinLines(row)))
        }
        guard token.usedAt == nil else {
            throw OperatorFailure.conflict("the token was used already, and each lets one node in once: \(again)")
        }
        guard now < token.expiresAt else {
            throw OperatorFailure.conflict("the token is over since \(ago(token.expiresAt, now)): \(again)")
        }
        try requireFree(join.node)
        try requirePlace(join.store)
        let row = ClusterNodeRow(id: token.id, name: join.node, store: join.store, duty: .voter, changedAt: now)
        let peers = peers(without: row.id)
        guard let place = clusterView.nodes.first(where: { $0.store.isEmpty }) else {
            let lines = joinLines(row)
            if !mandate.isDryRun {
                token.usedAt = now
                put(.putToken(token), into: &draft)
                put(.putNode(row), into: &draft)
                note("cluster-join", "node/\(row.name)", lines, mandate, actor, at: now, into: &draft)
            }
            return .joined(JoinedNode(id: row.id, peers: peers, lines: lines))
        }
        throw OperatorFailure.conflict(
            "where the store of \(place.name) is reached is not known: set store.listen and nodes in its settings")
    }

    private func joinLines(_ row: ClusterNodeRow) -> [String] {
        ["\(row.name) joins as node \(row.id), its store at \(row.store); it votes when it has caught up"]
            + advice(adding: 1)
    }

    private func ago(_ then: WallTime, _ now: WallTime) -> String {
        "\(max(0, now.milliseconds - then.milliseconds) / 1000) s"
    }

    private func peers(without id: UInt64) -> [JoinedNode.Peer] {
        clusterView.nodes.filter { $0.id != id && !$0.store.isEmpty }
            .map { JoinedNode.Peer(name: $0.name, id: $0.id, store: $0.store) }
    }

    // MARK: By name

    func addVoter(
        _ node: String, _ store: String, _ wantedID: UInt64?, _ mandate: Mandate, _ actor: OperatorActor,
        at now: WallTime, into draft: inout DecisionDraft
    ) throws -> [String] {
        _ = try identity()
        try requireFree(node)
        try requirePlace(store)
        let id = wantedID ?? freeID()
        guard (1...1_000_000).contains(id), !usedIDs.contains(id) else {
            throw OperatorFailure.conflict(
                "node id \(id) is or was another's: ids are never used again; \(freeID()) is free")
        }
        let row = ClusterNodeRow(id: id, name: node, store: store, duty: .voter, changedAt: now)
        return conclude("cluster-add-voter", row, joinLines(row), mandate, actor, at: now, into: &draft)
    }

    func promote(
        _ node: String, _ mandate: Mandate, _ actor: OperatorActor, at now: WallTime, into draft: inout DecisionDraft
    ) throws -> [String] {
        try requireClusterView()
        guard let found = clusterView.nodes.first(where: { $0.name == node }) else { throw Self.unknown(node) }
        guard !found.isVoter else { return ["\(node) votes already"] }
        guard found.isReachable else {
            throw OperatorFailure.conflict("the store of \(node) does not answer: start it first")
        }
        var row = row(of: found, at: now)
        guard row.duty != .retired else {
            throw OperatorFailure.conflict("\(node) (id \(row.id)) was taken out for good")
        }
        row.duty = .voter
        let lines = ["\(node) (id \(row.id)) votes when it has caught up"] + advice(adding: 1)
        return conclude("cluster-promote", row, lines, mandate, actor, at: now, into: &draft)
    }

    /// Takes a node out while those that stay keep a majority of stores that answer now.
    func remove(
        _ node: String, _ mandate: Mandate, _ actor: OperatorActor, at now: WallTime, into draft: inout DecisionDraft
    ) throws -> [String] {
        try requireClusterView()
        guard let found = clusterView.nodes.first(where: { $0.name == node }) else { throw Self.unknown(node) }
        // Those that leave already are seen in the log for a while.
        let leaving = Set(upkeep.nodes.filter { $0.duty == .retired }.map(\.id)).union([found.id])
        let staying = clusterView.nodes.filter { $0.isVoter && !leaving.contains($0.id) }
        if found.isVoter {
            guard !staying.isEmpty else { throw OperatorFailure.conflict("\(node) is the last voter and stays") }
            let answering = staying.count(where: \.isReachable)
            guard answering * 2 > staying.count else {
                throw OperatorFailure.conflict(
                    "without \(node) the log would have \(staying.count) voters, of which \(answering) answer: no majority; "
                        + "start the others first")
            }
        }
        var row = row(of: found, at: now)
        row.duty = .retired
        var lines = ["\(node) (id \(row.id)) leaves for good: its id is never used again"]
        if found.id == clusterView.own { lines.append("\(node) leads: another voter takes the leadership first") }
        if found.isVoter { lines += advice(adding: -1) }
        return conclude("cluster-remove", row, lines, mandate, actor, at: now, into: &draft)
    }

    private func conclude(
        _ kind: String, _ row: ClusterNodeRow, _ lines: [String], _ mandate: Mandate, _ actor: OperatorActor,
        at now: WallTime, into draft: inout DecisionDraft
    ) -> [String] {
        guard !mandate.isDryRun else { return lines.map { $0 + " (dry run)" } }
        put(.putNode(row), into: &draft)
        note(kind, "node/\(row.name)", lines, mandate, actor, at: now, into: &draft)
        return lines
    }

    // MARK: Checks

    private func identity() throws -> (cluster: ClusterID, storeCA: [UInt8]) {
        try requireClusterView()
        guard let cluster = upkeep.cluster else {
            throw OperatorFailure.conflict(
                "the cluster has no id in schema \(upkeep.schema): finish the upgrade with gcksctl upgrade finalize")
        }
        guard let certificate = clusterView.storeCA else {
            throw OperatorFailure.conflict(
                "the store of the leader has no door for others: set store.listen, store.tls and nodes, and start it again"
            )
        }
        return (cluster, engine.sha256(certificate))
    }

    private var usedIDs: Set<UInt64> {
        Set(clusterView.nodes.map(\.id)).union(clusterView.configured).union(upkeep.nodes.map(\.id))
            .union(upkeep.tokens.map(\.id))
    }

    private func freeID() -> UInt64 { (usedIDs.max() ?? 0) + 1 }

    private func requireFree(_ node: String) throws {
        guard Self.plain(node) else {
            throw OperatorFailure.invalid([
                DefinitionFault(
                    path: "node", problem: "not a name", valid: "1 to 64 letters, digits, '-', '_' and '.'")
            ])
        }
        let holder =
            clusterView.nodes.first { $0.name == node }?.id
            ?? upkeep.nodes.first { $0.name == node && $0.duty != .retired }?.id
        if let holder {
            throw OperatorFailure.conflict(
                "\(node) is node \(holder) of this cluster: take it out first with gcksctl cluster remove \(node)")
        }
        guard upkeep.nodes.count < UpkeepLimits.nodes else {
            throw OperatorFailure.conflict(
                "\(UpkeepLimits.nodes) nodes were added and taken out: no more are remembered")
        }
    }

    private func requirePlace(_ store: String) throws {
        let colon = store.lastIndex(of: ":")
        let port = colon.flatMap { UInt16(store[store.index(after: $0)...]) }
        let isPlain = store.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "@") }
        guard isPlain, store.utf8.count <= UpkeepLimits.storeOctets, let colon, colon > store.startIndex, port ?? 0 > 0
        else {
            throw OperatorFailure.invalid([
                DefinitionFault(path: "store", problem: "not a place", valid: "HOST:PORT, or [IPV6]:PORT")
            ])
        }
        if let other = clusterView.nodes.first(where: { $0.store == store }) {
            throw OperatorFailure.conflict("\(store) is where the store of \(other.name) listens")
        }
    }

    /// As certificates may name a store.
    private static func plain(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { octet in
                (0x30...0x39).contains(octet) || (0x41...0x5a).contains(octet) || (0x61...0x7a).contains(octet)
                    || octet == 0x2d || octet == 0x2e || octet == 0x5f
            }
    }

    private static func unknown(_ node: String) -> OperatorFailure {
        .notFound("no node \(plain(node) ? node : "of this name") in the log")
    }

    private func row(of node: ClusterView.Node, at now: WallTime) -> ClusterNodeRow {
        var row =
            upkeep.nodes.first { $0.id == node.id }
            ?? ClusterNodeRow(id: node.id, name: node.name, store: "", duty: .voter, changedAt: now)
        row.changedAt = now
        return row
    }

    private func advice(adding change: Int) -> [String] {
        let voters = clusterView.nodes.count(where: \.isVoter) + change
        guard voters > 0, voters % 2 == 0 else { return [] }
        return ["\(voters) voters survive no more losses than \(voters - 1): \(voters + 1) are advised"]
    }
}
