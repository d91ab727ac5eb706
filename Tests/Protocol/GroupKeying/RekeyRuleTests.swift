import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import GroupKeying

/// GSA_REKEY messages whose seal is good and whose content is wrong: a member or a faulty GCKS could send them.
@Suite struct RekeyRuleTests {
    /// Seals any payloads over the Rekey SA of the vector, signed unless told otherwise.
    private struct Forge {
        var sa: KeyedRekeySA
        var messageID = MessageID(rawValue: 7)
        var flags: IKEFlags = .initiator
        var exchange = ExchangeType.gsaRekey
        var isSigned = true
        var fragmentOctets: Int?
        var appended: [Payload] = []
        let engine = CryptoEngine()

        init(_ authentication: GroupControllerAuthentication? = nil) throws {
            sa = try RekeyVector.rekeySA(authentication)
            isSigned = authentication != .implicit
        }

        func datagrams(_ payloads: [Payload]) throws -> [[UInt8]] {
            let keys = try RekeySAKeys(keymat: sa.keymat.secret, suite: sa.policy.suite, keyWrap: sa.policy.keyWrap)
            let header = IKEHeader(
                initiatorSPI: sa.policy.spi.initiatorHalf, responderSPI: sa.policy.spi.responderHalf,
                nextPayload: .encrypted, exchange: exchange, flags: flags, messageID: messageID)
            var chain = PayloadChain(payloads)
            if isSigned {
                let key = try SigningKey(privateKeyInfo: SecretOctets(copying: RekeyVector.signingKeySeed))
                let blank = Self.signed(chain, [UInt8](repeating: 0, count: 64))
                let covered = RekeySignature.covered(
                    header, firstInner: blank.first, reserved: 0, inner: blank.encode())
                chain = Self.signed(chain, try key.sign(covered, .ed25519))
            }
            chain.payloads += appended
            let protection = RekeyProtection(
                suite: sa.policy.suite, keys: keys, header: header, firstInner: chain.first, engine: engine)
            return try protection.protect(chain.encode(), fragmentOctets: fragmentOctets)
        }

        private static func signed(_ chain: PayloadChain, _ signature: [UInt8]) -> PayloadChain {
            let data = DigitalSignatureData(
                algorithmIdentifier: SignatureScheme.ed25519.algorithmIdentifier, signature: signature)
            return PayloadChain(
                chain.payloads + [
                    .authentication(AuthenticationPayload(method: .digitalSignature, octets: data.encode()))
                ])
        }
    }

    /// GSA and KD of a new data SA, as the sealer makes them.
    private static func newDataSA(
        _ change: (inout GSAPayload, inout KeyDownloadPayload) throws -> Void = { _, _ in }
    ) throws -> [Payload] {
        let engine = CryptoEngine()
        let keys = try RekeySAKeys(
            keymat: RekeyVector.keymat.secret, suite: .aesGCM256, keyWrap: .kw5649_256)
        let sa = try RekeyVector.dataSA()
        var gsa = PolicyCoding.encode(
            GroupSecurityAssociation(rekey: nil, data: [sa.policy], groupWide: GroupWidePolicy()))
        var kd = KeyDownloadPayload([
            try KeyBagWriter(gskW: keys.gskW, keyWrap: .kw5649_256, engine: engine).bag(sa)
        ])
        try change(&gsa, &kd)
        return [.groupSecurityAssociation(gsa), .keyDownload(kd)]
    }

    private static func member(_ type: MemberKeyBagAttributeType, _ octets: [UInt8]) -> KeyDownloadPayload.Bag {
        .member(MemberKeyBag(attributes: [GroupAttribute(type: type.rawValue, value: .octets(octets))]))
    }

