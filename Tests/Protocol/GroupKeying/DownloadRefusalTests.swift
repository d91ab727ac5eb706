import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import Octets
import TestKit
import Testing

/// Each way an answer can be wrong, made from the good one by one change.
@Suite struct DownloadRefusalTests {
    struct Answer {
        var gsa: GSAPayload
        var kd: KeyDownloadPayload
        var senderIDsAsked: UInt32? = 2

        init() throws {
            gsa = try GSAPayload(body: RegistrationVectors.senderGSA)
            kd = try KeyDownloadPayload(body: RegistrationVectors.senderKD)
        }

        func open() throws -> OpenedGroup {
            try RegistrationDownload.open(
                gsa: GSAPayloadBody(gsa.encodeBody()), kd: KDPayloadBody(kd.encodeBody()), notifies: [],
                gskW: RegistrationVectors.gskW, keyWrap: .kw5649_256, senderIDsAsked: senderIDsAsked,
                engine: CryptoEngine())
        }

        mutating func changeMember(_ change: (inout [GroupAttribute]) -> Void) {
            guard case .member(let bag) = kd.bags[2] else { return }
            var attributes = bag.attributes
            change(&attributes)
            kd.bags[2] = .member(MemberKeyBag(attributes: attributes))
        }

        mutating func changeBag(_ index: Int, _ change: (inout [GroupAttribute]) -> Void) {
            guard case .group(let bag) = kd.bags[index] else { return }
            var attributes = bag.attributes
            change(&attributes)
            kd.bags[index] = .group(
                GroupKeyBag(securityProtocol: bag.securityProtocol, spi: bag.spi, attributes: attributes))
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let kind: Kind
        let change: @Sendable (inout Answer) -> Void
        enum Kind { case malformed, policy, keys, noKeyPath }

        init(_ name: String, _ kind: Kind, _ change: @escaping @Sendable (inout Answer) -> Void) {
            (self.name, self.kind, self.change) = (name, kind, change)
        }
        var testDescription: String { name }
    }

    private static let ed25519 = TransformAttribute(
        type: .signatureAlgorithmIdentifier, value: .octets(SignatureScheme.ed25519.algorithmIdentifier))

    private static func gcauth(_ id: UInt16, _ attributes: [TransformAttribute]) -> Transform {
        Transform(type: .groupControllerAuthentication, id: id, attributes: attributes)
    }

    /// The wrapped key of a bag under other numbers.
    private static func renumbered(_ attribute: GroupAttribute, keyID: UInt32, kwkID: UInt32) -> GroupAttribute {
        guard case .octets(let octets) = attribute.value, let key = try? WrappedKey(decoding: octets) else {
            return attribute
        }
        let changed = WrappedKey(keyID: keyID, kwkID: kwkID, wrapped: key.wrapped)
        return GroupAttribute(type: attribute.type, value: .octets(changed.encode()))
    }

    private static let keyLifetime = GroupAttribute(type: 1, value: .octets([0, 0, 14, 16]))
    private static let wrongUnwrap = WrappedKey(keyID: 0, kwkID: 0, wrapped: [UInt8](repeating: 7, count: 48)).encode()

