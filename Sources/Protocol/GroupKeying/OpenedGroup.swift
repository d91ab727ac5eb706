package import GroupModel
import IKECrypto
package import IKEVocabulary
import IKEWire
import KeyMaterial
import Octets

/// What a registration answer or a GSA_REKEY gave, every rule checked and every key unwrapped.
package struct OpenedGroup: Sendable {
    package let policy: GroupSecurityAssociation
    package let rekey: KeyedRekeySA?
    package let data: [KeyedDataSA]
    /// DER SubjectPublicKeyInfo. In a rekey: the key for the messages after it, when it changes.
    package let authKey: [UInt8]?
    package let senderIDs: [SenderID]
    package let mode: SAMode
    package let keyPath: WorkingKeyPath
}

/// Matches key bags to policies and unwraps (RFC 9838 4.5).
struct KeyBagReader {
    let source: DownloadSource
    var finder: KeyFinder

    mutating func read(
        _ policy: GroupSecurityAssociation, _ payload: KeyDownloadPayload, mode: SAMode
    ) throws(DownloadRefusal) -> OpenedGroup {
        var bags: [[UInt8]: GroupKeyBag] = [:]
        var member = MemberBagContent()
        var hasMemberBag = false
        for bag in payload.bags {
            switch bag {
            case .group(let bag):
                guard bags.updateValue(bag, forKey: [bag.securityProtocol.rawValue] + bag.spi) == nil else {
                    throw .keys("two key bags for one SPI")
                }
            case .member(let bag):
                guard !hasMemberBag else { throw .keys("two member key bags") }
                hasMemberBag = true
                member = try MemberBagContent(bag, source)
            }
        }
        var rekey: KeyedRekeySA?
        if let sa = policy.rekey {
            let key = try takeKey(&bags, .gikeUpdate, sa.spi.octets, atMost: source == .rekey ? .max : 1)
            guard key.secret.count == KeyedRekeySA.keymatOctets(sa.suite, sa.keyWrap) else {
                throw .keys("KEYMAT has the wrong size")
            }
            rekey = KeyedRekeySA(policy: sa, keymat: key)
        }
        var data: [KeyedDataSA] = []
        for sa in policy.data {
            let key = try takeKey(&bags, .esp, sa.spi.octets, atMost: 1)
            guard key.secret.count == sa.suite.keyOctets else {
                throw .keys("the key of SA \(sa.spi) has the wrong size")
            }
            data.append(KeyedDataSA(policy: sa, key: key))
        }
        guard bags.isEmpty else { throw .keys("a key bag for an SPI without policy") }
        return OpenedGroup(
            policy: policy, rekey: rekey, data: data, authKey: member.authKey, senderIDs: member.senderIDs, mode: mode,
            keyPath: finder.workingPath)
    }

    private mutating func takeKey(
        _ bags: inout [[UInt8]: GroupKeyBag], _ securityProtocol: SecurityProtocol, _ spi: [UInt8], atMost limit: Int
    ) throws(DownloadRefusal) -> HeldSecret {
        guard let bag = bags.removeValue(forKey: [securityProtocol.rawValue] + spi) else {
            throw .keys("no key for an SA of \(securityProtocol)")
        }
        var candidates: [WrappedKey] = []
        for attribute in bag.attributes where attribute.type == GroupKeyBagAttributeType.saKey.rawValue {
            guard case .octets(let octets) = attribute.value else { throw .keys("SA_KEY is not a TLV") }
            let wrapped = try DownloadRefusal.wire { () throws(WireError) in try WrappedKey(decoding: octets) }
            // RFC 9838 4.5.2.1.
            guard wrapped.keyID == 0 else { throw .keys("SA_KEY with Key ID \(wrapped.keyID)") }
            guard wrapped.kwkID == 0 || securityProtocol == .gikeUpdate else {
                throw .keys("SA_KEY of a data SA with KWK ID \(wrapped.kwkID)")
            }
            candidates.append(wrapped)
        }
        guard !candidates.isEmpty, candidates.count <= limit else {
            throw .keys("\(candidates.count) SA_KEYs for an SA of \(securityProtocol)")
        }
        return try finder.open(candidates)
    }

    /// WRAP_KEYs of a KD payload: they are needed before the first SA_KEY can be opened.
    static func wrapKeys(_ payload: KeyDownloadPayload) throws(DownloadRefusal) -> [WrappedKey] {
        var keys: [WrappedKey] = []
        for case .member(let bag) in payload.bags {
            for attribute in bag.attributes where attribute.type == MemberKeyBagAttributeType.wrapKey.rawValue {
                guard case .octets(let octets) = attribute.value else { throw .keys("WRAP_KEY is not a TLV") }
                let wrapped = try DownloadRefusal.wire { () throws(WireError) in try WrappedKey(decoding: octets) }
                // RFC 9838 4.5.3.1: zero names the keys of SAs.
                guard wrapped.keyID != 0 else { throw .keys("WRAP_KEY with Key ID 0") }
                keys.append(wrapped)
            }
        }
        return keys
    }
}

/// AUTH_KEY and Sender-IDs of a member key bag.
struct MemberBagContent {
    var authKey: [UInt8]?
    var senderIDs: [SenderID] = []

    init() {}

    init(_ bag: MemberKeyBag, _ source: DownloadSource) throws(DownloadRefusal) {
        for attribute in bag.attributes {
            guard case .octets(let octets) = attribute.value else { throw .keys("a member attribute is not a TLV") }
            switch MemberKeyBagAttributeType(rawValue: attribute.type) {
            case .authKey:
                guard authKey == nil else { throw .keys("AUTH_KEY twice") }
                authKey = octets
            case .gmSenderID:
                // In a rekey it is an error of the sender: that attribute is dropped, the rest stays (fact sheet B.4-1).
                guard source == .registration else { continue }
                guard (1...4).contains(octets.count) else { throw .keys("GM_SENDER_ID has the wrong size") }
                senderIDs.append(SenderID(rawValue: octets.reduce(0) { $0 << 8 | UInt32($1) }))
            default: continue
            }
        }
    }
}
