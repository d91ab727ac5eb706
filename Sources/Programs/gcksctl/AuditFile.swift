import Foundation
import GroupModel
import IKEVocabulary
import Octets

/// One line of an exported trail.
enum AuditLine {
    case key(AuditKey)
    case record(AuditRecord)
    case anchor(AuditAnchor)

    /// Longest line of an export: sixteen fields of 512 octets, each octet escaped.
    static let octets = 65_536

    /// Nil for anything but what `audit export` writes.
    init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.octets,
            let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        else { return nil }
        let fields = Fields(object)
        switch fields.text("kind") {
        case "AuditKey":
            guard let cluster = fields.text("cluster"), let publicKey = fields.octets("public_key"), fields.count == 3
            else { return nil }
            self = .key(AuditKey(cluster: cluster, publicKey: publicKey))
        case "AuditAnchor":
            guard let seq = fields.integer("seq"), let at = fields.time("at"), let hash = fields.octets("hash"),
                let signature = fields.octets("signature"), fields.count == 5
            else { return nil }
            self = .anchor(AuditAnchor(place: AuditPlace(seq: seq, hash: hash), at: at, signature: signature))
        case "AuditRecord":
            guard let record = Self.record(fields) else { return nil }
            self = .record(record)
        default: return nil
        }
    }

    private static func record(_ fields: Fields) -> AuditRecord? {
        let names = [
            "actor", "actor_role", "source", "action", "object", "reason", "request_id", "result", "cluster", "node",
        ]
        let texts = names.compactMap(fields.text)
        guard texts.count == names.count, texts.allSatisfy({ $0.utf8.count <= AuditEntry.fieldOctets }),
            let seq = fields.integer("seq"), seq >= 1, let at = fields.time("at"),
            let before = fields.generation("generation_before"), let after = fields.generation("generation_after"),
            let previous = fields.octets("previous_hash"), let hash = fields.octets("hash"), fields.count == 17
        else { return nil }
        let entry = AuditEntry(
            actor: texts[0], actorRole: texts[1], source: texts[2], action: texts[3], object: texts[4],
            reason: texts[5], request: texts[6], result: texts[7], generationBefore: before.value,
            generationAfter: after.value)
        return AuditRecord(
            seq: seq, at: at, cluster: texts[8], node: texts[9], entry: entry, previousHash: previous, hash: hash)
    }

    private struct Fields {
        private let object: [String: Any]
        init(_ object: [String: Any]) { self.object = object }

        var count: Int { object.count }
        func text(_ name: String) -> String? { object[name] as? String }
        func octets(_ name: String) -> [UInt8]? { text(name).flatMap { Hex.decode($0) } }
        func time(_ name: String) -> WallTime? { text(name).flatMap(TimeText.parsed) }
        func integer(_ name: String) -> Int64? {
            (object[name] as? NSNumber).flatMap { Int64(exactly: $0.doubleValue) }
        }

        /// Nil when it is neither a number nor null.
        func generation(_ name: String) -> (value: GSAGeneration?, isThere: Bool)? {
            if object[name] is NSNull { return (nil, true) }
            return integer(name).map { (GSAGeneration(rawValue: $0), true) }
        }
    }
}

/// Reads a file line by line, a part at a time.
struct LineReader {
    private let handle: FileHandle
    private var buffer: [UInt8] = []
    private var isAtEnd = false

    init(path: String) throws(CommandEnd) {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw CommandEnd(.usage, ["\(path): cannot be read"])
        }
        self.handle = handle
    }

    /// Nil at the end of the file. A line that never ends comes in pieces, which no parser takes.
    mutating func next() -> String? {
        while true {
            if let end = buffer.firstIndex(of: 0x0a) {
                defer { buffer.removeSubrange(...end) }
                return String(decoding: buffer[..<end], as: UTF8.self)
            }
            if isAtEnd || buffer.count > AuditLine.octets {
                guard !buffer.isEmpty else { return nil }
                defer { buffer = [] }
                return String(decoding: buffer, as: UTF8.self)
            }
            let part = (try? handle.read(upToCount: 1 << 16)) ?? Data()
            if part.isEmpty { isAtEnd = true } else { buffer.append(contentsOf: part) }
        }
    }
}
