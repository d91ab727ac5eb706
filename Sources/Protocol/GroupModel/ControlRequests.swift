package import IKEVocabulary

/// What an operator does to members and keys by hand.
package enum ControlRequest: Hashable, Sendable {
    /// Takes members out and bars them: the group gets new keys that they never see. Nil: every group they are in.
    case evict([Identity], group: GroupName?, Mandate)
    /// Bars identities that are no members now. Nil: every group.
    case deny([Identity], group: GroupName?, Mandate)
    /// Lifts the bar. Nil: every group.
    case allow([Identity], group: GroupName?, Mandate)
    /// New keys that do not travel under the old ones; nobody is barred.
    case emergency(GroupName, Mandate)
    case schedules(GroupName?)
    case setSchedule(GroupName, RekeySchedule, Mandate)
    case pause(GroupName, Bool, Mandate)
    /// Entries with a higher number.
    case history(GroupName?, after: Int64)
    /// What the rules would say, and why. Sender-IDs: nil for a receiver.
    case policyTest(Identity, group: GroupName, senderIDs: UInt32?)

    /// Identities that one request names.
    package static let identities = 1024

    package var mandate: Mandate? {
        switch self {
        case .evict(_, _, let mandate), .deny(_, _, let mandate), .allow(_, _, let mandate), .emergency(_, let mandate),
            .setSchedule(_, _, let mandate), .pause(_, _, let mandate):
            mandate
        case .schedules, .history, .policyTest: nil
        }
    }

    package var dangerLevel: DangerLevel {
        switch self {
        case .evict, .emergency: .disruptive
        case .deny, .allow, .setSchedule, .pause: .reversible
        case .schedules, .history, .policyTest: .read
        }
    }

    package var requiredRole: OperatorRole {
        switch self {
        case .evict, .deny, .allow, .emergency, .setSchedule: .cryptoOfficer
        case .pause: .operator
        case .schedules, .history, .policyTest: .viewer
        }
    }

    package var action: String {
        switch self {
        case .evict: "member-evict"
        case .deny: "member-deny"
        case .allow: "member-allow"
        case .emergency: "rekey-emergency"
        case .schedules: "rekey-schedule-show"
        case .setSchedule: "rekey-schedule-set"
        case .pause(_, let isPaused, _): isPaused ? "rekey-pause" : "rekey-resume"
        case .history: "rekey-history"
        case .policyTest: "policy-test"
        }
    }

    /// What the audit trail calls that which it is about.
    package var object: String {
        switch self {
        case .evict(let members, let group, _), .deny(let members, let group, _), .allow(let members, let group, _):
            (group.map { "group/\($0)" } ?? "cluster") + "/member/" + members.map(\.description).joined(separator: ",")
        case .emergency(let group, _), .setSchedule(let group, _, _), .pause(let group, _, _): "group/\(group)"
        case .schedules(let group), .history(let group, _): group.map { "group/\($0)" } ?? "cluster"
        case .policyTest(let identity, let group, _): "group/\(group)/member/\(identity)"
        }
    }
}

/// An identity that a group does not let in, whatever its rules say.
package struct ExclusionRow: Hashable, Sendable {
    package var group: GroupName
    package var identity: Identity
    package var at: WallTime
    package var by: String
    package var reason: String

    package init(group: GroupName, identity: Identity, at: WallTime, by: String, reason: String) {
        self.group = group
        self.identity = identity
        self.at = at
        self.by = by
        self.reason = reason
    }
}

/// What the rules say of an identity, and how they came to it.
package struct PolicyVerdict: Hashable, Sendable {
    package var isAllowed: Bool
    package var lines: [String]

    package init(isAllowed: Bool, lines: [String]) {
        self.isAllowed = isAllowed
        self.lines = lines
    }
}
