import GroupModel
import IKEVocabulary

/// `gcksctl member list` and `member show`.
struct MembersView {
    let members: [MemberStatus]
    let now: WallTime

    func table(isWide: Bool = false) -> String {
        let wide = isWide ? ["ADDRESS", "PROVED BY"] : []
        var table = TextTable(
            ["GROUP", "IDENTITY", "STATE", "ROLE", "SENDER-IDS", "SINCE", "FRONTEND", "REASON"] + wide)
        for member in members {
            table.add(
                [
                    member.group, member.identity.description, member.state, member.role, Self.senderIDs(member),
                    TimeText.since(member.since, at: now), member.frontend, member.reason,
                ] + (isWide ? [member.remote.description, Self.name(member.authentication)] : []))
        }
        return table.rendered()
    }

    func detail() -> String {
        members.map { member in
            let fields = [
                ("Identity", member.identity.description), ("Group", member.group), ("State", member.state),
                ("Reason", member.reason), ("Role", member.role), ("Sender-IDs", Self.senderIDs(member)),
                (
                    "Since",
                    "\(TimeText.rfc3339(member.since)) (\(TimeText.since(member.since, at: now)) ago)"
                ),
                ("Address", member.remote.description), ("Frontend", member.frontend),
                ("Proved by", Self.name(member.authentication)),
            ]
            return fields.map { name, value in
                "\(name):\(String(repeating: " ", count: 11 - name.count))\(TextTable.printable(value))"
            }.joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    func json() -> JSONValue {
        .document(
            kind: "Member",
            items: members.map { member in
                .object([
                    ("group", .text(member.group)), ("identity", .text(member.identity.description)),
                    ("state", .text(member.state)), ("reason", .text(member.reason)), ("role", .text(member.role)),
                    ("sender_ids", .list(member.senderIDs.map { .integer(Int64($0.rawValue)) })),
                    ("since", .text(TimeText.rfc3339(member.since))), ("remote", .text(member.remote.description)),
                    ("frontend", .text(member.frontend)), ("authentication", .text(Self.name(member.authentication))),
                ])
            })
    }

    private static func senderIDs(_ member: MemberStatus) -> String {
        member.senderIDs.map(\.description).joined(separator: ",")
    }

    private static func name(_ authentication: MemberAuthentication?) -> String {
        switch authentication {
        case .sharedKey: "shared-key"
        case .signature: "signature"
        case nil: "nothing"
        }
    }
}

/// `gcksctl sender list`.
struct SendersView {
    let senders: [SenderStatus]
    /// Sender-IDs given, of how many; nil when that could not be asked.
    let space: (given: UInt64, capacity: UInt64)?
    let now: WallTime

    func table() -> String {
        var table = TextTable(["SENDER-ID", "MEMBER", "GIVEN"])
        for sender in senders {
            table.add([
                sender.id.description, sender.member.description, "\(TimeText.since(sender.givenAt, at: now)) ago",
            ])
        }
        guard let space else { return table.rendered() }
        let percent = space.given * 100 / max(space.capacity, 1)
        return table.rendered() + "\n\(space.given) of \(space.capacity) Sender-IDs given (\(percent) %)"
    }

    func json() -> JSONValue {
        .document(
            kind: "Sender",
            items: senders.map { sender in
                .object([
                    ("sender_id", .integer(Int64(sender.id.rawValue))),
                    ("member", .text(sender.member.description)),
                    ("given_at", .text(TimeText.rfc3339(sender.givenAt))),
                ])
            })
    }
}

/// What a change did, or would do.
struct ChangeView {
    let lines: [String]
    let operation: OperationID
    let isDryRun: Bool

    func text() -> String { lines.map(TextTable.printable).joined(separator: "\n") }

    func json() -> JSONValue {
        let item = JSONValue.object([
            ("request_id", .text(operation.description)), ("dry_run", .bool(isDryRun)),
            ("effects", .list(lines.map(JSONValue.text))),
        ])
        return .document(kind: "Change", items: [item])
    }
}