    static let policyCases: [Case] = [
        Case("no SA at all", .policy) { $0.gsa.policies = [] },
        Case("AH", .policy) { answer in
            var policy = answer.gsa.policies[1]
            policy.securityProtocol = .ah
            answer.gsa.policies.append(policy)
        },
        Case("one ESP SPI twice", .policy) { $0.gsa.policies.append($0.gsa.policies[1]) },
        Case("two Rekey SAs", .malformed) { $0.gsa.policies.append($0.gsa.policies[0]) },
        Case("a reserved ESP SPI", .policy) { $0.gsa.policies[1].spi = [0, 0, 0, 255] },
        Case("no cipher", .policy) { $0.gsa.policies[0].transforms.removeFirst() },
        Case("two ciphers", .policy) { $0.gsa.policies[0].transforms.append(.encryption(.aesGCM16, keyBits: 128)) },
        Case("a cipher we do not have", .policy) {
            $0.gsa.policies[1].transforms[0] = .encryption(.aesCTR, keyBits: 256)
        },
        Case("integrity beside an AEAD", .policy) { $0.gsa.policies[1].transforms.append(.integrity(.hmacSHA256_128)) },
        Case("no key wrap", .policy) { $0.gsa.policies[0].transforms.removeAll { $0.type == .keyWrapAlgorithm } },
        Case("a key wrap we do not have", .policy) {
            $0.gsa.policies[0].transforms[2] = .keyWrap(.kwARX)
        },
        Case("no GCAUTH", .policy) {
            $0.gsa.policies[0].transforms.removeAll { $0.type == .groupControllerAuthentication }
        },
        Case("an unknown GCAUTH", .policy) {
            $0.gsa.policies[0].transforms[1] = Transform(type: .groupControllerAuthentication, id: 3)
        },
        Case("signatures without algorithm", .policy) {
            $0.gsa.policies[0].transforms[1] = Transform(type: .groupControllerAuthentication, id: 2)
        },
        Case("an unknown signature algorithm", .policy) {
            $0.gsa.policies[0].transforms[1] = Transform(
                type: .groupControllerAuthentication, id: 2,
                attributes: [TransformAttribute(type: .signatureAlgorithmIdentifier, value: .octets([0x30, 0]))])
        },
        Case("implicit with a signature algorithm", .policy) { answer in
            answer.gsa.policies[0].transforms[1] = gcauth(1, [ed25519])
            answer.changeMember { $0.removeAll { $0.type == 2 } }
        },
        Case("two signature algorithms", .policy) {
            $0.gsa.policies[0].transforms[1] = gcauth(2, [ed25519, ed25519])
        },
        Case("no lifetime of the Rekey SA", .policy) { $0.gsa.policies[0].attributes.removeFirst() },
        Case("no lifetime of a data SA", .policy) { $0.gsa.policies[1].attributes = [] },
        Case("a prf", .policy) { $0.gsa.policies[0].transforms.append(.prf(.hmacSHA256)) },
        Case("no sequence numbers", .policy) { $0.gsa.policies[1].transforms.removeLast() },
        Case("64-bit sequence numbers", .policy) {
            $0.gsa.policies[1].transforms[1] = .sequenceNumbers(.partiallyTransmitted64)
        },
        Case("rekeys to one host", .policy) { answer in
            answer.gsa.policies[0].destination = answer.gsa.policies[1].source
        },
        Case("rekeys to any port", .policy) { answer in
            answer.gsa.policies[0].destination = .single(answer.gsa.policies[0].destination.first, ipProtocol: 17)
        },
        Case("rekeys over TCP", .policy) { answer in
            answer.gsa.policies[0].destination = .single(
                answer.gsa.policies[0].destination.first, ipProtocol: 6, port: 848)
        },
        Case("address families that differ", .policy) { $0.gsa.policies[1].source = .any(ipv4: false) },
        Case("two lifetimes", .policy) { $0.gsa.policies[1].attributes.append(keyLifetime) },
        Case("a lifetime of two octets", .policy) {
            $0.gsa.policies[1].attributes = [GroupAttribute(type: 1, value: .octets([0, 1]))]
        },
        Case("a lifetime as TV", .policy) {
            $0.gsa.policies[1].attributes = [GroupAttribute(type: 1, value: .short(9))]
        },
        Case("a Message ID on a data SA", .policy) {
            $0.gsa.policies[1].attributes.append(GroupAttribute(type: 2, value: .octets([0, 0, 0, 1])))
        },
        Case("a next SPI of the wrong size", .policy) {
            $0.gsa.policies[1].attributes.append(
                GroupAttribute(type: 3, value: .octets([UInt8](repeating: 1, count: 16))))
        },
        Case("an unknown attribute", .policy) {
            $0.gsa.policies[1].attributes.append(GroupAttribute(type: 16_383, value: .octets([])))
        },
        Case("two ATDs", .policy) { $0.gsa.groupWide?.append(GroupAttribute(type: 1, value: .short(3))) },
        Case("an ATD as TLV", .policy) { $0.gsa.groupWide = [GroupAttribute(type: 1, value: .octets([0, 1]))] },
        Case("a Sender-ID width of 0", .policy) { $0.gsa.groupWide = [GroupAttribute(type: 3, value: .short(0))] },
        Case("a Sender-ID width of 33", .policy) { $0.gsa.groupWide = [GroupAttribute(type: 3, value: .short(33))] },
    ]

