import GroupModel
import IKEVocabulary

/// `gcksctl group list`, `group show` and the groups of `status`.
struct GroupsView {
    let groups: [GroupStatus]
    let now: WallTime

    func table(isWide: Bool = false) -> String {
        let wide = isWide ? ["IDENTIFICATION", "MODE", "REKEY TO", "SUITE", "KEK SPI"] : []
        var table = TextTable(
            [
                "GROUP", "MEMBERS", "SENDERS", "GENERATION", "KEK EXPIRES", "TEK EXPIRES", "NEXT REKEY", "SENDER-IDS",
                "STATE",
            ] + wide)
        for group in groups {
            let soonest = group.dataSAs.map(\.expiresAt).min()
            let definition = group.definition
            let more = [
                definition.identification.description, definition.mode.rawValue,
                definition.rekey.destination.description, definition.rekey.suite.name, group.rekeySA?.spi ?? "-",
            ]
            table.add(
                [
                    definition.name.text, String(group.members), String(group.senders),
                    String(group.generation.rawValue), group.rekeySA.map { expiry($0.expiresAt) } ?? "-",
                    soonest.map(expiry) ?? "-", group.nextRekeyAt.map(due) ?? "paused", Self.senderIDs(group),
                    Self.state(group, now: now),
                ] + (isWide ? more : []))
        }
        return table.rendered()
    }

    /// "ok", or what is not.
    static func state(_ group: GroupStatus, now: WallTime) -> String {
        warnings(group, now: now).first.map { _ in "WARN \(faults(group, now: now).first ?? "")" } ?? "ok"
    }

    /// Sender-IDs above this share of their space ask for a look: without any left, every member must register again.
    private static let senderIDShare = 0.8

    private static func faults(_ group: GroupStatus, now: WallTime) -> [String] {
        var found: [String] = []
        if let association = group.rekeySA, association.expiresAt <= now { found.append("KEK expired") }
        if group.dataSAs.contains(where: { $0.expiresAt <= now }) { found.append("TEK expired") }
        if Double(group.senderIDsGiven) > senderIDShare * Double(group.definition.senderIDWidth.capacity) {
            found.append("sender-id space")
        }
        return found
    }

    static func warnings(_ group: GroupStatus, now: WallTime) -> [StatusView.Warning] {
        faults(group, now: now).map { fault in
            let name = group.definition.name.text
            let next = fault == "sender-id space" ? "gcksctl sender list \(name)" : "gcksctl rekey now \(name)"
            return StatusView.Warning(text: "group \(name): \(fault)", next: next)
        }
    }

    /// Each group in full.
    func detail() -> String { groups.map(detail).joined(separator: "\n\n") }

    private func due(_ time: WallTime) -> String { time > now ? TimeText.until(time, from: now) : "due" }

    private func expiry(_ time: WallTime) -> String { TimeText.until(time, from: now) }

    private static func senderIDs(_ group: GroupStatus) -> String {
        "\(group.senderIDsGiven)/\(group.definition.senderIDWidth.capacity)"
    }

    private static func keyTree(_ definition: GroupDefinition) -> String {
        guard let tree = definition.keyTree else { return "none: an exclusion makes everybody register again" }
        switch tree.onLeave {
        case .batch: return "degree \(tree.degree), members that leave are locked out with the next Rekey SA"
        case .rekey: return "degree \(tree.degree), members that leave are locked out soon after"
        }
    }

    private func detail(_ group: GroupStatus) -> String {
        let definition = group.definition
        let rekey = definition.rekey
        let fields = [
            ("Group", definition.name.text), ("Identification", definition.identification.description),
            ("Mode", definition.mode.rawValue), ("Generation", String(group.generation.rawValue)),
            ("Members", "\(group.members) of at most \(definition.memberLimit), \(group.senders) of them senders"),
            ("Sender-IDs", "\(Self.senderIDs(group)) given (\(definition.senderIDWidth.bits) bits)"),
            ("Activation", "senders wait \(definition.activationTimeDelay) s"),
            ("Deactivation", "receivers keep old SAs \(definition.deactivationTimeDelay) s"),
            ("Rekey", "\(rekey.destination), \(rekey.suite.name), \(rekey.authentication.rawValue)"),
            (
                "Rekey copies",
                "\(rekey.copies), \(rekey.spacing) apart, TTL \(rekey.timeToLive), fragments of \(rekey.fragmentOctets)"
            ),
            ("Rekey pace", "\(rekey.pace) between the datagrams of a copy"),
            ("Key tree", Self.keyTree(definition)),
        ]
        let width = fields.map(\.0.count).max() ?? 0
        let lines = fields.map { name, value in
            "\(name):\(String(repeating: " ", count: width - name.count + 1))\(TextTable.printable(value))"
        }
        var associations = TextTable(["SA", "SPI", "KCV", "EXPIRES", "NEXT MESSAGE ID"])
        for association in [group.rekeySA].compactMap({ $0 }) + group.dataSAs {
            associations.add([
                association.name, association.spi, association.keyCheckValue, expiry(association.expiresAt),
                association.nextMessageID.map { String($0) } ?? "-",
            ])
        }
        var data = TextTable(["DATA SA", "SOURCE", "DESTINATION", "SUITE", "SENDERS", "LIFETIME"])
        for item in definition.data {
            data.add([
                item.name, item.source.description, item.destination.description, item.suite.name,
                item.senders.rawValue, TimeText.span(milliseconds: Int64(item.lifetime.seconds) * 1000),
            ])
        }
        var rules = TextTable(["RULE", "PERMISSION", "SENDER-IDS"])
        for rule in definition.rules {
            let limit = rule.permission == .sender ? String(rule.senderIDLimit) : "-"
            rules.add([rule.pattern.text, rule.permission.rawValue, limit])
        }
        return [lines.joined(separator: "\n"), associations.rendered(), data.rendered(), rules.rendered()]
            .joined(separator: "\n\n")
    }
}

