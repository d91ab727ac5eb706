/// What an operator is trusted with. Each role may do what those below it may; the order of the cases is the order of trust.
package enum OperatorRole: String, Hashable, Sendable, CaseIterable, Comparable {
    /// Reads the audit trail and nothing else.
    case auditor
    /// Reads everything.
    case viewer
    /// Planned rekeys, pauses, drains: what costs nobody his keys.
    case `operator`
    /// Policy, exclusion, emergency rekeys, keys of groups.
    case cryptoOfficer = "crypto-officer"

    package static func < (one: OperatorRole, other: OperatorRole) -> Bool { one.rank < other.rank }

    private var rank: Int {
        switch self {
        case .auditor: 0
        case .viewer: 1
        case .operator: 2
        case .cryptoOfficer: 3
        }
    }
}

/// How much a request can break: what guards it follows from this.
package enum DangerLevel: Int, Hashable, Sendable, CaseIterable, Comparable {
    /// L0: changes nothing.
    case read
    /// L1: can be taken back, costs no member its traffic.
    case reversible
    /// L2: members lose traffic for a while. Needs a reason, and a confirmation at the operator's end.
    case disruptive
    /// L3: cannot be taken back.
    case irreversible

    package static func < (one: DangerLevel, other: DangerLevel) -> Bool { one.rawValue < other.rawValue }
    package var label: String { "L\(rawValue)" }
}

/// Who asks, as the authority's doors proved it.
package struct OperatorActor: Hashable, Sendable {
    package let name: String
    package let roles: Set<OperatorRole>
    /// The authority whose door it came through, and over a Unix socket the user behind it: "authority-1 unix uid=0 (root)".
    package let source: String

    package init(name: String, roles: Set<OperatorRole>, source: String) {
        self.name = name
        self.roles = roles
        self.source = source
    }

    /// The role it acts in: the highest it holds.
    package var role: OperatorRole? { roles.max() }
}

extension OperatorRequest {
    /// The least role that may ask this.
    package var requiredRole: OperatorRole {
        switch self {
        case .whoAmI: .auditor
        case .status, .groupList, .groupShow, .memberList, .memberShow, .senderList, .senderSequences: .viewer
        case .rekeyNow(_, let scope, _): scope == .authKey ? .cryptoOfficer : .operator
        case .groupApply: .cryptoOfficer
        case .control(let request): request.requiredRole
        case .audit: .auditor
        case .fleet(let request): request.requiredRole
        case .upkeep(let request): request.requiredRole
        case .cluster(let request): request.requiredRole
        case .backup: .cryptoOfficer
        }
    }

    package var dangerLevel: DangerLevel {
        switch self {
        case .status, .whoAmI, .groupList, .groupShow, .memberList, .memberShow, .senderList, .senderSequences: .read
        case .groupApply, .rekeyNow: .reversible
        case .control(let request): request.dangerLevel
        case .audit(let request): request.dangerLevel
        case .fleet(let request): request.dangerLevel
        case .upkeep(let request): request.dangerLevel
        case .cluster(let request): request.dangerLevel
        case .backup(let request): request.dangerLevel
        }
    }

    /// What a change is asked under; nil for what changes nothing.
    package var mandate: Mandate? {
        switch self {
        case .status, .whoAmI, .groupList, .groupShow, .memberList, .memberShow, .senderList, .senderSequences: nil
        case .groupApply(_, let mandate), .rekeyNow(_, _, let mandate): mandate
        case .control(let request): request.mandate
        case .audit(let request): request.mandate
        case .fleet(let request): request.mandate
        case .upkeep(let request): request.mandate
        case .cluster(let request): request.mandate
        case .backup(let request): request.mandate
        }
    }

    /// What it is called in the audit trail, in events and in the store.
    package var action: String {
        switch self {
        case .status: "status"
        case .whoAmI: "role-whoami"
        case .groupApply: "group-apply"
        case .groupList: "group-list"
        case .groupShow: "group-show"
        case .memberList: "member-list"
        case .memberShow: "member-show"
        case .senderList: "sender-list"
        case .senderSequences: "sender-seq"
        case .rekeyNow: "rekey-now"
        case .control(let request): request.action
        case .audit(let request): request.action
        case .fleet(let request): request.action
        case .upkeep(let request): request.action
        case .cluster(let request): request.action
        case .backup(let request): request.action
        }
    }

    /// What the audit trail calls that which it is about.
    package var object: String {
        switch self {
        case .status, .whoAmI, .groupList, .audit, .backup: "cluster"
        case .groupApply(let definition, _): "group/\(definition.name)"
        case .groupShow(let group), .senderList(let group), .senderSequences(let group), .rekeyNow(let group, _, _):
            "group/\(group)"
        case .memberList(let group): group.map { "group/\($0)" } ?? "cluster"
        case .memberShow(let member, let group): (group.map { "group/\($0)" } ?? "cluster") + "/member/\(member)"
        case .control(let request): request.object
        case .fleet(let request): request.object
        case .upkeep(let request): request.object
        case .cluster(let request): request.object
        }
    }

    /// Why the authority does not even look at this request; nil when it may be decided.
    package func refusal(to actor: OperatorActor) -> OperatorFailure? {
        guard actor.roles.contains(where: { $0 >= requiredRole }) else {
            let held = actor.roles.sorted().map(\.rawValue).joined(separator: ", ")
            return .notAuthorised(
                "\(action) needs the role \(requiredRole.rawValue); \(actor.name) has \(held.isEmpty ? "none" : held)")
        }
        guard dangerLevel >= .disruptive, let mandate, !mandate.isDryRun, mandate.reason == nil else { return nil }
        return .invalid([
            DefinitionFault(
                path: "reason", problem: "missing, and \(action) is \(dangerLevel.label)",
                valid: "1 to \(Reason.octets) octets of text on one line")
        ])
    }
}
