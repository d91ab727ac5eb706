package import IKEVocabulary
package import KeyMaterial

// The audit trail as plain values. AuditTrail hashes, signs and verifies; AuthorityCore decides; ReplicatedStore keeps.

/// Something worth a record: who did what to which object, why, and how it ended. Names and numbers, never key octets.
package struct AuditEntry: Hashable, Sendable {
    /// Longest text of a field, in octets of UTF-8; longer ones are cut.
    package static let fieldOctets = 512

    /// Whoever caused it: an operator, a member's identity, or the authority that acted by itself.
    package let actor: String
    /// "crypto-officer", "operator", "viewer", "auditor", "member", "frontend" or "authority".
    package let actorRole: String
    /// Where it came in: an authority's name and over a Unix socket the user that the kernel names, or a frontend's name and the
    /// member's address.
    package let source: String
    /// In kebab case, such as "member-joined" or "rekey-sa-made".
    package let action: String
    /// "group/NAME", with "/rekey-sa/SPI", "/data-sa/NAME/SPI" or "/member/IDENTITY" behind it; "cluster"; "node/NAME".
    package let object: String
    package let reason: String
    /// The operation's hex; empty when there was none.
    package let request: String
    /// "done", "dry-run" or "refused: …", with details behind a colon.
    package let result: String
    /// Of the group it touched.
    package let generationBefore: GSAGeneration?
    package let generationAfter: GSAGeneration?

    package init(
        actor: String, actorRole: String, source: String, action: String, object: String, reason: String = "",
        request: String = "", result: String = "done", generationBefore: GSAGeneration? = nil,
        generationAfter: GSAGeneration? = nil
    ) {
        self.actor = Self.cut(actor)
        self.actorRole = Self.cut(actorRole)
        self.source = Self.cut(source)
        self.action = Self.cut(action)
        self.object = Self.cut(object)
        self.reason = Self.cut(reason)
        self.request = Self.cut(request)
        self.result = Self.cut(result)
        self.generationBefore = generationBefore
        self.generationAfter = generationAfter
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > fieldOctets else { return text }
        var (kept, count) = (String.UnicodeScalarView(), 0)
        for scalar in text.unicodeScalars {
            count += UTF8.width(scalar)
            guard count <= fieldOctets else { break }
            kept.append(scalar)
        }
        return String(kept)
    }
}

/// A link of the chain. `hash` covers the hash before it and every field (`canonicalOctets`).
package struct AuditRecord: Hashable, Sendable {
    /// 1, 2, 3 … without a gap.
    package let seq: Int64
    package let at: WallTime
    /// The cluster's audit id: 32 hex digits.
    package let cluster: String
    /// The authority that led.
    package let node: String
    package let entry: AuditEntry
    package let previousHash: [UInt8]
    package let hash: [UInt8]

    package init(
        seq: Int64, at: WallTime, cluster: String, node: String, entry: AuditEntry, previousHash: [UInt8], hash: [UInt8]
    ) {
        self.seq = seq
        self.at = at
        self.cluster = cluster
        self.node = node
        self.entry = entry
        self.previousHash = previousHash
        self.hash = hash
    }
}

/// A place in the chain: a record's number and hash.
package struct AuditPlace: Hashable, Sendable {
    package static let hashOctets = 32
    /// Before the first record.
    package static let start = AuditPlace(seq: 0, hash: [UInt8](repeating: 0, count: hashOctets))

    package let seq: Int64
    package let hash: [UInt8]

    package init(seq: Int64, hash: [UInt8]) {
        self.seq = seq
        self.hash = hash
    }
}

/// A place in the chain under the signature of the cluster's audit key: nothing before it can be changed unseen.
package struct AuditAnchor: Hashable, Sendable {
    package let place: AuditPlace
    package let at: WallTime
    /// Ed25519 (AuditTrail says over what).
    package let signature: [UInt8]

    package init(place: AuditPlace, at: WallTime, signature: [UInt8]) {
        self.place = place
        self.at = at
        self.signature = signature
    }
}

/// Whose anchors these are.
package struct AuditKey: Hashable, Sendable {
    package let cluster: String
    /// DER SubjectPublicKeyInfo, Ed25519.
    package let publicKey: [UInt8]

    package init(cluster: String, publicKey: [UInt8]) {
        self.cluster = cluster
        self.publicKey = publicKey
    }
}

package struct AuditKeyRow: Hashable, Sendable {
    package var key: AuditKey
    package var sealedKey: SealedKey
    package var createdAt: WallTime

    package init(key: AuditKey, sealedKey: SealedKey, createdAt: WallTime) {
        self.key = key
        self.sealedKey = sealedKey
        self.createdAt = createdAt
    }
}

/// What a leader must know of the trail to go on with it.
package struct AuditState: Hashable, Sendable {
    package var key: AuditKeyRow?
    package var head: AuditPlace
    /// Records up to here are forgotten; it is `start` or the place of an anchor.
    package var floor: AuditPlace
    /// The first record that is still on disk; forgetting takes several transactions.
    package var oldest: Int64
    /// From the floor's on, oldest first.
    package var anchors: [AuditAnchor]

    package init(
        key: AuditKeyRow? = nil, head: AuditPlace = .start, floor: AuditPlace = .start, oldest: Int64 = 1,
        anchors: [AuditAnchor] = []
    ) {
        self.key = key
        self.head = head
        self.floor = floor
        self.oldest = oldest
        self.anchors = anchors
    }
}
