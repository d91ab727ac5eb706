package import GroupModel
package import IKECrypto

/// What is wrong with a trail, and where.
package enum AuditFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The record's fields do not give its hash: it was changed.
    case changed(Int64)
    /// Records are missing, doubled or out of order before this one.
    case gap(expected: Int64, found: Int64)
    /// The record does not continue the one before it.
    case broken(Int64)
    case foreign(Int64)
    /// The trail begins in the middle, and no anchor vouches for what came before.
    case unanchoredStart(Int64)
    case anchorSignature(Int64)
    /// The anchor is authentic and says another hash: the chain was made anew.
    case anchorMismatch(Int64)
    /// An anchor stands for a record that is not there.
    case anchorWithoutRecord(Int64)
    case wrongKey

    package var description: String {
        switch self {
        case .changed(let seq): "record \(seq): its hash is not that of its fields: it was changed"
        case .gap(let expected, let found): "record \(expected) is expected and \(found) stands there: removed or moved"
        case .broken(let seq): "record \(seq): does not continue record \(seq - 1)"
        case .foreign(let seq): "record \(seq): is of another cluster"
        case .unanchoredStart(let seq): "record \(seq) is the first and no signed anchor vouches for record \(seq - 1)"
        case .anchorSignature(let seq): "anchor of record \(seq): its signature is not that of the audit key"
        case .anchorMismatch(let seq): "record \(seq): its signed anchor says another hash: the chain was made anew"
        case .anchorWithoutRecord(let seq): "anchor of record \(seq): there is no such record"
        case .wrongKey: "the audit key is no Ed25519 public key"
        }
    }
}

/// Goes through a trail from its oldest record to its newest and stops at the first thing that is wrong. Anchors come before the
/// record after theirs.
package struct AuditVerifier {
    private let key: AuditKey
    private let verifyingKey: VerifyingKey
    private let engine: CryptoEngine
    private var last: AuditPlace?
    package private(set) var first: Int64?
    package private(set) var records = 0
    package private(set) var anchors = 0
    /// The newest place that a signature covers.
    package private(set) var signed: AuditAnchor?

    package init(_ key: AuditKey, engine: CryptoEngine) throws(AuditFault) {
        guard key.cluster.utf8.count == 32,
            let verifyingKey = try? VerifyingKey(subjectPublicKeyInfo: key.publicKey), verifyingKey.kind == .ed25519
        else { throw .wrongKey }
        self.key = key
        self.verifyingKey = verifyingKey
        self.engine = engine
    }

    package var lastSeq: Int64 { last?.seq ?? 0 }

    package mutating func take(_ record: AuditRecord) throws(AuditFault) {
        let expected = last ?? (record.seq == 1 ? .start : nil)
        guard let expected else { throw .unanchoredStart(record.seq) }
        guard record.seq == expected.seq + 1 else { throw .gap(expected: expected.seq + 1, found: record.seq) }
        guard record.cluster == key.cluster else { throw .foreign(record.seq) }
        guard record.previousHash == expected.hash else { throw .broken(record.seq) }
        guard AuditChain.hash(of: record, engine: engine) == record.hash else { throw .changed(record.seq) }
        last = AuditPlace(seq: record.seq, hash: record.hash)
        first = first ?? record.seq
        records += 1
    }

    package mutating func take(_ anchor: AuditAnchor) throws(AuditFault) {
        guard AuditChain.isAuthentic(anchor, cluster: key.cluster, key: verifyingKey) else {
            throw .anchorSignature(anchor.place.seq)
        }
        if let last {
            guard anchor.place.seq == last.seq else { throw .anchorWithoutRecord(anchor.place.seq) }
            guard anchor.place.hash == last.hash else { throw .anchorMismatch(anchor.place.seq) }
        } else {
            // What was forgotten ends here: the trail begins behind this anchor.
            last = anchor.place
        }
        anchors += 1
        signed = anchor
    }
}
