package import IKEVocabulary
package import Octets

extension AuditRecord {
    /// The one octet string of a record's fields, which its hash covers and the store keeps. Integers are big-endian.
    ///
    ///     format (1) = 1 | seq (8) | at (8, milliseconds since 1970)
    ///     | ten texts: length (2) | UTF-8   cluster, node, actor, actor role, source, action, object, reason, request, result
    ///     | generation before | generation after: 0 (1), or 1 (1) and the number (8)
    package var canonicalOctets: [UInt8] { Self.canonicalOctets(seq, at, cluster, node, entry) }

    package static func canonicalOctets(
        _ seq: Int64, _ at: WallTime, _ cluster: String, _ node: String, _ entry: AuditEntry
    ) -> [UInt8] {
        var octets: [UInt8] = [1]
        octets.reserveCapacity(384)
        octets.append(bigEndian: seq)
        octets.append(bigEndian: at.milliseconds)
        octets.append(text: cluster)
        octets.append(text: node)
        octets.append(text: entry.actor)
        octets.append(text: entry.actorRole)
        octets.append(text: entry.source)
        octets.append(text: entry.action)
        octets.append(text: entry.object)
        octets.append(text: entry.reason)
        octets.append(text: entry.request)
        octets.append(text: entry.result)
        octets.append(generation: entry.generationBefore)
        octets.append(generation: entry.generationAfter)
        return octets
    }

    /// Reads what `canonicalOctets` wrote.
    ///
    /// - Throws: `WireError` for every other octet string; `.wrongForm` for another format and for text that is not UTF-8.
    package init(canonicalOctets octets: [UInt8], previousHash: [UInt8], hash: [UInt8]) throws(WireError) {
        var reader = OctetReader(octets)
        guard try reader.readUInt8("format") == 1 else { throw reader.error(.wrongForm, "format") }
        let seq = Int64(bitPattern: try reader.readUInt64("seq"))
        let at = WallTime(milliseconds: Int64(bitPattern: try reader.readUInt64("at")))
        var texts: [String] = []
        for name in [
            "cluster", "node", "actor", "actor_role", "source", "action", "object", "reason", "request", "result",
        ] {
            let count = Int(try reader.readUInt16(name))
            guard let text = String(validating: try reader.readOctets(count, name), as: UTF8.self) else {
                throw reader.error(.wrongForm, name)
            }
            texts.append(text)
        }
        let before = try Self.generation(&reader)
        let after = try Self.generation(&reader)
        try reader.expectEnd("record")
        let entry = AuditEntry(
            actor: texts[2], actorRole: texts[3], source: texts[4], action: texts[5], object: texts[6],
            reason: texts[7], request: texts[8], result: texts[9], generationBefore: before, generationAfter: after)
        self.init(
            seq: seq, at: at, cluster: texts[0], node: texts[1], entry: entry, previousHash: previousHash, hash: hash)
    }

    private static func generation(_ reader: inout OctetReader) throws(WireError) -> GSAGeneration? {
        switch try reader.readUInt8("generation") {
        case 0: return nil
        case 1: return GSAGeneration(rawValue: Int64(bitPattern: try reader.readUInt64("generation")))
        default: throw reader.error(.badValue, "generation")
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian number: Int64) {
        for shift in stride(from: 56, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: number >> Int64(shift))) }
    }

    /// Length (2) and UTF-8, cut at what the length can say.
    fileprivate mutating func append(text: String) {
        let count = Swift.min(text.utf8.count, Int(UInt16.max))
        append(UInt8(truncatingIfNeeded: count >> 8))
        append(UInt8(truncatingIfNeeded: count))
        append(contentsOf: text.utf8.prefix(count))
    }

    fileprivate mutating func append(generation: GSAGeneration?) {
        guard let generation else { return append(0) }
        append(1)
        append(bigEndian: generation.rawValue)
    }
}
