/// When everything has healed, every member holds the group's SAs, those and no others.
enum OneGSA {
    static let promise = "members that do not end on the one GSA"

    static func check(_ evidence: Evidence) -> Finding {
        let broken = deviations(evidence).map { "\($0.key): \($0.value)" }.sorted()
        return Finding(promise: promise, looked: evidence.running.count, broken: broken)
    }

    /// What is wrong, by member; empty when all have converged.
    static func deviations(_ evidence: Evidence) -> [String: String] {
        guard let view = evidence.views.last else { return ["cluster": "shows no group"] }
        var last: [String: MemberTrace] = [:]
        for trace in evidence.traces { last[trace.member] = trace }
        var wrong: [String: String] = [:]
        for member in evidence.running {
            let held = last[member]?.held(of: evidence.group) ?? [:]
            if evidence.excluded.contains(member) {
                if !Set(held.keys).isDisjoint(with: view.associations.keys) {
                    wrong[member] = "excluded, and holds keys"
                }
            } else if held != view.associations {
                let missing = view.associations.keys.filter { held[$0] == nil }.sorted()
                let surplus = held.keys.filter { view.associations[$0] == nil }.sorted()
                let other = held.filter { view.associations[$0.key].map { [value = $0.value] in $0 != value } ?? false }
                wrong[member] = "misses \(missing), has besides \(surplus), with another key \(other.keys.sorted())"
            }
        }
        return wrong
    }
}

/// A registration that a member was told of is in the cluster's list, with the Sender-IDs it was told.
enum Registrations {
    static func check(_ evidence: Evidence) -> Finding {
        var last: [String: MemberTrace] = [:]
        for trace in evidence.traces { last[trace.member] = trace }
        var looked = 0
        var broken: [String] = []
        for member in evidence.running.subtracting(evidence.excluded).sorted() {
            let records = last[member]?.records ?? []
            guard let told = records.last(where: { $0.action == "install" && $0.senderIDs?.isEmpty == false }) else {
                continue
            }
            looked += 1
            let ids = (told.senderIDs ?? []).sorted()
            switch evidence.finalMembers[member]?.sorted() {
            case .some(ids): break
            case .some(let listed): broken.append("\(member) was told Sender-IDs \(ids), listed are \(listed)")
            case nil: broken.append("\(member) registered and is not listed")
            }
        }
        return Finding(promise: "registrations that are lost", looked: looked, broken: broken)
    }
}

/// Nobody's process ends by itself.
enum Crashes {
    static func check(_ evidence: Evidence) -> Finding {
        let broken = evidence.endings.filter { !$0.wasAsked || $0.isFaulty }.map {
            "\($0.name) ended by itself: \($0.how)"
        }
        return Finding(promise: "processes that ended by themselves", looked: evidence.endings.count, broken: broken)
    }
}

extension ProcessEnding {
    /// Asked to end, it ended in another way than it should.
    fileprivate var isFaulty: Bool {
        switch how {
        case .exit(let code): code != 0
        case .signal(let signal): [4, 5, 6, 7, 8, 11].contains(signal)
        }
    }
}

/// Memory stays bounded.
enum Memory {
    static let mostOctets = 768 << 20

    static func check(_ evidence: Evidence) -> Finding {
        let broken = evidence.resident.filter { $0.value > mostOctets }
            .map { "\($0.key): \($0.value >> 20) MiB resident" }.sorted()
        return Finding(
            promise: "processes above \(mostOctets >> 20) MiB", looked: evidence.resident.count, broken: broken)
    }
}