    /// - Returns: nil when it was taken; the counter must then have moved, and otherwise not.
    private static func refusal(_ forge: Forge, _ payloads: [Payload]) throws -> DownloadRefusal? {
        var receiver = try RekeyReceiver(
            forge.sa, authKey: forge.sa.policy.authentication == .implicit ? nil : RekeyVector.authKey,
            keyPath: WorkingKeyPath())
        do throws(DownloadRefusal) {
            for datagram in try anything({ try forge.datagrams(payloads) }) {
                _ = try receiver.receive(datagram, engine: forge.engine)
            }
            #expect(receiver.nextMessageID == forge.messageID.next)
            return nil
        } catch {
            #expect(receiver.nextMessageID == MessageID(rawValue: 7))
            return error
        }
    }

    private static func anything<Result>(_ work: () throws -> Result) throws(DownloadRefusal) -> Result {
        do { return try work() } catch { throw .keys("the test could not make its message: \(error)") }
    }

    private static func isPolicy(_ refusal: DownloadRefusal?) -> Bool {
        if case .policy = refusal { true } else { false }
    }

    @Test func theForgeItselfIsGood() throws {
        #expect(try Self.refusal(Forge(), Self.newDataSA()) == nil)
        #expect(try Self.refusal(Forge(.implicit), Self.newDataSA()) == nil)
        #expect(try Self.refusal(Forge(), [.delete(.wholeGroup)]) == nil)
    }

    @Test func aRekeyIsNotAResponse() throws {
        var forge = try Forge()
        forge.flags = .response
        #expect(try Self.refusal(forge, Self.newDataSA()) == .notForThisSA)
        // I is not looked at (fact sheet B.4-14).
        forge.flags = []
        #expect(try Self.refusal(forge, Self.newDataSA()) == nil)
    }

    @Test func anotherExchangeOrSPIIsNotForUs() throws {
        var forge = try Forge()
        forge.exchange = .informational
        #expect(try Self.refusal(forge, Self.newDataSA()) == .notForThisSA)
        var receiver = try RekeyVector.receiver()
        var datagram = RekeyVector.message
        datagram[15] ^= 1
        #expect(throws: DownloadRefusal.notForThisSA) { try receiver.receive(datagram, engine: CryptoEngine()) }
    }

    @Test func clearTextIsNotARekey() throws {
        let sa = try RekeyVector.rekeySA()
        let header = IKEHeader(
            initiatorSPI: sa.policy.spi.initiatorHalf, responderSPI: sa.policy.spi.responderHalf, nextPayload: .none,
            exchange: .gsaRekey, flags: .initiator, messageID: MessageID(rawValue: 7))
        var receiver = try RekeyVector.receiver()
        let clear = MessageAssembly.clear(header, PayloadChain([.delete(.wholeGroup)]))
        #expect(throws: DownloadRefusal.notAuthentic) { try receiver.receive(clear, engine: CryptoEngine()) }
    }

    @Test func signaturesAreThereOnceAndLast() throws {
        var unsigned = try Forge()
        unsigned.isSigned = false
        #expect(try Self.refusal(unsigned, Self.newDataSA()) == .badSignature)
        var trailing = try Forge()
        trailing.appended = [.notify(NotifyPayload(.useTransportMode))]
        #expect(try Self.refusal(trailing, Self.newDataSA()) == .badSignature)
        let sharedKey = Payload.authentication(AuthenticationPayload(method: .sharedKey, octets: [1, 2, 3]))
        #expect(try Self.refusal(Forge(), try Self.newDataSA() + [sharedKey]) == .badSignature)
        unsigned.appended = [sharedKey]
        #expect(try Self.refusal(unsigned, Self.newDataSA()) == .badSignature)
    }

    @Test func implicitAuthenticationRefusesAUTH() throws {
        var forge = try Forge(.implicit)
        forge.isSigned = true
        #expect(try Self.refusal(forge, Self.newDataSA()) == .badSignature)
    }

