import GroupModel
import IKEVocabulary

/// `gcksctl group list`, `group show` and the groups of `status`.
struct GroupsView {
    let groups: [GroupStatus]
    let now: WallTime

    func table() -> String {
        var table = TextTable([
            "GROUP", "MEMBERS", "SENDERS", "GENERATION", "KEK EXPIRES", "TEK EXPIRES", "SENDER-IDS",
        ])
        for group in groups {
            let soonest = group.dataSAs.map(\.expiresAt).min()
            table.add([
                group.definition.name.text, String(group.members), String(group.senders),
                String(group.generation.rawValue), group.rekeySA.map { expiry($0.expiresAt) } ?? "-",
                soonest.map(expiry) ?? "-", Self.senderIDs(group),
            ])
        }
        return table.rendered()
    }

    /// Each group in full.
    func detail() -> String { groups.map(detail).joined(separator: "\n\n") }

    private func expiry(_ time: WallTime) -> String { TimeText.until(time, from: now) }

    private static func senderIDs(_ group: GroupStatus) -> String {
        "\(group.senderIDsGiven)/\(group.definition.senderIDWidth.capacity)"
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
    func json() -> JSONValue { .document(kind: "Group", items: groups.map(Self.json)) }

    static func json(_ group: GroupStatus) -> JSONValue {
        .object([
            ("name", .text(group.definition.name.text)), ("generation", .integer(group.generation.rawValue)),
            ("members", .integer(Int64(group.members))), ("senders", .integer(Int64(group.senders))),
            ("sender_ids_given", .integer(Int64(clamping: group.senderIDsGiven))),
            ("sender_ids_capacity", .integer(Int64(clamping: group.definition.senderIDWidth.capacity))),
            ("rekey_sa", group.rekeySA.map(json) ?? .null), ("data_sas", .list(group.dataSAs.map(json))),
            ("definition", json(group.definition)),
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
