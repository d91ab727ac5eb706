import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@Suite struct RegistrationVectorTests {
    private static func secret(_ range: ClosedRange<UInt8>) -> HeldSecret {
        HeldSecret(SecretOctets(copying: Array(range)))
    }

    private static func open(
        _ gsa: [UInt8], _ kd: [UInt8], notifies: [NotifyType] = [], sends: Bool = false
    ) throws -> OpenedGroup {
        try RegistrationDownload.open(
            gsa: GSAPayloadBody(gsa), kd: KDPayloadBody(kd), notifies: notifies, gskW: RegistrationVectors.gskW,
            keyWrap: .kw5649_256, senderIDsAsked: sends ? 2 : nil, engine: CryptoEngine())
    }

    private static func receiverSAs() throws -> (rekey: KeyedRekeySA, data: KeyedDataSA) {
        let group = try #require(IPAddress("ff15::114"))
        let rekey = RekeySAPolicy(
            spi: try #require(RekeySPI(octets: Array(0xa0...0xaf))),
            source: .any(ipv4: false, ipProtocol: TrafficSelector.udp),
            destination: .single(group, ipProtocol: TrafficSelector.udp, port: 848), suite: .aesCBC256SHA256,
            keyWrap: .kw5649_256, authentication: .implicit, lifetime: Lifetime(seconds: 86_400))
        let data = DataSAPolicy(
            spi: ESPSPI(rawValue: 0x2002), source: .any(ipv4: false), destination: .single(group),
            suite: .aesCBC256SHA256, sequenceNumbers: .unspecified32, lifetime: Lifetime(seconds: 60))
        return (
            KeyedRekeySA(policy: rekey, keymat: secret(0...95)), KeyedDataSA(policy: data, key: secret(100...163))
        )
    }

    @Test func weBuildTheSendersAnswerOctetForOctet() throws {
        let built = try RegistrationBodies.build(
            GrantMaterial(
                rekey: try RekeyVector.rekeySA(), data: [try RekeyVector.dataSA()],
                groupWide: GroupWidePolicy(
                    activationTimeDelay: 5, deactivationTimeDelay: 10, senderIDWidth: SenderIDWidth(bits: 16)),
                mode: .tunnel, authKey: RekeyVector.authKey,
                senderIDs: [SenderID(rawValue: 7), SenderID(rawValue: 8)], gskW: RegistrationVectors.gskW,
                keyWrap: .kw5649_256), engine: CryptoEngine())
        #expect(built.groupSecurityAssociation == RegistrationVectors.senderGSA)
        #expect(built.keyDownload == RegistrationVectors.senderKD)
        #expect(built.notifies.isEmpty)
    }

    @Test func weOpenTheSendersAnswer() throws {
        let opened = try Self.open(RegistrationVectors.senderGSA, RegistrationVectors.senderKD, sends: true)
        #expect(opened.rekey?.policy == (try RekeyVector.rekeySA()).policy)
        #expect(opened.rekey?.keymat.secret.constantTimeEquals(RekeyVector.keymat.secret) == true)
        #expect(opened.data.map(\.policy) == [try RekeyVector.dataSA().policy])
        #expect(opened.data.first?.key.secret.constantTimeEquals(RekeyVector.dataKey.secret) == true)
        #expect(opened.authKey == RekeyVector.authKey)
        #expect(opened.senderIDs.map(\.rawValue) == [7, 8])
        #expect(opened.policy.groupWide.senderIDWidth == SenderIDWidth(bits: 16))
        #expect(opened.mode == .tunnel)
    }

    @Test func weBuildAndOpenTheReceiversAnswer() throws {
        let (rekey, data) = try Self.receiverSAs()
        let built = try RegistrationBodies.build(
            GrantMaterial(
                rekey: rekey, data: [data], groupWide: GroupWidePolicy(), mode: .transport, authKey: nil, senderIDs: [],
                gskW: RegistrationVectors.gskW, keyWrap: .kw5649_256), engine: CryptoEngine())
        #expect(built.groupSecurityAssociation == RegistrationVectors.receiverGSA)
        #expect(built.keyDownload == RegistrationVectors.receiverKD)
        #expect(built.notifies == [.useTransportMode])
        let opened = try Self.open(
            RegistrationVectors.receiverGSA, RegistrationVectors.receiverKD, notifies: [.useTransportMode])
        #expect(opened.rekey?.policy == rekey.policy)
        #expect(opened.rekey?.keymat.secret.constantTimeEquals(rekey.keymat.secret) == true)
        #expect(opened.data.first?.policy == data.policy)
        #expect(opened.data.first?.key.secret.constantTimeEquals(data.key.secret) == true)
        #expect(opened.mode == .transport)
    }

    @Test func aKeyPathIsFoundAndReplacedUpToItsAnchor() throws {
        let engine = CryptoEngine()
        let opened = try Self.open(RegistrationVectors.receiverGSA, RegistrationVectors.treeKD)
        #expect(opened.keyPath.keyIDs == [15, 16])
        let sa = try #require(opened.rekey)
        for datagrams in [
            [RegistrationVectors.treeRekey],
            [RegistrationVectors.treeFragment1, RegistrationVectors.treeFragment2],
            [RegistrationVectors.treeFragment2, RegistrationVectors.treeFragment1],
        ] {
            var receiver = try RekeyReceiver(sa, authKey: nil, keyPath: opened.keyPath)
            var rekey: OpenedRekey?
            for datagram in datagrams { rekey = try receiver.receive(datagram, engine: engine) }
            let group = try #require(rekey?.group)
            #expect(group.rekey?.keymat.secret.constantTimeEquals(Self.secret(1...96).secret) == true)
            #expect(group.keyPath.keyIDs == [17, 16])
            #expect(rekey?.messageID == MessageID(rawValue: 3))
        }
    }

    @Test func aMemberThatIsCutOffFindsNoPathAndTheCounterStays() throws {
        let engine = CryptoEngine()
        // A member without the leaf key 16.
        let opened = try Self.open(RegistrationVectors.receiverGSA, RegistrationVectors.receiverKD)
        var receiver = try RekeyReceiver(try #require(opened.rekey), authKey: nil, keyPath: opened.keyPath)
        #expect(throws: DownloadRefusal.noKeyPath) {
            try receiver.receive(RegistrationVectors.treeRekey, engine: engine)
        }
        #expect(receiver.nextMessageID == .zero)
    }

    @Test func noChangedOctetOfAnAnswerTraps() throws {
        var refused = 0
        for index in RegistrationVectors.senderGSA.indices {
            var changed = RegistrationVectors.senderGSA
            changed[index] ^= 0x21
            if (try? Self.open(changed, RegistrationVectors.senderKD, sends: true)) == nil { refused += 1 }
            #expect(throws: DownloadRefusal.self) {
                try Self.open(
                    Array(RegistrationVectors.senderGSA.prefix(index)), RegistrationVectors.senderKD, sends: true)
            }
        }
        #expect(refused > 80)
        for index in RegistrationVectors.senderKD.indices {
            var changed = RegistrationVectors.senderKD
            changed[index] ^= 0x21
            _ = try? Self.open(RegistrationVectors.senderGSA, changed, sends: true)
            #expect(throws: DownloadRefusal.self) {
                try Self.open(
                    RegistrationVectors.senderGSA, Array(RegistrationVectors.senderKD.prefix(index)), sends: true)
            }
        }
    }
}
