import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

/// RFC 7383 at the responder, both ways.
struct ResponderFragmentTests {
    private func auth(
        _ forged: ForgedInitiator, fragmentOctets: Int, more: [Payload] = []
    ) throws -> [[UInt8]] {
        try forged.seal(
            .ikeAuth, 1,
            [.identificationInitiator(Sample.memberName), try forged.sharedKeyProof(Sample.memberName, Sample.key)]
                + more, fragmentOctets: fragmentOctets)
    }

    @Test(arguments: [0, 1, 2, 3, 4]) func fragmentsInAnyOrderWithDuplicates(_ seed: UInt64) throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 50 + seed)
        let sa = try harness.begin(forged)
        let fragments = try auth(forged, fragmentOctets: 10)
        #expect(fragments.count > 5)
        var order = SeededEntropy(seed: seed)
        let shuffled = (fragments + fragments.dropLast()).shuffled(using: &order)
        var sent: [[UInt8]] = []
        for fragment in shuffled where sent.isEmpty { sent = harness.deliver([fragment], to: sa).sent }
        #expect(sa.isEstablished)
        #expect(try forged.accepts(try forged.open(sent), sharedKey: Sample.key))
        // Only the first fragment asks for the answer again.
        for (index, fragment) in fragments.enumerated() {
            #expect(harness.deliver([fragment], to: sa).sent == (index == 0 ? sent : []))
        }
    }

    @Test func aLostFragmentIsSentAgain() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 60)
        let sa = try harness.begin(forged)
        let fragments = try auth(forged, fragmentOctets: 20)
        #expect(harness.deliver(Array(fragments.dropLast()), to: sa).sent.isEmpty)
        #expect(!sa.isEstablished)
        _ = harness.deliver(fragments, to: sa)
        #expect(sa.isEstablished)
    }

    @Test func moreFragmentsReplaceFewerAndFewerAreDropped() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 61)
        let sa = try harness.begin(forged)
        let few = try auth(forged, fragmentOctets: 40)
        let many = try auth(forged, fragmentOctets: 12)
        #expect(few.count < many.count)
        _ = harness.deliver([few[0]], to: sa)
        _ = harness.deliver(Array(many.dropFirst()), to: sa)
        _ = harness.deliver(few, to: sa)
        #expect(!sa.isEstablished)
        _ = harness.deliver([many[0]], to: sa)
        #expect(sa.isEstablished)
    }

    @Test(arguments: [(30_000, 1000), (1000, 10)])
    func tooManyOctetsOrFragmentsBeforeAUTHAreNotKept(_ octets: Int, _ fragmentOctets: Int) throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 62)
        let sa = try harness.begin(forged)
        let padding = Payload.vendorID([UInt8](repeating: 7, count: octets))
        #expect(harness.deliver(try auth(forged, fragmentOctets: fragmentOctets, more: [padding]), to: sa).sent.isEmpty)
        #expect(!sa.isEstablished)
        // Unfragmented and within the bounds it is taken on the same SA, and then a member may send more.
        _ = harness.deliver(
            try forged.seal(
                .ikeAuth, 1,
                [.identificationInitiator(Sample.memberName), try forged.sharedKeyProof(Sample.memberName, Sample.key)]),
            to: sa)
        #expect(sa.isEstablished)
        let large = Payload.vendorID([UInt8](repeating: 7, count: 30_000))
        #expect(
            harness.deliver(try forged.seal(.informational, 2, [large], fragmentOctets: 1000), to: sa).sent.count == 1)
    }

    @Test func longAnswersAreCutWhenThePeerJoinsThem() throws {
        let holder = try MemberPKI.shared().frontend(.rsa)
        let member = try MemberPKI.shared().member(.ed25519)
        let name = Identity.fqdn("ed25519.members.test")
        for announces in [true, false] {
            let harness = ResponderHarness(
                trust: try SharedKeyTrust.certificates(), signing: holder, fragmentOctets: 400)
            let forged = try ForgedInitiator(seed: 63)
            let more: [Payload] =
                announces
                ? ForgedInitiator.announcements
                : ForgedInitiator.announcements.filter { $0 != .notify(NotifyPayload(.ikev2FragmentationSupported)) }
            guard
                case .begun(let sa, let reply, _) = try harness.answerInit(
                    forged.initRequest([ForgedInitiator.proposal()], more: more))
            else {
                Issue.record("not begun")
                return
            }
            try forged.takeInit(reply)
            let request = try forged.seal(
                .ikeAuth, 1,
                [
                    .identificationInitiator(name), .certificate(CertificatePayload(octets: member.chain[0])),
                    try forged.signatureProof(name, member.key, .ed25519),
                ])
            let sent = harness.deliver(request, to: sa).sent
            #expect(announces ? sent.count > 2 : sent.count == 1)
            if announces { #expect(sent.allSatisfy { $0.count <= 400 }) }
            #expect(
                try forged.accepts(
                    try forged.open(sent),
                    key: try VerifyingKey(subjectPublicKeyInfo: holder.key.subjectPublicKeyInfo)))
            #expect(harness.deliver(request, to: sa).sent == sent)
        }
    }
}
