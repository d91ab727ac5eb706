package import GroupModel
package import IKEVocabulary

/// Who was turned away lately, the newest last: for `member list` only, in memory only, lost with the leadership.
///
/// Those that proved who they are and those that did not are kept apart, so that strangers cannot push out the others; one
/// row for each identity and group.
struct RecentRefusals {
    private let limit: Int
    private var proved: [MemberStatus] = []
    private var unproved: [MemberStatus] = []

    init(atMost limit: Int) { self.limit = limit }

    var all: [MemberStatus] { proved + unproved }

    /// Group and reason hold what the peer chose: they are cut to what a listing can show.
    mutating func add(_ refused: MemberStatus) {
        var row = refused
        row.group = String(row.group.prefix(Self.groupCharacters))
        row.reason = String(row.reason.prefix(Self.reasonCharacters))
        if row.authentication == nil { Self.add(row, to: &unproved, limit) } else { Self.add(row, to: &proved, limit) }
    }

    private static let groupCharacters = 128
    private static let reasonCharacters = 512

    private static func add(_ refused: MemberStatus, to rows: inout [MemberStatus], _ limit: Int) {
        rows.removeAll { $0.identity == refused.identity && $0.group == refused.group }
        if rows.count >= limit { rows.removeFirst(rows.count - limit + 1) }
        rows.append(refused)
    }
}

extension AuthorityCore {
    /// Takes note of peers that did not prove who they are. Changes nothing but the listing.
    package func note(_ failures: [FailedAuthentication], from frontend: String, at now: WallTime) {
        for failed in failures {
            let group = failed.group.map { namesByIdentification[$0]?.text ?? $0.description }
            refusals.add(
                MemberStatus(
                    group: group ?? "-", identity: failed.member, state: "refused", role: "-", senderIDs: [],
                    since: now,
                    remote: failed.remote, frontend: frontend, authentication: nil, reason: failed.reason))
        }
    }

    func refuse(
        _ request: RegistrationRequest, in group: GroupName?, _ refusal: RegistrationRefusal, _ now: WallTime,
        _ draft: inout DecisionDraft
    ) -> RegistrationOutcome {
        refusals.add(
            MemberStatus(
                group: group?.text ?? request.group.description, identity: request.member, state: "refused", role: "-",
                senderIDs: [], since: now, remote: request.remote, frontend: request.frontend,
                authentication: request.authentication, reason: refusal.reason))
        draft.effects.append(
            .event(
                Event(
                    "registration-refused", .notice, limitedBy: request.member.description,
                    [
                        ("group", group?.text ?? request.group.description), ("member", request.member.description),
                        ("kind", refusal.kind.rawValue), ("reason", refusal.reason), ("frontend", request.frontend),
                    ])))
        return .refused(refusal)
    }
}
