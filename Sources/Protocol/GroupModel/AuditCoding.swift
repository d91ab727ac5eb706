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
        var writer = OctetWriter(reserving: 320)
        writer.writeUInt8(1)
        writer.writeUInt64(UInt64(bitPattern: seq))
        writer.writeUInt64(UInt64(bitPattern: at.milliseconds))
        for text in [
            cluster, node, entry.actor, entry.actorRole, entry.source, entry.action, entry.object, entry.reason,
            entry.request, entry.result,
        ] {
            let octets = Array(text.utf8.prefix(Int(UInt16.max)))
            writer.writeUInt16(UInt16(truncatingIfNeeded: octets.count))
            writer.write(octets)
        }
        for generation in [entry.generationBefore, entry.generationAfter] {
            writer.writeUInt8(generation == nil ? 0 : 1)
            if let generation { writer.writeUInt64(UInt64(bitPattern: generation.rawValue)) }
        }
        return writer.octets
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
