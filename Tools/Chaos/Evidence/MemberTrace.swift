import Foundation

/// A line of a member's `sas.jsonl`.
struct SARecord: Hashable, Sendable, Decodable {
    let time: String
    let action: String
    let group: String
    let kind: String
    let spi: String
    let keyCheckValue: String?
    let senderIDs: [UInt32]?

    enum CodingKeys: String, CodingKey {
        case time, action, group, kind, spi
        case keyCheckValue = "key_check_value"
        case senderIDs = "sender_ids"
    }

    var place: String { "\(kind) \(spi)" }
}

/// What one life of a member process did with its SAs.
struct MemberTrace: Hashable, Sendable {
    let member: String
    /// Counted from 1 for each member.
    let life: Int
    /// Milliseconds since 1970.
    let startedAt: Int
    var records: [SARecord]

    /// SPI and check value of what it holds at the end, by "kind SPI".
    func held(of group: String) -> [String: String] {
        var held: [String: String] = [:]
        for record in records where record.group == group {
            switch record.action {
            case "install": held[record.place] = record.keyCheckValue ?? ""
            case "remove": held[record.place] = nil
            default: break
            }
        }
        return held
    }

    /// Every line that is whole and understood.
    static func records(_ lines: some Sequence<UInt8>) -> [SARecord] {
        let decoder = JSONDecoder()
        return Array(lines).split(separator: 0x0a).compactMap { try? decoder.decode(SARecord.self, from: Data($0)) }
    }
}
