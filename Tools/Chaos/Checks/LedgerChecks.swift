/// What was acknowledged is there at the end.
enum LostChanges {
    static let promise = "acknowledged changes that are lost"

    static func check(_ evidence: Evidence) -> Finding {
        let acknowledged = evidence.ledger.filter(\.isAcknowledged)
        var broken: [String] = []
        for entry in acknowledged {
            guard case .createGroup(let name) = entry.change, !evidence.finalGroups.contains(name) else { continue }
            broken.append("group \(name) was acknowledged (request \(entry.requestID)) and is not there")
        }
        broken += lostLimit(evidence)
        broken += lostRekeys(evidence, acknowledged)
        return Finding(promise: promise, looked: acknowledged.count, broken: broken)
    }

    /// One operator, one change after the other: the last one acknowledged must stand. One that was never resolved may stand.
    private static func lostLimit(_ evidence: Evidence) -> [String] {
        var possible: Set<Int> = []
        for entry in evidence.ledger {
            guard case .memberLimit(_, let limit) = entry.change else { continue }
            if entry.isAcknowledged { possible = [limit] } else if !entry.isResolved { possible.insert(limit) }
        }
        guard !possible.isEmpty, let last = evidence.views.last else { return [] }
        guard !possible.contains(last.memberLimit) else { return [] }
        return ["member limit is \(last.memberLimit), acknowledged was \(possible.sorted())"]
    }

    /// Every rekey raises the generation of its group by one at least.
    private static func lostRekeys(_ evidence: Evidence, _ acknowledged: [LedgerEntry]) -> [String] {
        let rekeys = acknowledged.count { entry in
            if case .rekey = entry.change { true } else { false }
        }
        guard rekeys > 0, let last = evidence.views.last else { return [] }
        let risen = last.generation - evidence.firstGeneration
        guard risen < rekeys else { return [] }
        return ["\(rekeys) rekeys were acknowledged, the generation rose by \(risen)"]
    }
}

/// Who was told "unknown" asks again under the same request id, and is told.
enum UnknownOutcomes {
    static func check(_ evidence: Evidence) -> Finding {
        let unknown = evidence.ledger.filter(\.wasUnknown)
        let broken = unknown.filter { !$0.isResolved }.map { "request \($0.requestID) (\($0.change)) got no answer" }
        return Finding(
            promise: "unknown outcomes that asking again did not resolve", looked: unknown.count, broken: broken)
    }
}

/// Nothing is acknowledged that no majority can have.
enum MinorityCommits {
    static func check(_ evidence: Evidence) -> Finding {
        var broken: [String] = []
        for window in evidence.minorities {
            for entry in evidence.ledger {
                // Asked for after the cut and answered before its end.
                guard let first = entry.attempts.first, first.sent > window.lowerBound else { continue }
                for attempt in entry.attempts where attempt.code == 0 && attempt.answered < window.upperBound {
                    broken.append("request \(entry.requestID) (\(entry.change)) was acknowledged without a majority")
                }
            }
        }
        return Finding(
            promise: "changes acknowledged without a majority", looked: evidence.minorities.count, broken: broken)
    }
}

/// The same request twice happens once.
enum DoubledRequests {
    static func check(_ evidence: Evidence) -> Finding {
        let broken = evidence.doubled.filter { $0.after != $0.before }.map { doubled in
            "request \(doubled.requestID) again: generation \(doubled.before) became \(doubled.after)"
        }
        return Finding(promise: "doubled requests that happened twice", looked: evidence.doubled.count, broken: broken)
    }
}
