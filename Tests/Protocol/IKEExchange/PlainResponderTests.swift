import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import TestKit
import Testing

/// Our initiator at an IKEv2 responder that knows nothing of G-IKEv2: KWA is a transform type it has never heard of.
struct PlainResponderTests {
    private func harness(offersPlainIKE: Bool, keyWraps: [KeyWrapID] = []) -> InitiatorHarness {
        let harness = InitiatorHarness()
        harness.configuration.policy.offersPlainIKE = offersPlainIKE
        var policy = IKEPolicy.standard
        policy.keyWraps = keyWraps
        harness.responder.configuration = ResponderConfiguration(
            frontend: "plain", own: OwnCredentials(identity: Sample.frontendName, signing: nil),
            trust: harness.responder.trust, policy: policy)
        return harness
    }

    @Test func proposalsWithoutKWAFollowThoseWithIt() throws {
        let opened = try ForgedInitiator.clear(try #require(harness(offersPlainIKE: true).start().sent.first))
        guard case .securityAssociation(let proposals)? = opened.payloads.first else {
            throw ForgedInitiator.Failed(why: "no SA")
        }
        #expect(proposals.map(\.number) == [1, 2, 3, 4])
        let offersKeyWrap = proposals.map { $0.transforms.contains { $0.type == .keyWrapAlgorithm } }
        #expect(offersKeyWrap == [true, true, false, false])
        for (plain, full) in zip(proposals[2...], proposals) {
            #expect(plain.transforms == full.transforms.filter { $0.type != .keyWrapAlgorithm })
        }
    }

    @Test func anIKESAIsEstablishedOnlyWhenTheyAreOffered() throws {
        #expect(try harness(offersPlainIKE: true).establish().isEstablished)
        #expect(try !harness(offersPlainIKE: false).establish().isEstablished)
    }

    @Test func aGCKSTakesAProposalWithKWAAllTheSame() throws {
        let harness = harness(offersPlainIKE: true, keyWraps: [.kw5649_256])
        let reply = try ForgedInitiator.clear(try #require(try harness.respond(harness.start().sent).first))
        guard case .securityAssociation(let chosen)? = reply.payloads.first else {
            throw ForgedInitiator.Failed(why: "no SA")
        }
        #expect(chosen.first?.transforms.contains(.keyWrap(.kw5649_256)) == true)
    }
}
