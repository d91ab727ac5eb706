package import GroupModel
package import IKEVocabulary
import KeyMaterial

/// Where a member's SAs go. Calls come in the order of the changes.
package protocol SASink: Sendable {
    func install(_ sa: InstalledGroupSA) async throws
    /// From now on the member sends on this SA, and no longer on those.
    func activate(_ sa: GroupSAReference, replacing old: [GroupSAReference]) async throws
    /// From now on the member sends on this SA under these Sender-IDs, each from its first number.
    func sendAs(_ senderIDs: [SenderID], _ sa: GroupSAReference) async throws
    /// From now on the member does not send on this SA; it still receives.
    func stop(_ sa: GroupSAReference) async throws
    func remove(_ sa: GroupSAReference) async throws
}

package struct SinkFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

/// One change as other programs read it: a JSON object on one line.
struct SinkRecord {
    private var fields: [(String, String)]

    init(_ action: String, _ reference: GroupSAReference, time: String) {
        fields = [
            ("time", Self.quote(time)), ("action", Self.quote(action)), ("group", Self.quote("\(reference.group)")),
        ]
        switch reference {
        case .rekey: fields.append(("kind", Self.quote("rekey")))
        case .data: fields.append(("kind", Self.quote("data")))
        }
        add("spi", reference.spiText)
    }

    static func activate(_ sa: GroupSAReference, replacing old: [GroupSAReference], time: String) -> SinkRecord {
        var record = SinkRecord("activate", sa, time: time)
        record.add("replacing", list: old.map { quote($0.spiText) })
        return record
    }

    static func sendAs(_ senderIDs: [SenderID], _ sa: GroupSAReference, time: String) -> SinkRecord {
        var record = SinkRecord("send-as", sa, time: time)
        record.add("sender_ids", list: senderIDs.map(\.description))
        return record
    }

    mutating func add(_ name: String, _ text: String) { fields.append((name, Self.quote(text))) }
    mutating func add(_ name: String, number: Int) { fields.append((name, String(number))) }
    mutating func add(_ name: String, list: [String]) { fields.append((name, "[" + list.joined(separator: ",") + "]")) }

    mutating func describe(_ sa: InstalledGroupSA) {
        add("key_check_value", sa.keyCheckValue)
        switch sa.content {
        case .rekey(let keyed):
            add("source", "\(keyed.policy.source)")
            add("destination", "\(keyed.policy.destination)")
            add("encryption", keyed.policy.suite.name)
            if let life = keyed.policy.lifetime { add("lifetime_seconds", number: Int(life.seconds)) }
        case .data(let keyed, let use):
            add("source", "\(keyed.policy.source)")
            add("destination", "\(keyed.policy.destination)")
            add("encryption", keyed.policy.suite.name)
            add("sequence_numbers", "\(keyed.policy.sequenceNumbers)")
            add("mode", use.mode.rawValue)
            add("direction", use.direction.rawValue)
            add("sends_at_once", use.sendsAtOnce ? "yes" : "no")
            add("sender_ids", list: use.senderIDs.map(\.description))
            if let width = use.senderIDWidth { add("sender_id_bits", number: Int(width.bits)) }
            if let life = keyed.policy.lifetime { add("lifetime_seconds", number: Int(life.seconds)) }
        }
    }

    /// The object and a line end, with the key in hex as `key` when there is one.
    func text(key: HeldSecret? = nil) -> SecretText {
        var text = SecretText()
        text.add("{" + fields.map { "\(Self.quote($0.0)):\($0.1)" }.joined(separator: ","))
        if let key {
            text.add(",\"key\":\"")
            text.add(hexOf: key)
            text.add("\"")
        }
        text.add("}\n")
        return text
    }

    private static func quote(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case let control where control.value < 0x20 || control.value == 0x7f:
                let digits = String(control.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension InstalledGroupSA {
    /// For the sinks that hand it on.
    var key: HeldSecret {
        switch content {
        case .rekey(let sa): sa.keymat
        case .data(let sa, _): sa.key
        }
    }
}

extension GroupSAReference {
    fileprivate var spiText: String {
        switch self {
        case .rekey(let spi, _): "\(spi)"
        case .data(let spi, _): "\(spi)"
        }
    }
}
