package import GroupModel
package import IKECrypto
package import IKEVocabulary
import IKEWire
package import KeyMaterial

/// The keys of a group's tree: each follows from the tree's secret and its Key ID, so that only Key IDs are kept.
///
///     key = leftmost octets of prf+(secret, "gcks key tree" | 0 | group | 0 | Key ID (4)), prf = HMAC-SHA-256
package struct KeyTreeKeys: Sendable {
    package static let secretOctets = 32

    private let secret: HeldSecret
    private let group: GroupName
    package let keyWrap: KeyWrapID

    package init(secret: HeldSecret, group: GroupName, keyWrap: KeyWrapID) {
        self.secret = secret
        self.group = group
        self.keyWrap = keyWrap
    }

    package func key(_ keyID: UInt32, engine: CryptoEngine) throws(CryptoError) -> HeldSecret {
        guard let octets = keyWrap.keyOctets else { throw .unsupportedAlgorithm }
        let seed = Array("gcks key tree".utf8) + [0] + Array(group.text.utf8) + [0] + keyID.octets
        return HeldSecret(try engine.prfPlus(.hmacSHA256, key: secret.secret, seed: seed, count: octets))
    }
}

/// Where a member sits: the keys it is given at registration, from its leaf to the child of the root.
package struct KeyTreeSeat: Sendable {
    package let keys: KeyTreeKeys
    package let path: [UInt32]

    package init(keys: KeyTreeKeys, path: [UInt32]) {
        self.keys = keys
        self.path = path
    }
}

/// One step of an exclusion with the keys to do it.
package struct KeyTreeRekey: Sendable {
    package let keys: KeyTreeKeys
    package let step: KeyTreeStep

    package init(keys: KeyTreeKeys, step: KeyTreeStep) {
        self.keys = keys
        self.step = step
    }
}

/// Key bags with keys of the tree (RFC 9838 appendix A). KEYMAT has Key ID 0, GSK_w has KWK ID 0.
extension KeyBagWriter {
    /// A member's way to KEYMAT: SA_KEY under the child of the root, each key of the path under the one below it, the leaf's
    /// under GSK_w.
    func bag(
        _ sa: KeyedRekeySA, _ seat: KeyTreeSeat
    ) throws(CryptoError) -> (KeyDownloadPayload.Bag, wrapKeys: [GroupAttribute]) {
        guard let leaf = seat.path.first, let top = seat.path.last else { throw .unsupportedAlgorithm }
        var attributes = [try wrapKey(leaf, seat.keys, under: nil)]
        for (below, above) in zip(seat.path, seat.path.dropFirst()) {
            attributes.append(try wrapKey(above, seat.keys, under: below))
        }
        return (try bag(sa, under: [top], seat.keys), attributes.reversed())
    }

    /// KEYMAT under each child of the root, the changed nodes under their children.
    func bag(
        _ sa: KeyedRekeySA, _ rekey: KeyTreeRekey
    ) throws(CryptoError) -> (KeyDownloadPayload.Bag, wrapKeys: [GroupAttribute]) {
        var attributes: [GroupAttribute] = []
        attributes.reserveCapacity(rekey.step.wraps.count)
        for wrap in rekey.step.wraps { attributes.append(try wrapKey(wrap.keyID, rekey.keys, under: wrap.kwkID)) }
        return (try bag(sa, under: rekey.step.tops, rekey.keys), attributes)
    }

    private func bag(
        _ sa: KeyedRekeySA, under tops: [UInt32], _ keys: KeyTreeKeys
    ) throws(CryptoError) -> KeyDownloadPayload.Bag {
        var attributes: [GroupAttribute] = []
        for top in tops {
            let kwk = try keys.key(top, engine: engine)
            attributes.append(
                attribute(
                    GroupKeyBagAttributeType.saKey.rawValue, 0, top,
                    try engine.wrap(keys.keyWrap, kwk: kwk.secret, key: sa.keymat.secret)))
        }
        return .group(
            GroupKeyBag(securityProtocol: .gikeUpdate, spi: sa.policy.spi.octets, attributes: attributes))
    }

    /// - Parameter kwkID: nil for GSK_w.
    private func wrapKey(_ keyID: UInt32, _ keys: KeyTreeKeys, under kwkID: UInt32?) throws(CryptoError)
        -> GroupAttribute
    {
        let kwk = if let kwkID { try keys.key(kwkID, engine: engine) } else { gskW }
        let key = try keys.key(keyID, engine: engine)
        return attribute(
            MemberKeyBagAttributeType.wrapKey.rawValue, keyID, kwkID ?? 0,
            try engine.wrap(keys.keyWrap, kwk: kwk.secret, key: key.secret))
    }

    private func attribute(_ type: UInt16, _ keyID: UInt32, _ kwkID: UInt32, _ wrapped: [UInt8]) -> GroupAttribute {
        GroupAttribute(type: type, value: .octets(WrappedKey(keyID: keyID, kwkID: kwkID, wrapped: wrapped).encode()))
    }
}