extension GroupsView {
    func json() -> JSONValue { .document(kind: "Group", items: groups.map { Self.json($0, now: now) }) }

    static func json(_ group: GroupStatus, now: WallTime) -> JSONValue {
        let expiries = ([group.rekeySA].compactMap { $0 } + group.dataSAs).map(\.expiresAt)
        return .object([
            ("name", .text(group.definition.name.text)), ("generation", .integer(group.generation.rawValue)),
            ("members", .integer(Int64(group.members))), ("senders", .integer(Int64(group.senders))),
            ("sender_ids_given", .integer(Int64(clamping: group.senderIDsGiven))),
            ("sender_ids_capacity", .integer(Int64(clamping: group.definition.senderIDWidth.capacity))),
            ("rekey_sa", group.rekeySA.map(json) ?? .null), ("data_sas", .list(group.dataSAs.map(json))),
            ("next_rekey_at", .optional(group.nextRekeyAt.map(TimeText.rfc3339))),
            ("next_expiry_at", .optional(expiries.min().map(TimeText.rfc3339))),
            ("state", .text(state(group, now: now))), ("definition", json(group.definition)),
        ])
    }

    private static func json(_ association: SAStatus) -> JSONValue {
        .object([
            ("name", .text(association.name)), ("spi", .text(association.spi)),
            ("key_check_value", .text(association.keyCheckValue)),
            ("expires_at", .text(TimeText.rfc3339(association.expiresAt))),
            ("next_message_id", association.nextMessageID.map { .integer(Int64($0)) } ?? .null),
        ])
    }

    private static func json(_ definition: GroupDefinition) -> JSONValue {
        .object([
            ("identification", .text(definition.identification.description)), ("mode", .text(definition.mode.rawValue)),
            ("member_limit", .integer(Int64(definition.memberLimit))),
            ("sender_id_bits", .integer(Int64(definition.senderIDWidth.bits))),
            ("activation_time_delay_seconds", .integer(Int64(definition.activationTimeDelay))),
            ("deactivation_time_delay_seconds", .integer(Int64(definition.deactivationTimeDelay))),
            ("rekey", json(definition.rekey)), ("data", .list(definition.data.map(json))),
            ("rules", .list(definition.rules.map(json))),
            (
                "key_tree",
                definition.keyTree.map {
                    .object([
                        ("degree", .integer(Int64($0.degree))), ("on_leave", .text($0.onLeave.rawValue)),
                    ])
                } ?? .null
            ),
        ])
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
    }

    private static func json(_ rekey: RekeyDefinition) -> JSONValue {
        .object([
            ("destination", .text(rekey.destination.description)), ("suite", .text(rekey.suite.name)),
            ("key_wrap", .integer(Int64(rekey.keyWrap.rawValue))),
            ("authentication", .text(rekey.authentication.rawValue)),
            ("lifetime_seconds", .integer(Int64(rekey.lifetime.seconds))), ("copies", .integer(Int64(rekey.copies))),
            ("spacing_milliseconds", .integer(milliseconds(rekey.spacing))),
            ("pace_milliseconds", .integer(milliseconds(rekey.pace))),
            ("fragment_octets", .integer(Int64(rekey.fragmentOctets))),
            ("time_to_live", .integer(Int64(rekey.timeToLive))),
        ])
    }

    private static func json(_ data: DataSADefinition) -> JSONValue {
        .object([
            ("name", .text(data.name)), ("source", .text(data.source.description)),
            ("destination", .text(data.destination.description)), ("suite", .text(data.suite.name)),
            ("senders", .text(data.senders.rawValue)), ("lifetime_seconds", .integer(Int64(data.lifetime.seconds))),
        ])
    }

    private static func json(_ rule: AuthorisationRule) -> JSONValue {
        .object([
            ("pattern", .text(rule.pattern.text)), ("permission", .text(rule.permission.rawValue)),
            ("sender_id_limit", .integer(Int64(rule.senderIDLimit))),
        ])
    }
}