    static let keyCases: [Case] = [
        Case("no key for the Rekey SA", .keys) { $0.kd.bags.remove(at: 0) },
        Case("no key for a data SA", .keys) { $0.kd.bags.remove(at: 1) },
        Case("two bags for one SPI", .keys) { $0.kd.bags.append($0.kd.bags[1]) },
        Case("two member bags", .keys) { $0.kd.bags.append($0.kd.bags[2]) },
        Case("a bag without policy", .keys) {
            $0.kd.bags.append(.group(GroupKeyBag(securityProtocol: .esp, spi: [0, 0, 9, 9], attributes: [])))
        },
        Case("a bag of another protocol", .keys) {
            $0.kd.bags.append(.group(GroupKeyBag(securityProtocol: .ah, spi: [0, 0, 0x10, 1], attributes: [])))
        },
        Case("an empty bag", .keys) { $0.changeBag(1) { $0 = [] } },
        Case("two keys for a data SA", .keys) { $0.changeBag(1) { $0 += $0 } },
        Case("two keys for a Rekey SA at registration", .keys) { $0.changeBag(0) { $0 += $0 } },
        Case("a key as TV", .keys) { $0.changeBag(1) { $0 = [GroupAttribute(type: 1, value: .short(1))] } },
        Case("a wrapped key without its numbers", .malformed) {
            $0.changeBag(1) { $0 = [GroupAttribute(type: 1, value: .octets([0, 0, 0]))] }
        },
        Case("a key that does not unwrap", .noKeyPath) {
            $0.changeBag(1) { $0 = [GroupAttribute(type: 1, value: .octets(wrongUnwrap))] }
        },
        Case("the Rekey SA's key in the data SA's bag", .keys) { answer in
            guard case .group(let other) = answer.kd.bags[0] else { return }
            answer.changeBag(1) { $0 = other.attributes }
        },
        Case("a data key in the Rekey SA's bag", .keys) { answer in
            guard case .group(let other) = answer.kd.bags[1] else { return }
            answer.changeBag(0) { $0 = other.attributes }
        },
        Case("a Rekey SA's key with Key ID 1", .keys) {
            $0.changeBag(0) { $0 = [renumbered($0[0], keyID: 1, kwkID: 0)] }
        },
        Case("a data SA's key with Key ID 1", .keys) {
            $0.changeBag(1) { $0 = [renumbered($0[0], keyID: 1, kwkID: 0)] }
        },
        Case("a data SA's key under a key of the tree", .keys) {
            $0.changeBag(1) { $0 = [renumbered($0[0], keyID: 0, kwkID: 1)] }
        },
        Case("WRAP_KEY with Key ID 0", .keys) { answer in
            answer.changeMember { $0.append(GroupAttribute(type: 1, value: .octets(wrongUnwrap))) }
        },
        Case("no AUTH_KEY", .keys) { $0.changeMember { $0.removeAll { $0.type == 2 } } },
        Case("two AUTH_KEYs", .keys) { $0.changeMember { $0.insert($0[0], at: 0) } },
        Case("an AUTH_KEY that is no key", .keys) {
            $0.changeMember { $0[0] = GroupAttribute(type: 2, value: .octets([0x30, 0])) }
        },
        Case("AUTH_KEY with implicit authentication", .keys) {
            $0.gsa.policies[0].transforms[1] = Transform(type: .groupControllerAuthentication, id: 1)
        },
        Case("AUTH_KEY without a Rekey SA", .keys) {
            $0.gsa.policies.remove(at: 0)
            $0.kd.bags.remove(at: 0)
        },
        Case("Sender-IDs for a receiver", .keys) { $0.senderIDsAsked = nil },
        Case("no Sender-ID for a sender", .keys) { $0.changeMember { $0.removeAll { $0.type == 3 } } },
        Case("more Sender-IDs than were asked for", .keys) { $0.senderIDsAsked = 1 },
        Case("more Sender-IDs than the one that 0 means", .keys) { $0.senderIDsAsked = 0 },
        Case("no Sender-ID width", .keys) { $0.gsa.groupWide?.removeAll { $0.type == 3 } },
        Case("a Sender-ID that is too wide", .keys) {
            $0.changeMember { $0[1] = GroupAttribute(type: 3, value: .octets([1, 0, 0])) }
        },
        Case("a Sender-ID twice", .keys) { $0.changeMember { $0[1] = $0[2] } },
        Case("a Sender-ID of five octets", .keys) {
            $0.changeMember { $0[1] = GroupAttribute(type: 3, value: .octets([0, 0, 0, 0, 1])) }
        },
        Case("an empty Sender-ID", .keys) {
            $0.changeMember { $0[1] = GroupAttribute(type: 3, value: .octets([])) }
        },
    ]