    @Test func whatDoesNotBelongInARekeyIsRefused() throws {
        let group = Payload.identificationGroup(.keyID("market-data"))
        #expect(Self.isPolicy(try Self.refusal(Forge(), Self.newDataSA() + [group])))
        #expect(Self.isPolicy(try Self.refusal(Forge(), [])))
        let good = try Self.newDataSA()
        #expect(Self.isPolicy(try Self.refusal(Forge(), [good[0]])))
        #expect(Self.isPolicy(try Self.refusal(Forge(), [good[1]])))
        #expect(Self.isPolicy(try Self.refusal(Forge(), good + good)))
        let unknown = Payload.raw(RawPayload(type: PayloadType(rawValue: 200), isCritical: true, body: []))
        // Before the signature is checked nobody can say who wrote it.
        #expect(try Self.refusal(Forge(), [unknown] + good) == .badSignature)
        #expect(try Self.refusal(Forge(.implicit), [unknown] + good) == .unsupportedCritical(200))
        let harmless = Payload.raw(RawPayload(type: PayloadType(rawValue: 200), isCritical: false, body: [1]))
        #expect(try Self.refusal(Forge(), [harmless] + good) == nil)
    }

    @Test func aRekeySaysHowLongItsSAsLive() throws {
        let endless = try Self.newDataSA { gsa, _ in gsa.policies[0].attributes = [] }
        #expect(Self.isPolicy(try Self.refusal(Forge(), endless)))
    }

    /// The length of an ECDSA signature varies; a reserve that was drawn badly must not spoil a rekey.
    @Test func everyECDSARekeySeals() throws {
        let engine = CryptoEngine()
        let key = try SigningKey.generate(.ecdsaP256)
        var sa = try RekeyVector.rekeySA(
            .digitalSignature(algorithmIdentifier: SignatureScheme.ecdsaSHA256.algorithmIdentifier))
        sa.policy.initialMessageID = nil
        for id in 0..<3000 as Range<UInt32> {
            let plan = RekeyMessagePlan(
                over: sa, messageID: MessageID(rawValue: id), deletes: [.wholeGroup], signingKey: key)
            let datagram = try #require(try RekeySealer.seal(plan, engine: engine).first)
            guard id % 100 == 0 else { continue }
            var receiver = try RekeyReceiver(sa, authKey: key.subjectPublicKeyInfo, keyPath: WorkingKeyPath())
            #expect(try receiver.receive(datagram, engine: engine) != nil)
        }
    }

    @Test func gcauthIsSaidAtRegistrationOnly() throws {
        let forge = try Forge()
        let payloads: [Payload] = [
            .groupSecurityAssociation(
                PolicyCoding.encode(
                    GroupSecurityAssociation(rekey: forge.sa.policy, data: [], groupWide: GroupWidePolicy()))),
            .keyDownload(KeyDownloadPayload([])),
        ]
        #expect(Self.isPolicy(try Self.refusal(forge, payloads)))
    }

    @Test func aSenderIDInARekeyIsDroppedAndTheRestKept() throws {
        let forge = try Forge()
        let payloads = try Self.newDataSA { _, kd in kd.bags.append(Self.member(.gmSenderID, [0, 0, 0, 9])) }
        var receiver = try RekeyVector.receiver()
        let opened = try receiver.receive(try forge.datagrams(payloads)[0], engine: forge.engine)
        #expect(opened?.group?.senderIDs.isEmpty == true)
        #expect(opened?.group?.data.count == 1)
    }

    @Test func aNewAuthKeyMustSuitTheAlgorithm() throws {
        let other = try SigningKey.generate(.ecdsaP256).subjectPublicKeyInfo
        let wrong = try Self.newDataSA { _, kd in kd.bags.append(Self.member(.authKey, other)) }
        #expect(try Self.refusal(Forge(), wrong) == .keys("AUTH_KEY does not suit the signature algorithm"))
        let unwanted = try Self.newDataSA { _, kd in kd.bags.append(Self.member(.authKey, RekeyVector.authKey)) }
        #expect(try Self.refusal(Forge(.implicit), unwanted) == .keys("AUTH_KEY without signatures"))
    }

