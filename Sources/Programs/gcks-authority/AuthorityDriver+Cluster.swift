import AuthorityCore
import AuthorityRPC
import GroupModel
import IKEVocabulary
import ReplicatedStore
import Telemetry

/// What operators ask about the authorities themselves.
extension AuthorityDriver {
    func takeCare(_ care: StoreCare) { self.care = care }

    var leadingTerm: LeadershipTerm? { core?.term }

    func ask(_ request: ClusterRequest, by actor: OperatorActor) async throws(OperatorFailure) -> OperatorReply {
        let whole = OperatorRequest.cluster(request)
        if let refusal = whole.refusal(to: actor) {
            // A change that is refused is for the audit trail, which the core writes.
            guard whole.dangerLevel == .read else { return try await decide(whole, by: actor) }
            throw refusal
        }
        switch request {
        case .node: return .cluster(.node(report()))
        case .outcome(let operation): return .cluster(.outcome(try await outcome(of: operation)))
        case .drain(let node, true, _):
            try await requireDrainable(node)
            return try await decide(whole, by: actor)
        case .drain(let node, false, _):
            guard let core else { throw .notLeader(leaderName) }
            if !core.drainedNodes.contains(node) { try await requireKnown(node) }
            return try await decide(whole, by: actor)
        case .transfer(let node, let mandate): return try await handOver(to: node, whole, mandate, by: actor)
        case .stepDown(let mandate):
            let reply = try await handOver(to: nil, whole, mandate, by: actor)
            if !mandate.isDryRun { leadsAgainAt = clocks.monotonic() + DriverLimits.leadAgain }
            return reply
        }
    }

    /// What this process knows; asks nobody, so it answers at once.
    func report() -> NodeReport {
        let disk = care.disk()
        let free: Int64 = if case .good(let octets) = disk { octets } else { 0 }
        let drained = core?.drainedNodes ?? []
        var keptBack = care.hardFault.map { "\(name) does not lead: \($0)" }
        if keptBack == nil, drained.contains(name) { keptBack = "it is drained" }
        var report = NodeReport(
            name: name, id: care.id, leader: leaderName, isLeading: core != nil, term: core?.term.rawValue,
            leadingSince: core == nil ? nil : leadingSince, drained: drained,
            nodes: care.nodes.map { NodeReport.LogNode(id: $0.id, name: $0.name, role: $0.role) },
            keptBack: keptBack, diskFault: disk.fault, diskFreeOctets: free)
        report.copy = care.copy()
        return report
    }

    /// Done, still waiting, or not done and never to be done by what was sent before.
    private func outcome(of operation: OperationID) async throws(OperatorFailure) -> RequestOutcome {
        guard core != nil else { throw .notLeader(leaderName) }
        if isHere(operation) { return .waiting }
        if let row = try await committed(operation) {
            return .done(at: row.at, kind: row.kind, lines: row.summary.split(separator: "\n").map(String.init))
        }
        // It may have come while the store was asked.
        return isHere(operation) ? .waiting : .notDone
    }

    /// Waits for its turn, or for the commit of what it is decided with, which may fail and be tried again.
    private func isHere(_ operation: OperationID) -> Bool {
        (waiting + deciding).contains { input in
            if case .operation(let request, _, _) = input { request.mandate?.operation == operation } else { false }
        }
    }

    private func committed(_ operation: OperationID) async throws(OperatorFailure) -> OperationRow? {
        do {
            return try await store.outcome(of: operation)
        } catch {
            throw .unavailable("the store does not tell: \(error)")
        }
    }

    // MARK: Leadership

    /// Remembers the wish first, in the log: when the answer is lost and the wish is sent again, the next leader knows that it was
    /// heard. Then the leadership is handed over.
    private func handOver(
        to node: String?, _ whole: OperatorRequest, _ mandate: Mandate, by actor: OperatorActor
    ) async throws(OperatorFailure) -> OperatorReply {
        guard core != nil else { throw .notLeader(leaderName) }
        // What the core remembers may be of a decision that is not committed and never will be.
        let earlier = try await committed(mandate.operation)
        guard let core else { throw .notLeader(leaderName) }
        if let misuse = earlier?.misuse(for: whole.action) { throw misuse }
        if let earlier, !care.handOvers.contains(mandate.operation) {
            let lines = earlier.summary.split(separator: "\n").map(String.init)
            return .done(lines + ["\(name) leads in term \(core.term.rawValue)"])
        }
        if node == name { return .done(["\(name) leads already, in term \(core.term.rawValue)"]) }
        try await requireTaker(node)
        let reply = try await decide(whole, by: actor)
        guard !mandate.isDryRun else { return reply }
        care.handOvers.insert(mandate.operation)
        let term = core.term.rawValue
        let taker = try await giveAway(to: node, within: HandOverLimits.command)
        log.record(Event("leadership-given-away", .notice, [("node", name), ("to", taker), ("by", actor.name)]))
        return .done(["\(name), which led in term \(term), has given the leadership to \(taker)"])
    }

    private func requireTaker(_ node: String?) async throws(OperatorFailure) {
        let known = try await knownNodes()
        if let node, !known.contains(where: { $0.name == node }) { throw .notFound(Self.noNode(node, known)) }
        guard known.contains(where: { $0.duty == .voter && $0.name != name }) else {
            throw .conflict("\(name) is the only voter: nobody else can lead")
        }
    }

    // MARK: Draining

    private func requireKnown(_ node: String) async throws(OperatorFailure) {
        let known = try await knownNodes()
        guard known.contains(where: { $0.name == node }) else { throw .notFound(Self.noNode(node, known)) }
    }

    /// Somebody must be left who may lead.
    private func requireDrainable(_ node: String) async throws(OperatorFailure) {
        guard let core else { throw .notLeader(leaderName) }
        let known = try await knownNodes()
        guard known.contains(where: { $0.name == node }) else { throw .notFound(Self.noNode(node, known)) }
        let drained = Set(core.drainedNodes)
        let left = known.filter { $0.duty == .voter && $0.name != node && !drained.contains($0.name) }
        guard !left.isEmpty || drained.contains(node) else {
            throw .conflict("\(node) is the last node that may lead: undrain another first")
        }
    }

    private func knownNodes() async throws(OperatorFailure) -> [StoreNode] {
        do {
            let known = try await store.nodes()
            care.nodes = known
            return known
        } catch {
            throw .unavailable("the store does not say which nodes there are: \(error)")
        }
    }
}
