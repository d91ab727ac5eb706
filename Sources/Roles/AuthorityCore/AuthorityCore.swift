package import GroupModel
package import IKECrypto
package import IKEVocabulary
package import KeyMaterial

/// The leader's mind: groups, keys and members in memory, equal to the replicated state of one leadership term.
///
/// `decide` takes many inputs, changes the state in memory and returns one transaction with the effects locked behind its
/// commit. When the commit fails in any way, this value is wrong by one decision: the program drops it and makes a new one
/// from the store.
package final class AuthorityCore {
    package let term: LeadershipTerm
    package var limits: AuthorityLimits
    let sealer: any KeySealer
    let engine: CryptoEngine
    var entropy: any EntropySource

    var groups: [GroupName: GroupState] = [:]
    var namesByIdentification: [Identity: GroupName] = [:]
    var operations = RememberedOperations()
    var rekeyOrders: [Int64: RekeyOrder] = [:]
    var lastRekeyOrder: Int64 = 0
    var spisInUse: Set<ESPSPI> = []
    var life: ClusterLife
    var refusals: RecentRefusals
    /// The authority this is the mind of, as the audit trail names it.
    let node: String
    var audit: AuditWriter
    var denials: RecentDenials
    var attempts: RecentAttempts
    var reportDenials: RecentDenials
    var fleet = FleetState()
    package internal(set) var upkeep: UpkeepState
    /// The log's nodes as they were seen last; the program looks before it asks what depends on them.
    package var clusterView = ClusterView(own: 0)
    /// Nodes that give leadership away and do not take it while another can.
    var drained: [String: DrainedNodeRow] = [:]

    /// - Throws: `AuthorityFailure` when a stored key does not open; nothing may be decided on such a state.
    package init(
        state: StoredState, sealer: any KeySealer, engine: CryptoEngine, entropy: any EntropySource,
        limits: AuthorityLimits = AuthorityLimits(), node: String = "authority", now: WallTime
    ) throws(AuthorityFailure) {
        term = state.term
        life = state.life
        self.limits = limits
        refusals = RecentRefusals(atMost: limits.refusalsKept)
        self.sealer = sealer
        self.engine = engine
        self.entropy = entropy
        upkeep = state.upkeep
        try Self.requireRootKey(state.upkeep, sealer)
        self.node = node
        denials = RecentDenials(atMost: limits.denialsKept, pause: limits.denialPause)
        attempts = RecentAttempts(limits)
        reportDenials = denials
        audit = try Self.auditWriter(state.audit, sealer: sealer, entropy: &self.entropy, at: now)
        try load(state)
    }

    /// Decides inputs in their order. The transaction may hold no change at all (reads and refusals): it is committed all the
    /// same, because the commit proves that this leadership still stands.
    package func decide(_ inputs: [AuthorityInput], at now: WallTime) -> PendingDecision {
        var draft = DecisionDraft()
        for input in inputs {
            switch input {
            case .registration(let request, let session):
                let outcome = decide(request, at: now, into: &draft)
                let answer = RegistrationAnswer(operation: request.operation, outcome: outcome)
                draft.effects.append(.answer(answer, session: session))
            case .operation(let request, let actor, let token):
                draft.effects.append(.reply(decide(request, by: actor, at: now, into: &draft), token: token))
            case .broadcast(let numbers):
                finishBroadcast(numbers, into: &draft)
            case .timer:
                passTime(at: now, into: &draft)
                tendUpkeep(at: now, into: &draft)
            case .audit(let entry): draft.audit.append(entry)
            case .frontend(let name):
                meet(name, at: now, into: &draft)
            case .newLife(let operation, let reason):
                beginNextLife(operation, reason: reason, at: now, into: &draft)
            }
        }
        closeAudit(&draft, at: now)
        return PendingDecision(term: term, draft: draft)
    }

    /// Rekey orders that were committed and not yet acknowledged, oldest first: a new leader offers them again.
    package var unfinishedRekeyOrders: [RekeyOrder] { rekeyOrders.values.sorted { $0.number < $1.number } }

    private func finishBroadcast(_ numbers: [Int64], into draft: inout DecisionDraft) {
        for number in numbers where rekeyOrders.removeValue(forKey: number) != nil {
            draft.mutations.append(.removeRekeyOrder(number))
        }
    }
}
