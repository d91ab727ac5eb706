import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

/// Damage inside what a GCKS, or with implicit authentication any member, can send to members under right keys.
struct HostileGCKSTests {
    private let engine = CryptoEngine()
    private let gskW = HeldSecret(SecretOctets(copying: (0..<32).map { UInt8($0) }))
    private let keymat = HeldSecret(SecretOctets(copying: (0..<68).map { UInt8(0x40 + $0) }))

    private func rekeySA(_ half: UInt64) throws -> KeyedRekeySA {
        KeyedRekeySA(
            policy: RekeySAPolicy(
                spi: RekeySPI(initiatorHalf: IKESPI(rawValue: half), responderHalf: IKESPI(rawValue: 2)),
                source: .any(ipv4: true, ipProtocol: TrafficSelector.udp),
                destination: .single(
                    try #require(IPAddress("239.1.1.1")), ipProtocol: TrafficSelector.udp, port: 848),
                suite: .aesGCM256, keyWrap: .kw5649_256, authentication: .implicit,
                lifetime: Lifetime(seconds: 3600)),
            keymat: keymat)
    }

    private func dataSA(_ spi: UInt32) throws -> KeyedDataSA {
        KeyedDataSA(
            policy: DataSAPolicy(
                spi: ESPSPI(rawValue: spi), source: .any(ipv4: true),
                destination: .single(try #require(IPAddress("239.1.1.2"))), suite: .aesGCM256,
                sequenceNumbers: .unspecified32, lifetime: Lifetime(seconds: 600)),
            key: HeldSecret(SecretOctets(copying: [UInt8](repeating: 9, count: 36))))
    }

    private func octets(_ opened: OpenedGroup) -> [[UInt8]] {
        (opened.rekey.map { [$0.keymat.secret.exposed()] } ?? []) + opened.data.map { $0.key.secret.exposed() }
    }

    @Test func everyDamagedRegistrationAnswer() throws {
        let wide = GroupWidePolicy(
            activationTimeDelay: 5, deactivationTimeDelay: 10, senderIDWidth: SenderIDWidth(bits: 16))
        let grant = try RegistrationBodies.build(
            GrantMaterial(
                rekey: try rekeySA(1), data: [try dataSA(0x1001), try dataSA(0x1002)], groupWide: wide, mode: .tunnel,
                authKey: nil, senderIDs: [SenderID(rawValue: 7)], gskW: gskW, keyWrap: .kw5649_256), engine: engine)
        func open(_ gsa: [UInt8], _ kd: [UInt8]) throws(DownloadRefusal) -> OpenedGroup {
            try RegistrationDownload.open(
                gsa: GSAPayloadBody(gsa), kd: KDPayloadBody(kd), notifies: [], gskW: gskW, keyWrap: .kw5649_256,
                senderIDsAsked: 1, engine: engine)
        }
        let (gsa, kd) = (grant.groupSecurityAssociation, grant.keyDownload)
        let whole = try open(gsa, kd)
        #expect(whole.data.count == 2)
        for damaged in Damage.all(gsa) { _ = try? open(damaged, kd) }
        // Wrapped keys are authentic: no damaged KD may give other keys than the true ones.
        for damaged in Damage.all(kd) {
            guard let opened = try? open(gsa, damaged) else { continue }
            #expect(octets(opened) == octets(whole))
        }
    }

    @Test func everyDamagedRekey() throws {
        let over = try rekeySA(1)
        let plan = RekeyMessagePlan(
            over: over, messageID: .zero, newRekey: try rekeySA(3), newData: [try dataSA(0x1003)],
            groupWide: GroupWidePolicy(activationTimeDelay: 5, deactivationTimeDelay: 10),
            deletes: [.esp([ESPSPI(rawValue: 0x1001)])], signingKey: nil)
        let sealed = try RekeySealer.seal(plan, engine: engine)[0]
        var receiver = try RekeyReceiver(over, authKey: nil, keyPath: WorkingKeyPath())
        for damaged in Damage.all(sealed) {
            #expect(throws: DownloadRefusal.self) { try receiver.receive(damaged, engine: engine) }
        }
        let (first, inner) = try open(sealed)
        var taken = 0
        for damaged in Damage.all(inner) {
            var fresh = try RekeyReceiver(over, authKey: nil, keyPath: WorkingKeyPath())
            if (try? fresh.receive(try seal(first, damaged), engine: engine)) != nil { taken += 1 }
        }
        // A changed lifetime or port is a good message, most other changes are not.
        #expect(taken < Damage.all(inner).count / 2)
        #expect(try receiver.receive(sealed, engine: engine)?.group?.data.count == 1)
    }

    // The key of AES-GCM is the first 36 octets of KEYMAT (RFC 9838 2.4.2).
    private var gskE: HeldSecret { HeldSecret(SecretOctets(copying: (0..<36).map { UInt8(0x40 + $0) })) }

    private func open(_ datagram: [UInt8]) throws -> (PayloadType, [UInt8]) {
        guard case .encrypted(let body) = try FramedMessage(decoding: datagram).body else { return (.none, []) }
        let none = HeldSecret(SecretOctets(copying: []))
        let inner = try engine.open(
            .aesGCM256, key: gskE.secret, integrityKey: none.secret, associatedData: body.associatedData,
            sealed: body.sealed)
        return (body.firstInner, inner)
    }

    private func seal(_ first: PayloadType, _ inner: [UInt8]) throws -> [UInt8] {
        let header = IKEHeader(
            initiatorSPI: IKESPI(rawValue: 1), responderSPI: IKESPI(rawValue: 2), nextPayload: .encrypted,
            exchange: .gsaRekey, flags: .initiator, messageID: .zero)
        let prefix = MessageAssembly.encryptedPrefix(
            header, firstInner: first, sealedOctets: ProtectionSuite.aesGCM256.sealedOctets(for: inner.count))
        let none = HeldSecret(SecretOctets(copying: []))
        return prefix
            + (try engine.seal(
                .aesGCM256, key: gskE.secret, integrityKey: none.secret, iv: [0, 0, 0, 0, 0, 0, 0, 1],
                associatedData: prefix, plaintext: inner))
    }
}