    @Test(arguments: policyCases + keyCases)
    func oneChangeIsRefused(_ wrong: Case) throws {
        var answer = try Answer()
        #expect(throws: Never.self) { try answer.open() }
        wrong.change(&answer)
        do {
            _ = try answer.open()
            Issue.record("\(wrong.name) was taken")
        } catch let refusal as DownloadRefusal {
            let isKind =
                switch (refusal, wrong.kind) {
                case (.malformed, .malformed), (.policy, .policy), (.keys, .keys), (.noKeyPath, .noKeyPath): true
                default: false
                }
            #expect(isKind, "\(refusal)")
            #expect(refusal.notify == .noProposalChosen)
        }
    }

    static let goodCases: [Case] = [
        Case("an unknown private Group SA attribute", .policy) {
            $0.gsa.policies[1].attributes.append(GroupAttribute(type: 16_384, value: .octets([1])))
        },
        Case("an unknown group-wide attribute", .policy) {
            $0.gsa.groupWide?.append(GroupAttribute(type: 77, value: .octets([1])))
        },
        Case("an unknown member attribute", .policy) {
            $0.changeMember { $0.append(GroupAttribute(type: 77, value: .octets([1]))) }
        },
        Case("an unknown key bag attribute", .policy) {
            $0.changeBag(1) { $0.append(GroupAttribute(type: 77, value: .octets([1]))) }
        },
        Case("Sender-IDs of one octet", .policy) {
            $0.changeMember { $0[1] = GroupAttribute(type: 3, value: .octets([9])) }
        },
        Case("fewer Sender-IDs than were asked for", .policy) { $0.senderIDsAsked = 3 },
        Case("no lifetimes without a Rekey SA", .policy) { answer in
            answer.gsa.policies = [answer.gsa.policies[1]]
            answer.gsa.policies[0].attributes = []
            answer.kd.bags.removeFirst()
            guard case .member(let bag) = answer.kd.bags[1] else { return }
            answer.kd.bags[1] = .member(MemberKeyBag(attributes: bag.attributes.filter { $0.type != 2 }))
        },
        Case("bags in another order", .policy) { $0.kd.bags.reverse() },
        Case("a next SPI", .policy) {
            $0.gsa.policies[1].attributes.append(GroupAttribute(type: 3, value: .octets([0, 0, 0x20, 1])))
        },
    ]

    @Test(arguments: goodCases)
    func theseAreTaken(_ good: Case) throws {
        var answer = try Answer()
        good.change(&answer)
        #expect(throws: Never.self) { try answer.open() }
    }

    @Test func theWrongGSKwOpensNothing() throws {
        #expect(throws: DownloadRefusal.noKeyPath) {
            try RegistrationDownload.open(
                gsa: GSAPayloadBody(RegistrationVectors.senderGSA), kd: KDPayloadBody(RegistrationVectors.senderKD),
                notifies: [], gskW: HeldSecret(SecretOctets(copying: [UInt8](repeating: 0, count: 32))),
                keyWrap: .kw5649_256, senderIDsAsked: 2, engine: CryptoEngine())
        }
    }
}
