import AuthorityCore
import AuthorityRPC
import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial
import ReplicatedStore
import Telemetry

extension AuthorityDriver {
    /// Leads when our own store node leads the log, and only then; steps down at the first sign that it does not.
    func lookForLeader() async {
        let now = clocks.monotonic()
        guard core == nil || now.since(lastLeaderLook) >= DriverLimits.leaderLook else { return }
        lastLeaderLook = now
        let leader: StoreLeader?
        do {
            leader = try await store.leader()
        } catch {
            leader = nil
        }
        leaderName = leader?.name
        if let known = try? await store.nodes() { care.nodes = known }
        guard let leader, leader.isOurs else {
            // Another has had its turn: whoever hands the leadership back wants it to be taken.
            if leader != nil { leadsAgainAt = Moment(nanoseconds: 0) }
            if core != nil { log.record(Event("leadership-lost", .warning, [("leader", leaderName ?? "unknown")])) }
            stepDown(.notLeader(leaderName))
            return
        }
        if core == nil, leadsAgainAt <= now, care.hardFault == nil, !care.isGivingAway { await lead() }
    }

    func lead() async {
        do {
            let state = try await store.lead()
            let fresh = try AuthorityCore(
                state: state, sealer: sealer, engine: CryptoEngine(), entropy: SystemEntropy(), limits: limits,
                node: name, now: clocks.wall())
            if let pending = try nextLife.pending() { try await begin(pending, with: fresh) }
            core = fresh
            leadingSince = clocks.wall()
            assignments = OrderAssignments()
            offered = Dictionary(uniqueKeysWithValues: fresh.unfinishedRekeyOrders.map { ($0.number, $0) })
            fleet.isTold = false
            log.record(
                Event(
                    "leadership-gained", .notice,
                    [
                        ("node", name), ("term", "\(state.term.rawValue)"), ("groups", "\(state.groups.count)"),
                        ("members", "\(state.members.count)"),
                    ]))
            assignWaiting()
            // That of a leadership before, which was lost before its first commit, is no longer true.
            waiting.removeAll { if case .audit(let entry) = $0 { entry.action == AuditEntry.gained } else { false } }
            waiting.insert(.audit(.leadershipGained(by: name, term: state.term)), at: 0)
            // Of those that stayed connected while the state was read again, it may not know all.
            enqueue(Set(frontends.values.map(\.identity.name)).sorted().map { .frontend($0) })
        } catch {
            log.record(Event("leadership-refused", .error, limitedBy: "lead", [("why", "\(error)")]))
            await cannotLead(because: error)
        }
    }

    /// Its store leads the log and it cannot read what is there: another authority may, so the log's leadership is given away.
    func cannotLead(because error: any Error) async {
        switch error {
        case StoreFailure.notLeader: stepDown(.notLeader(leaderName))
        case is AuthorityFailure, StoreFailure.incompatible:
            stepDown(.unavailable("\(name) cannot lead: \(error)"))
            leadsAgainAt = clocks.monotonic() + DriverLimits.leadAgain
            do {
                try await store.yieldLeadership()
                log.record(Event("leadership-given-away", .warning, [("node", name)]))
            } catch {
                log.record(Event("leadership-kept", .error, limitedBy: "lead", [("why", "\(error)")]))
            }
        default: break
        }
    }

    /// Frontends and broadcasters go to the new leader and ask again under their operation ids; operators are sent there too, and
    /// told when it is not known what became of their change.
    func stepDown(_ refusal: StreamRefusal) {
        core = nil
        endSessions(refusal)
        for input in waiting {
            guard case .operation(let request, _, let token) = input else { continue }
            // What no commit was tried for was surely not done: the next leader may be asked.
            let isUncertain = care.uncertain.contains(token)
            let failure =
                request.mandate.flatMap { isUncertain ? OperatorFailure.unknownOutcome($0.operation) : nil }
                ?? .notLeader(leaderName)
            replies.removeValue(forKey: token)?.resume(returning: .failure(failure))
        }
        (waiting, decidedAlone) = ([], 0)
        (care.uncertain, care.handOvers) = ([], [])
    }

    func endSessions(_ refusal: StreamRefusal) {
        for peer in frontends.values {
            peer.end(refusal)
            remember(peer.status(isConnected: false), "frontend")
        }
        for peer in broadcasters.values {
            peer.end(refusal)
            remember(peer.status(isConnected: false), "broadcaster")
        }
        (frontends, broadcasters, assignments) = ([:], [:], OrderAssignments())
        (fleet, offered) = (FleetDesk(), [:])
    }
}

extension AuditEntry {
    fileprivate static let gained = "leadership-gained"

    fileprivate static func leadershipGained(by node: String, term: LeadershipTerm) -> AuditEntry {
        AuditEntry(
            actor: node, actorRole: "authority", source: node, action: gained, object: "node/\(node)",
            result: "done: term \(term.rawValue)")
    }
}
