import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

/// GSA_AUTH and IKE_AUTH at the responder.
struct ResponderAuthenticationTests {
    static let schemes: [(MemberPKI.Kind, SignatureScheme)] = [
        (.ecdsaP256, .ecdsaSHA256), (.ecdsaP256, .ecdsaSHA384), (.ecdsaP384, .ecdsaSHA384), (.ed25519, .ed25519),
        (.rsa, .rsaPSSSHA256), (.rsa, .rsaPKCS1SHA256), (.rsa, .rsaPKCS1SHA512), (.rsaPSS, .rsaPSSSHA256),
    ]

    private func gsaAuth(
        _ forged: ForgedInitiator, identity: Identity = Sample.memberName, certificates: [[UInt8]] = [],
        proof: Payload? = nil, more: [Payload] = []
    ) throws -> [Payload] {
        let proof = try proof ?? forged.sharedKeyProof(identity, Sample.key)
        return [.identificationInitiator(identity)]
            + certificates.map { .certificate(CertificatePayload(octets: $0)) }
            + [proof, .identificationGroup(Sample.group)] + more
    }

    @Test func sharedKeyJoinIsGranted() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 20)
        let sa = try harness.begin(forged)
        let sender = NotifyPayload(.groupSender, data: [0, 0, 0, 3])
        let request = try forged.seal(
            .gsaAuth, 1, try gsaAuth(forged, more: [.securityAssociation([espOffer]), .notify(sender)]))
        let effects = harness.deliver(request, to: sa)
        #expect(effects.sent.isEmpty)
        let asked = try #require(effects.asked.first)
        #expect(asked.member == Sample.memberName)
        #expect(asked.group == Sample.group)
        #expect(asked.authentication == .sharedKey)
        #expect(asked.remote == Sample.memberPath.remote)
        #expect(asked.frontend == "frontend-a")
        #expect(asked.operation.octets == forged.spiI.octets + forged.spiR.octets + [0, 0, 0, 1])
        guard case .join(let join) = asked.action else {
            Issue.record("not a join")
            return
        }
        #expect(join.proposals == [espOffer])
        #expect(join.senderIDs == 3)
        #expect(join.supportsFragmentation)
        #expect(join.keyWrap == .kw5649_256)
        let keys = try #require(forged.keys)
        let expected = try forged.engine.gskW(forged.prf, skD: keys.skD.secret, keyWrap: .kw5649_256)
        let isSame = join.gskW.secret.constantTimeEquals(expected)
        #expect(isSame)

        // While the authority thinks, a repeated request is ignored.
        #expect(harness.deliver(request, to: sa).isEmpty)
        let sent = harness.answer(.granted(Sample.grant), asked, to: sa).sent
        let prefix = try FramedMessage(decoding: sent[0])
        #expect(prefix.header.exchange == .gsaAuth)
        #expect(prefix.header.flags == .response)
        // The bodies stand in the plain text as they are; the codec would refuse these made-up octets.
        let inner = try plain(sent, forged)
        #expect(contains(inner, Sample.grant.groupSecurityAssociation))
        #expect(contains(inner, Sample.grant.keyDownload))
        // Afterwards it gets the same octets again.
        #expect(harness.deliver(request, to: sa).sent == sent)
        // A late or foreign answer changes nothing.
        #expect(harness.answer(.granted(Sample.grant), asked, to: sa).isEmpty)
    }

    private var espOffer: Proposal {
        Proposal(
            number: 1, securityProtocol: .esp,
            transforms: ProtectionSuite.aesGCM128.transforms + [.sequenceNumbers(.sequential32)])
    }

    private func plain(_ datagrams: [[UInt8]], _ forged: ForgedInitiator) throws -> [UInt8] {
        let keys = try #require(forged.keys)
        var inner: [UInt8] = []
        for datagram in datagrams {
            switch try FramedMessage(decoding: datagram).body {
            case .clear: Issue.record("clear")
            case .encrypted(let body):
                inner += try forged.engine.open(
                    forged.suite, key: keys.skEr.secret, integrityKey: keys.skAr.secret,
                    associatedData: body.associatedData, sealed: body.sealed)
            case .fragment(let body):
                inner += try forged.engine.open(
                    forged.suite, key: keys.skEr.secret, integrityKey: keys.skAr.secret,
                    associatedData: body.associatedData, sealed: body.sealed)
            }
        }
        return inner
    }

    private func contains(_ whole: [UInt8], _ part: [UInt8]) -> Bool {
        whole.indices.contains { whole[$0...].starts(with: part) }
    }

    @Test(arguments: schemes) func signatures(_ kind: MemberPKI.Kind, _ scheme: SignatureScheme) throws {
        let pki = try MemberPKI.shared()
        let member = try pki.member(kind)
        let frontend = try pki.frontend(.ecdsaP256)
        let harness = ResponderHarness(trust: try SharedKeyTrust.certificates(), signing: frontend)
        let forged = try ForgedInitiator(seed: 21)
        let sa = try harness.begin(forged)
        let name = Identity.fqdn("\(kind.rawValue).members.test")
        let request = try forged.seal(
            .gsaAuth, 1,
            try gsaAuth(
                forged, identity: name, certificates: member.chain,
                proof: try forged.signatureProof(name, member.key, scheme)))
        let asked = try #require(harness.deliver(request, to: sa).asked.first)
        #expect(asked.authentication == .signature)
        #expect(asked.member == name.canonical)
        let sent = harness.answer(.unavailable("test"), asked, to: sa).sent
        let opened = try forged.open(sent)
        #expect(opened.errors == [.temporaryFailure])
        let key = try VerifyingKey(subjectPublicKeyInfo: frontend.key.subjectPublicKeyInfo)
        #expect(try forged.accepts(opened, key: key))
        #expect(opened.types.contains(.certificate))
    }

    @Test(arguments: [MemberPKI.Kind.ed25519, .ecdsaP384, .rsa, .rsaPSS])
    func everyKindOfOwnKeyProvesUs(_ kind: MemberPKI.Kind) throws {
        let pki = try MemberPKI.shared()
        let member = try pki.member(.ed25519)
        let frontend = try pki.frontend(kind)
        let harness = ResponderHarness(trust: try SharedKeyTrust.certificates(), signing: frontend)
        let forged = try ForgedInitiator(seed: 22)
        let sa = try harness.begin(forged)
        let name = Identity.fqdn("ed25519.members.test")
        let request = try forged.seal(
            .ikeAuth, 1,
            [
                .identificationInitiator(name), .certificate(CertificatePayload(octets: member.chain[0])),
                try forged.signatureProof(name, member.key, .ed25519),
            ])
        let opened = try forged.open(harness.deliver(request, to: sa).sent)
        #expect(
            try forged.accepts(opened, key: try VerifyingKey(subjectPublicKeyInfo: frontend.key.subjectPublicKeyInfo)))
    }

    @Test(arguments: RegistrationRefusal.Kind.allCases)
    func everyRefusalHasItsNotifyAndTheSAStays(_ kind: RegistrationRefusal.Kind) throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 23)
        let sa = try harness.begin(forged)
        let asked = try #require(
            harness.deliver(try forged.seal(.gsaAuth, 1, try gsaAuth(forged)), to: sa).asked.first)
        let refusal = RegistrationRefusal(kind, "test")
        let opened = try forged.open(harness.answer(.refused(refusal), asked, to: sa).sent)
        #expect(opened.types == [.identificationResponder, .authentication, .notify])
        #expect(opened.errors == [refusal.notify])
        #expect(try forged.accepts(opened, sharedKey: Sample.key))
        // The IKE SA carries the next try.
        let next = try forged.seal(.gsaRegistration, 2, [.identificationGroup(Sample.group)])
        let again = try #require(harness.deliver(next, to: sa).asked.first)
        #expect(again.operation != asked.operation)
        let second = try forged.open(harness.answer(.refused(refusal), again, to: sa).sent)
        #expect(second.types == [.notify])
        #expect(second.errors == [refusal.notify])
    }

    @Test func failuresAreAllTheSameToThePeer() throws {
        let pki = try MemberPKI.shared()
        let member = try pki.member(.ecdsaP256)
        let name = Identity.fqdn("ecdsaP256.members.test")
        let stranger = Identity.fqdn("stranger.test")
        let tries: [(String, (ForgedInitiator) throws -> [Payload])] = [
            (
                "wrong shared key",
                {
                    [
                        .identificationInitiator(Sample.memberName),
                        try $0.sharedKeyProof(Sample.memberName, Sample.otherKey),
                    ]
                }
            ),
            (
                "unknown identity",
                { [.identificationInitiator(stranger), try $0.sharedKeyProof(stranger, Sample.key)] }
            ),
            (
                "AUTH of another identity",
                { [.identificationInitiator(Sample.memberName), try $0.sharedKeyProof(stranger, Sample.key)] }
            ),
            (
                "certificate of another name",
                {
                    [
                        .identificationInitiator(stranger), .certificate(CertificatePayload(octets: member.chain[0])),
                        try $0.signatureProof(stranger, member.key, .ecdsaSHA256),
                    ]
                }
            ),
            (
                "no certificate",
                { [.identificationInitiator(name), try $0.signatureProof(name, member.key, .ecdsaSHA256)] }
            ),
            (
                "key that is not the certificate's",
                {
                    [
                        .identificationInitiator(name), .certificate(CertificatePayload(octets: member.chain[0])),
                        try $0.signatureProof(name, try pki.member(.ed25519).key, .ed25519),
                    ]
                }
            ),
            (
                "certificate of nobody",
                {
                    [
                        .identificationInitiator(name), .certificate(CertificatePayload(octets: [0x30, 0x00])),
                        try $0.signatureProof(name, member.key, .ecdsaSHA256),
                    ]
                }
            ),
            (
                "NULL method",
                { _ in
                    [
                        .identificationInitiator(name),
                        .authentication(AuthenticationPayload(method: .null, octets: [1, 2, 3])),
                    ]
                }
            ),
            (
                "empty signature data",
                { _ in
                    [
                        .identificationInitiator(name), .certificate(CertificatePayload(octets: member.chain[0])),
                        .authentication(AuthenticationPayload(method: .digitalSignature, octets: [])),
                    ]
                }
            ),
        ]
        for (what, payloads) in tries {
            for exchange: ExchangeType in [.ikeAuth, .gsaAuth] {
                let harness = ResponderHarness(
                    trust: try SharedKeyTrust.certificates(), signing: try pki.frontend(.ecdsaP256))
                let forged = try ForgedInitiator(seed: 24)
                let sa = try harness.begin(forged)
                let group: [Payload] = exchange == .gsaAuth ? [.identificationGroup(Sample.group)] : []
                let effects = harness.deliver(try forged.seal(exchange, 1, try payloads(forged) + group), to: sa)
                let opened = try forged.open(effects.sent)
                #expect(opened.types == [.notify], "\(what)")
                #expect(opened.errors == [.authenticationFailed], "\(what)")
                #expect(effects.asked.isEmpty)
                #expect(effects.isClosed, "\(what)")
                #expect(!sa.isEstablished)
            }
        }
    }

    @Test func childIsRefusedWhileTheSAStays() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 25)
        let sa = try harness.begin(forged)
        let selectors = TrafficSelectorPayload([.any(ipv4: true)])
        let request = try forged.seal(
            .ikeAuth, 1,
            [
                .identificationInitiator(Sample.memberName),
                try forged.sharedKeyProof(Sample.memberName, Sample.key),
                .securityAssociation([
                    Proposal(
                        number: 1, securityProtocol: .esp, spi: [1, 2, 3, 4],
                        transforms: ProtectionSuite.aesGCM128.transforms + [.sequenceNumbers(.sequential32)])
                ]),
                .trafficSelectorsInitiator(selectors), .trafficSelectorsResponder(selectors),
            ])
        let opened = try forged.open(harness.deliver(request, to: sa).sent)
        #expect(opened.types == [.identificationResponder, .authentication, .notify])
        #expect(opened.errors == [.tsUnacceptable])
        #expect(try forged.accepts(opened, sharedKey: Sample.key))
        let next = try forged.seal(.gsaRegistration, 2, [.identificationGroup(Sample.group)])
        let asked = try #require(harness.deliver(next, to: sa).asked.first)
        let grant = try plain(harness.answer(.granted(Sample.grant), asked, to: sa).sent, forged)
        #expect(contains(grant, Sample.grant.keyDownload))
        let child = try forged.open(
            harness.deliver(try forged.seal(.createChildSA, 3, [.nonce([UInt8](repeating: 1, count: 32))]), to: sa).sent
        )
        #expect(child.errors == [.noAdditionalSAs])
        #expect(!sa.isClosed)
    }

    @Test func groupNeedsAKeyWrap() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 26)
        let sa = try harness.begin(forged, [ForgedInitiator.proposal(keyWrap: nil)])
        let effects = harness.deliver(try forged.seal(.gsaAuth, 1, try gsaAuth(forged)), to: sa)
        #expect(effects.asked.isEmpty)
        let opened = try forged.open(effects.sent)
        #expect(opened.types == [.identificationResponder, .authentication, .notify])
        #expect(opened.errors == [.noProposalChosen])
        #expect(try forged.accepts(opened, sharedKey: Sample.key))
        #expect(sa.isEstablished && !sa.isClosed)
    }
}