    @Test func theLastMessageIDIsTakenOnceAndEndsTheSA() throws {
        var forge = try Forge()
        forge.messageID = MessageID(rawValue: .max)
        var receiver = try RekeyVector.receiver()
        let datagram = try forge.datagrams(try Self.newDataSA())[0]
        #expect(try receiver.receive(datagram, engine: forge.engine) != nil)
        #expect(receiver.nextMessageID == nil)
        #expect(throws: DownloadRefusal.replayed(forge.messageID)) {
            try receiver.receive(datagram, engine: forge.engine)
        }
    }

    @Test func theCounterOfALaterRegistrationOnlyRises() throws {
        var receiver = try RekeyVector.receiver()
        receiver.expect(atLeast: MessageID(rawValue: 3))
        #expect(receiver.nextMessageID == MessageID(rawValue: 7))
        receiver.expect(atLeast: MessageID(rawValue: 9))
        #expect(throws: DownloadRefusal.replayed(MessageID(rawValue: 7))) {
            try receiver.receive(RekeyVector.message, engine: CryptoEngine())
        }
    }

    // MARK: Fragments

    @Test func aMessageThatIsFragmentedAnewStartsAnew() throws {
        var fine = try Forge()
        fine.fragmentOctets = 120
        var coarse = fine
        coarse.fragmentOctets = 200
        let payloads = try Self.newDataSA()
        let (many, few) = (try fine.datagrams(payloads), try coarse.datagrams(payloads))
        try #require(many.count > few.count && few.count >= 2)
        var receiver = try RekeyVector.receiver()
        // The larger total replaces what came; then the smaller one is dropped (RFC 7383 2.6).
        #expect(try receiver.receive(few[0], engine: fine.engine) == nil)
        for datagram in many.dropLast() { #expect(try receiver.receive(datagram, engine: fine.engine) == nil) }
        for datagram in few { #expect(try receiver.receive(datagram, engine: fine.engine) == nil) }
        let last = try #require(many.last)
        #expect(try receiver.receive(last, engine: fine.engine) != nil)
    }

    @Test func fragmentsOfManyMessagesDoNotPileUp() throws {
        var forge = try Forge()
        forge.fragmentOctets = 150
        let payloads = try Self.newDataSA()
        var receiver = try RekeyVector.receiver()
        forge.messageID = MessageID(rawValue: 8)
        let first = try forge.datagrams(payloads)
        #expect(try receiver.receive(first[0], engine: forge.engine) == nil)
        for id in 9...(8 + UInt32(KeyingLimits.reassemblies)) {
            forge.messageID = MessageID(rawValue: id)
            #expect(try receiver.receive(try forge.datagrams(payloads)[0], engine: forge.engine) == nil)
        }
        // The oldest gave way: its rest completes nothing.
        for datagram in first.dropFirst() { #expect(try receiver.receive(datagram, engine: forge.engine) == nil) }
        // What is there again as a whole is taken.
        #expect(try receiver.receive(first[0], engine: forge.engine) != nil)
    }

    @Test func aForeignFragmentIsDroppedAndTheMessageStillCompletes() throws {
        var forge = try Forge()
        forge.fragmentOctets = 150
        let fragments = try forge.datagrams(try Self.newDataSA())
        var receiver = try RekeyVector.receiver()
        for fragment in fragments.dropLast() {
            var changed = fragment
            changed[changed.count - 1] ^= 1
            #expect(throws: DownloadRefusal.notAuthentic) { try receiver.receive(changed, engine: forge.engine) }
            #expect(try receiver.receive(fragment, engine: forge.engine) == nil)
        }
        #expect(try receiver.receive(try #require(fragments.last), engine: forge.engine) != nil)
    }

    @Test func everyIVOfAMessageIsDifferentAndFollowsFromItsNumbers() throws {
        var forge = try Forge()
        forge.fragmentOctets = 150
        let fragments = try forge.datagrams(try Self.newDataSA())
        for (index, fragment) in fragments.enumerated() {
            #expect(Array(fragment[36..<44]) == [0, 0, 0, 7, 0, 0, 0, UInt8(index + 1)])
        }
    }
}
