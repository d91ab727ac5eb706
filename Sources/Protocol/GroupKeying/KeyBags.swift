package import GroupModel
package import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// Key bags under one wrapping key whose KWK ID is 0: GSK_w of the SA the message travels over (RFC 9838 4.5.1).
struct KeyBagWriter {
    let gskW: HeldSecret
    let keyWrap: KeyWrapID
    let engine: CryptoEngine

    func bag(_ sa: KeyedRekeySA) throws(CryptoError) -> KeyDownloadPayload.Bag {
        .group(
            GroupKeyBag(
                securityProtocol: .gikeUpdate, spi: sa.policy.spi.octets, attributes: [try saKey(sa.keymat)]))
    }

    func bag(_ sa: KeyedDataSA) throws(CryptoError) -> KeyDownloadPayload.Bag {
        .group(
            GroupKeyBag(securityProtocol: .esp, spi: sa.policy.spi.octets, attributes: [try saKey(sa.key)]))
    }

    private func saKey(_ key: HeldSecret) throws(CryptoError) -> GroupAttribute {
        let wrapped = try engine.wrap(keyWrap, kwk: gskW.secret, key: key.secret)
        let value = WrappedKey(keyID: 0, kwkID: 0, wrapped: wrapped)
        return GroupAttribute(type: GroupKeyBagAttributeType.saKey.rawValue, value: .octets(value.encode()))
    }

    /// Nil when there is nothing for it.
    static func memberBag(
        authKey: [UInt8]?, senderIDs: [SenderID], wrapKeys: [GroupAttribute] = []
    ) -> KeyDownloadPayload.Bag? {
        var attributes = wrapKeys
        if let authKey {
            attributes.append(GroupAttribute(type: MemberKeyBagAttributeType.authKey.rawValue, value: .octets(authKey)))
        }
        for id in senderIDs {
            attributes.append(
                GroupAttribute(type: MemberKeyBagAttributeType.gmSenderID.rawValue, value: .octets(id.rawValue.octets)))
        }
        return attributes.isEmpty ? nil : .member(MemberKeyBag(attributes: attributes))
    }
}

/// The GSA and KD bodies of a registration answer.
package enum RegistrationBodies {
    package static func build(
        _ grant: GrantMaterial, engine: CryptoEngine
    ) throws(CryptoError) -> RegistrationGrant {
        let gsa = GroupSecurityAssociation(
            rekey: grant.rekey?.policy, data: grant.data.map(\.policy), groupWide: grant.groupWide)
        let writer = KeyBagWriter(gskW: grant.gskW, keyWrap: grant.keyWrap, engine: engine)
        var bags: [KeyDownloadPayload.Bag] = []
        var wrapKeys: [GroupAttribute] = []
        switch (grant.rekey, grant.seat) {
        case (.some(let rekey), .some(let seat)):
            let (bag, attributes) = try writer.bag(rekey, seat)
            (bags, wrapKeys) = ([bag], attributes)
        case (.some(let rekey), nil): bags.append(try writer.bag(rekey))
        case (nil, _): break
        }
        for sa in grant.data { bags.append(try writer.bag(sa)) }
        let member = KeyBagWriter.memberBag(
            authKey: grant.authKey, senderIDs: grant.senderIDs, wrapKeys: wrapKeys)
        if let member { bags.append(member) }
        return RegistrationGrant(
            groupSecurityAssociation: PolicyCoding.encode(gsa).encodeBody(),
            keyDownload: KeyDownloadPayload(bags).encodeBody(),
            notifies: grant.mode == .transport ? [.useTransportMode] : [])
    }
}
