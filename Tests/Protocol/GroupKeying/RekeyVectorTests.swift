import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

/// A GSA_REKEY made and decrypted by other software: AES-GCM-256, KW_5649_256, signed with Ed25519 from a zero seed.
enum RekeyVector {
    static let authKey = hex(
        "302a300506032b65700321003b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29")
    static let signingKeySeed = hex("302e020100300506032b657004220420") + [UInt8](repeating: 0, count: 32)
    static let message = hex(
        """
        a0a1a2a3a4a5a6a7a8a9aaabacadaeaf2e2029080000000700000125330001090000000700000001a0824af842cc525bd0a57ea6d53bd8444cec5500fc1ea56e
        55623cf79dcea4ead62ed34b90f9f7e612e4423d1cd167f487b890df92636702bb8315bb53e1b9c3dfb79f294cf278c856453588f7e7a20b4a6af023ca488d02
        bda6f8bc88f31ccc72854a657e954432f8880549abceb9311da2019908082cac2b824cbf8d2c4f23df59482e0e1898d693af401ec6aeebd2dd02b406ecd9b12d
        6b38757ffa4c51f7a00d91e5b2671e1151d7cf47f606239ee75246e2b74f92e8e522e3440f36bd1a9c648be26bdd82e3d8d942ff0901b08b806789cf5daf9737
        6ab0063f5efd398d32487bc47466dbd6ce7618986e73a8882f48596814bf0d0c73a1c698f9
        """)

    static let keymat = HeldSecret(SecretOctets(copying: (0x80...0xc3).map { UInt8($0) }))
    static let dataKey = HeldSecret(SecretOctets(copying: (0x20...0x43).map { UInt8($0) }))

    static func rekeySA(_ authentication: GroupControllerAuthentication? = nil) throws -> KeyedRekeySA {
        let multicast = try #require(IPAddress("239.1.1.1"))
        let algorithm = SignatureScheme.ed25519.algorithmIdentifier
        let policy = RekeySAPolicy(
            spi: try #require(RekeySPI(octets: (0xa0...0xaf).map { UInt8($0) })),
            source: .any(ipv4: true, ipProtocol: TrafficSelector.udp),
            destination: .single(multicast, ipProtocol: TrafficSelector.udp, port: 848), suite: .aesGCM256,
            keyWrap: .kw5649_256,
            authentication: authentication ?? .digitalSignature(algorithmIdentifier: algorithm),
            lifetime: Lifetime(seconds: 3600), initialMessageID: MessageID(rawValue: 7))
        return KeyedRekeySA(policy: policy, keymat: keymat)
    }

    static func dataSA() throws -> KeyedDataSA {
        let source = try #require(IPAddress("192.0.2.1"))
        let destination = try #require(IPAddress("239.1.1.1"))
        let policy = DataSAPolicy(
            spi: ESPSPI(rawValue: 0x1001), source: .single(source, ipProtocol: TrafficSelector.udp),
            destination: .single(destination, ipProtocol: TrafficSelector.udp, port: 5000), suite: .aesGCM256,
            sequenceNumbers: .sequential32, lifetime: Lifetime(seconds: 3600))
        return KeyedDataSA(policy: policy, key: dataKey)
    }

    static func plan(fragmentOctets: Int? = nil) throws -> RekeyMessagePlan {
        RekeyMessagePlan(
            over: try rekeySA(), messageID: MessageID(rawValue: 7), newData: [try dataSA()],
            groupWide: GroupWidePolicy(activationTimeDelay: 5, deactivationTimeDelay: 10),
            signingKey: try SigningKey(privateKeyInfo: SecretOctets(copying: signingKeySeed)),
            fragmentOctets: fragmentOctets)
    }

    static func receiver() throws -> RekeyReceiver {
        try RekeyReceiver(try rekeySA(), authKey: authKey, keyPath: WorkingKeyPath())
    }
}

