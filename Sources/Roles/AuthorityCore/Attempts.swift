import GroupModel
import IKEVocabulary

/// A request of an operator that changed nothing: it was refused, or a dry run.
struct Attempt {
    let causer: Causer
    let action: String
    let object: String
    /// "refused" or "dry-run".
    let outcome: String
    let detail: String

    init(_ request: OperatorRequest, _ causer: Causer, _ outcome: String, _ detail: String) {
        (self.causer, action, object) = (causer, request.action, request.object)
        (self.outcome, self.detail) = (outcome, detail)
    }

    /// - Parameter others: how many of its kind have no record.
    func entry(besides others: Int = 0) -> AuditEntry {
        let count = others > 0 ? "\(others) more of this kind were not recorded" : ""
        let details = [count, detail].filter { !$0.isEmpty }.joined(separator: "; ")
        return causer.entry(action, object, result: details.isEmpty ? outcome : "\(outcome): \(details)")
    }
}

/// How many records attempts have made lately, so that nobody fills the audit trail with them: bounded, in memory only. What was
/// counted and not recorded yet is lost with the leadership.
struct RecentAttempts {
    /// One actor, one action, one kind of target; nil for all that there is no room for.
    private struct Kind: Hashable {
        let actor: String
        let source: String
        let action: String
        let target: Substring
    }

    private struct Count {
        let since: WallTime
        var recorded = 0
        var unrecorded = 0
        var last: Attempt?

        /// Of those that have no record, the last one's, with the number of the others.
        var entry: AuditEntry? { last.map { $0.entry(besides: unrecorded - 1) } }
    }

    private let limits: AuthorityLimits
    private var counts: [Kind?: Count] = [:]

    init(_ limits: AuthorityLimits) { self.limits = limits }

    /// - Returns: what is to be recorded now.
    mutating func take(_ attempt: Attempt, at now: WallTime) -> [AuditEntry] {
        var entries = due(at: now)
        let target = attempt.object.prefix { $0 != "/" }
        let own = Kind(
            actor: attempt.causer.actor, source: attempt.causer.source, action: attempt.action, target: target)
        let kind = counts[own] != nil || counts.count < limits.attemptKindsKept ? own : nil
        var count = counts[kind] ?? Count(since: now)
        if count.recorded < limits.attemptRecords {
            count.recorded += 1
            entries.append(attempt.entry())
        } else {
            count.unrecorded += 1
            count.last = attempt
        }
        counts[kind] = count
        return entries
    }

    /// Of each kind whose pause is over, one record for all that had none.
    mutating func due(at now: WallTime) -> [AuditEntry] {
        let over = counts.filter { now >= $0.value.since.adding(limits.attemptPause) }
        for kind in over.keys { counts[kind] = nil }
        return over.values.sorted { $0.since < $1.since }.compactMap(\.entry)
    }
}
