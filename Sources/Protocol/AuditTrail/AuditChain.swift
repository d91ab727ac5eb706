package import GroupModel
package import IKECrypto
package import IKEVocabulary

/// How records are linked and anchored:
///
///     hash(n)   = SHA-256( "gcks audit record 1\0" | hash(n-1) | canonicalOctets(n) )      hash(0) = 32 zero octets
///     signature = Ed25519( "gcks audit anchor 1\0" | cluster (32) | seq (8) | hash (32) | at (8, milliseconds) )
///
/// The cluster's id has 32 hex digits, so every part has a fixed place; integers are big-endian.
package enum AuditChain {
    static let recordDomain = Array("gcks audit record 1\0".utf8)
    static let anchorDomain = Array("gcks audit anchor 1\0".utf8)

    /// The record that follows `previous`.
    package static func record(
        _ entry: AuditEntry, after previous: AuditPlace, at now: WallTime, cluster: String, node: String,
        engine: CryptoEngine
    ) -> AuditRecord {
        let seq = previous.seq + 1
        let octets = AuditRecord.canonicalOctets(seq, now, cluster, node, entry)
        let hash = hash(octets, after: previous.hash, engine)
        return AuditRecord(
            seq: seq, at: now, cluster: cluster, node: node, entry: entry, previousHash: previous.hash, hash: hash)
    }

    /// What the hash of a record must be.
    package static func hash(of record: AuditRecord, engine: CryptoEngine) -> [UInt8] {
        hash(record.canonicalOctets, after: record.previousHash, engine)
    }

    private static func hash(_ octets: [UInt8], after previous: [UInt8], _ engine: CryptoEngine) -> [UInt8] {
        var covered = recordDomain
        covered.reserveCapacity(recordDomain.count + previous.count + octets.count)
        covered += previous
        covered += octets
        return engine.sha256(covered)
    }

    package static func anchor(
        at place: AuditPlace, _ now: WallTime, cluster: String, key: SigningKey
    ) throws(CryptoError) -> AuditAnchor {
        AuditAnchor(place: place, at: now, signature: try key.sign(covered(place, now, cluster), .ed25519))
    }

    package static func isAuthentic(_ anchor: AuditAnchor, cluster: String, key: VerifyingKey) -> Bool {
        let octets = covered(anchor.place, anchor.at, cluster)
        do {
            try key.verify(octets, signature: anchor.signature, .ed25519)
            return true
        } catch {
            return false
        }
    }

    private static func covered(_ place: AuditPlace, _ at: WallTime, _ cluster: String) -> [UInt8] {
        anchorDomain + Array(cluster.utf8) + place.seq.bigEndianOctets + place.hash + at.milliseconds.bigEndianOctets
    }
}

extension Int64 {
    fileprivate var bigEndianOctets: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: self >> (56 - 8 * Int64($0))) }
    }
}