@Suite struct RekeyVectorTests {
    @Test func weBuildTheVectorOctetForOctet() throws {
        #expect(RekeyVector.message.count == 293)
        let sealed = try RekeySealer.seal(try RekeyVector.plan(), engine: CryptoEngine())
        #expect(sealed == [RekeyVector.message])
    }

    @Test(arguments: [CryptoProvider.fastest, .openSSLOnly])
    func weOpenTheVector(_ provider: CryptoProvider) throws {
        var receiver = try RekeyVector.receiver()
        let opened = try #require(try receiver.receive(RekeyVector.message, engine: CryptoEngine(provider: provider)))
        #expect(opened.messageID == MessageID(rawValue: 7))
        let group = try #require(opened.group)
        #expect(group.policy.data == [try RekeyVector.dataSA().policy])
        #expect(group.policy.groupWide == GroupWidePolicy(activationTimeDelay: 5, deactivationTimeDelay: 10))
        #expect(group.data.first?.key.secret.constantTimeEquals(RekeyVector.dataKey.secret) == true)
        #expect(throws: DownloadRefusal.replayed(MessageID(rawValue: 7))) {
            try receiver.receive(RekeyVector.message, engine: CryptoEngine())
        }
    }

    @Test func noChangedOctetIsTakenOrMovesTheCounter() throws {
        let engine = CryptoEngine()
        var receiver = try RekeyVector.receiver()
        for index in RekeyVector.message.indices {
            var changed = RekeyVector.message
            changed[index] ^= 1 << (index % 8)
            #expect(throws: DownloadRefusal.self) { try receiver.receive(changed, engine: engine) }
        }
        for count in 0..<RekeyVector.message.count {
            #expect(throws: DownloadRefusal.self) {
                try receiver.receive(Array(RekeyVector.message.prefix(count)), engine: engine)
            }
        }
        let opened = try receiver.receive(RekeyVector.message, engine: engine)
        #expect(opened != nil)
    }

    @Test func fragmentsInAnyOrderGiveTheSameMessage() throws {
        let engine = CryptoEngine()
        let fragments = try RekeySealer.seal(try RekeyVector.plan(fragmentOctets: 150), engine: engine)
        #expect(fragments.count >= 3)
        #expect(fragments.allSatisfy { $0.count <= 150 })
        var entropy = SeededEntropy(seed: 7)
        for _ in 0..<20 {
            var receiver = try RekeyVector.receiver()
            // Two copies of each, one fragment of one copy lost.
            var arriving = (fragments + fragments).shuffled(using: &entropy)
            arriving.removeFirst()
            var results: [OpenedRekey] = []
            for datagram in arriving {
                if let opened = try? receiver.receive(datagram, engine: engine) { results.append(opened) }
            }
            #expect(results.count == 1)
            #expect(results.first?.group?.data.count == 1)
        }
    }

    @Test func anotherKeysSignatureIsRefused() throws {
        let engine = CryptoEngine()
        let forger = try SigningKey.generate(.ed25519)
        let genuine = try RekeyVector.plan()
        let forged = RekeyMessagePlan(
            over: genuine.over, messageID: genuine.messageID, newData: genuine.newData, signingKey: forger)
        var receiver = try RekeyVector.receiver()
        let datagrams = try RekeySealer.seal(forged, engine: engine)
        #expect(throws: DownloadRefusal.badSignature) { try receiver.receive(datagrams[0], engine: engine) }
        let opened = try receiver.receive(RekeyVector.message, engine: engine)
        #expect(opened != nil)
    }

    @Test func implicitAuthenticationHasNoAUTH() throws {
        let engine = CryptoEngine()
        let sa = try RekeyVector.rekeySA(.implicit)
        let plan = RekeyMessagePlan(
            over: sa, messageID: MessageID(rawValue: 9), newData: [try RekeyVector.dataSA()], signingKey: nil)
        var receiver = try RekeyReceiver(sa, authKey: nil, keyPath: WorkingKeyPath())
        let opened = try receiver.receive(try RekeySealer.seal(plan, engine: engine)[0], engine: engine)
        #expect(opened?.group?.data.count == 1)
        #expect(throws: DownloadRefusal.notAuthentic) {
            try receiver.receive(RekeyVector.message.withID(10), engine: engine)
        }
    }

    @Test func aNewAuthKeyHoldsForTheMessagesAfterIt() throws {
        let engine = CryptoEngine()
        let next = try SigningKey.generate(.ed25519)
        let genuine = try RekeyVector.plan()
        let change = RekeyMessagePlan(
            over: genuine.over, messageID: MessageID(rawValue: 8), newData: genuine.newData,
            newAuthKey: next.subjectPublicKeyInfo, signingKey: genuine.signingKey)
        let after = RekeyMessagePlan(
            over: genuine.over, messageID: MessageID(rawValue: 9),
            deletes: [.esp([ESPSPI(rawValue: 0x1001)])], signingKey: next)
        var receiver = try RekeyVector.receiver()
        let early = try RekeySealer.seal(after, engine: engine)[0]
        #expect(throws: DownloadRefusal.badSignature) { try receiver.receive(early, engine: engine) }
        #expect(try receiver.receive(try RekeySealer.seal(change, engine: engine)[0], engine: engine) != nil)
        let opened = try receiver.receive(early, engine: engine)
        #expect(opened?.deletes == [.esp([ESPSPI(rawValue: 0x1001)])])
        #expect(opened?.group == nil)
    }

    @Test func aNewRekeySAInheritsItsAuthentication() throws {
        let engine = CryptoEngine()
        let genuine = try RekeyVector.plan()
        var fresh = try RekeyVector.rekeySA()
        fresh.policy.spi = RekeySPI(initiatorHalf: IKESPI(rawValue: 1), responderHalf: IKESPI(rawValue: 2))
        fresh.policy.initialMessageID = nil
        let change = RekeyMessagePlan(
            over: genuine.over, messageID: MessageID(rawValue: 7), newRekey: fresh, signingKey: genuine.signingKey)
        var receiver = try RekeyVector.receiver()
        let opened = try #require(try receiver.receive(try RekeySealer.seal(change, engine: engine)[0], engine: engine))
        let rekey = try #require(opened.group?.rekey)
        #expect(rekey.policy.authentication == genuine.over.policy.authentication)
        var successor = try receiver.successor(rekey)
        let first = RekeyMessagePlan(
            over: fresh, messageID: .zero, newData: genuine.newData, signingKey: genuine.signingKey)
        let taken = try successor.receive(try RekeySealer.seal(first, engine: engine)[0], engine: engine)
        #expect(taken?.group?.data.count == 1)
    }

    @Test(arguments: ProtectionSuite.named.map(\.name))
    func everySuiteProtectsARekey(_ name: String) throws {
        let engine = CryptoEngine()
        let suite = try #require(ProtectionSuite.named.first { $0.name == name }).suite
        var sa = try RekeyVector.rekeySA(.implicit)
        sa.policy.suite = suite
        let count = try #require(KeyedRekeySA.keymatOctets(suite, .kw5649_256))
        var entropy = SeededEntropy(seed: 3)
        sa.keymat = HeldSecret(entropy.secret(count))
        let plan = RekeyMessagePlan(
            over: sa, messageID: MessageID(rawValue: 7), newData: [try RekeyVector.dataSA()], signingKey: nil,
            fragmentOctets: 200)
        var receiver = try RekeyReceiver(sa, authKey: nil, keyPath: WorkingKeyPath())
        var opened: OpenedRekey?
        for datagram in try RekeySealer.seal(plan, engine: engine) {
            opened = try receiver.receive(datagram, engine: engine)
        }
        #expect(opened?.group?.data.count == 1)
        #expect(try RekeySealer.seal(plan, engine: engine) == RekeySealer.seal(plan, engine: engine))
    }
}

extension [UInt8] {
    /// The message with another Message ID in its header.
    fileprivate func withID(_ id: UInt8) -> [UInt8] {
        var changed = self
        changed[23] = id
        return changed
    }
}
