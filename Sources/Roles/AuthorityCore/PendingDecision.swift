package import GroupModel

/// A decision that nobody has seen yet. Its effects come out only against the receipt of its own transaction, and once.
package struct PendingDecision: ~Copyable {
    package let transaction: StoreTransaction
    private let effects: [AuthorityEffect]

    init(term: LeadershipTerm, draft: DecisionDraft) {
        transaction = StoreTransaction(term: term, mutations: draft.mutations)
        effects = draft.effects
    }

    /// - Returns: the effects, or nothing when the receipt is of another leadership.
    package consuming func committed(_ receipt: CommitReceipt) -> [AuthorityEffect] {
        receipt.term == transaction.term ? effects : []
    }
}

/// What a decision grows into while its inputs are looked at one by one.
struct DecisionDraft {
    var mutations: [StoreMutation] = []
    var effects: [AuthorityEffect] = []
    /// Becomes records when the decision is complete.
    var audit: [AuditEntry] = []
    var wantsAnchor = false
}
