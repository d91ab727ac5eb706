import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

/// CREATE_CHILD_SA from a peer that the house did not make: what a rekey needs, and what refuses it.
struct RekeyRefusalTests {
    private let spi = IKESPI(rawValue: 0x1122_3344_5566_7788)

    /// The frontend's side of one CREATE_CHILD_SA, permitted.
    private func ask(
        _ harness: ResponderHarness, _ forged: ForgedInitiator, _ sa: ResponderSA, _ payloads: [Payload],
        id: UInt32 = 2
    ) throws -> [ResponderEffect] {
        let effects = harness.deliver(try forged.seal(.createChildSA, id, payloads), to: sa)
        guard effects.asksToRekey else { return effects }
        return sa.answerRekey(
            with: IKESPI(rawValue: 0xabcd), at: harness.now, configuration: harness.configuration,
            engine: harness.engine, entropy: &harness.entropy)
    }

    private func established(
        keyWrap: KeyWrapID? = .kw5649_256
    ) throws -> (ResponderHarness, ForgedInitiator, ResponderSA) {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 41)
        return (harness, forged, try harness.established(forged, keyWrap: keyWrap))
    }

    @Test func theNewSAHasKeysOfTheOldSKd() throws {
        let (harness, forged, sa) = try established()
        let effects = try ask(harness, forged, sa, forged.rekeyPayloads(spi: spi.octets))
        let answer = try forged.open(effects.sent)
        #expect(answer.header.exchange == .createChildSA)
        let fresh = try #require(effects.heir)
        let after = try forged.rekeyed(by: answer, spi: spi, seed: 5)
        #expect(after.spiR == fresh.ownSPI && fresh.ownSPI == IKESPI(rawValue: 0xabcd) && fresh.peerSPI == spi)
        #expect(fresh.peer == Sample.memberName)
        // Message IDs begin with 0, and group keys come wrapped under the new GSK_w.
        let asked = harness.deliver(
            try after.seal(.gsaRegistration, 0, [.identificationGroup(Sample.group)]), to: fresh)
        let request = try #require(asked.asked.first)
        guard case .join(let join) = request.action else {
            Issue.record("no join")
            return
        }
        #expect(join.gskW.secret.exposed() == (try after.gskW()))
        #expect(try after.gskW() != forged.gskW())
        let refusal = RegistrationRefusal(.groupFull, "test")
        let answered = harness.answer(.refused(refusal), request, to: fresh)
        #expect(try after.open(answered.sent).errors == [.registrationFailed])
        // The old one still answers, and ends by the Delete of whoever asked.
        #expect(harness.deliver(try forged.seal(.informational, 3, [.delete(.ikeSA)]), to: sa).isClosed)
        #expect(!fresh.isClosed)
    }

    @Test func aRepeatedRekeyGetsTheSameAnswerAndMakesNoSecondSA() throws {
        let (harness, forged, sa) = try established()
        let request = try forged.seal(.createChildSA, 2, forged.rekeyPayloads(spi: spi.octets))
        #expect(harness.deliver(request, to: sa).asksToRekey)
        // Before the decision there is no answer to repeat.
        #expect(harness.deliver(request, to: sa).isEmpty)
        let first = sa.answerRekey(
            with: IKESPI(rawValue: 9), at: harness.now, configuration: harness.configuration, engine: harness.engine,
            entropy: &harness.entropy)
        let again = harness.deliver(request, to: sa)
        #expect(again.sent == first.sent && again.count == 1)
        // The next one is for an SA that was rekeyed already (RFC 7296 2.8.2).
        let next = try ask(harness, forged, sa, forged.rekeyPayloads(spi: [UInt8](repeating: 3, count: 8)), id: 3)
        #expect(try forged.open(next.sent).errors == [.temporaryFailure])
        #expect(next.heir == nil)
    }

    @Test func withoutKeyWrapGroupKeysCouldNotFollow() throws {
        let (harness, forged, sa) = try established()
        let payloads = forged.rekeyPayloads(spi: spi.octets, ForgedInitiator.proposal(keyWrap: nil))
        let effects = try ask(harness, forged, sa, payloads)
        #expect(try forged.open(effects.sent).errors == [.noProposalChosen])
        #expect(effects.heir == nil && !sa.isClosed)
        // A plain peer rekeys as it began.
        let (other, plain, plainSA) = try established(keyWrap: nil)
        #expect(
            try ask(other, plain, plainSA, plain.rekeyPayloads(spi: spi.octets, ForgedInitiator.proposal(keyWrap: nil)))
                .heir != nil)
    }

    @Test func aKeyExchangeOfAnotherMethodIsNamed() throws {
        let (harness, forged, sa) = try established()
        let value = KeyExchangePayload(method: .ecp256, data: [UInt8](repeating: 1, count: 64))
        let refused = try ask(harness, forged, sa, forged.rekeyPayloads(spi: spi.octets, value: value))
        let notify = try #require(
            try forged.open(refused.sent).payloads.compactMap { payload -> NotifyPayload? in
                if case .notify(let notify) = payload { notify } else { nil }
            }.first)
        #expect(notify.type == .invalidKEPayload && notify.data == [0, 31])
        #expect(refused.heir == nil)
        #expect(try ask(harness, forged, sa, forged.rekeyPayloads(spi: spi.octets), id: 3).heir != nil)
    }

    @Test func aValueThatIsNoGoodEndsTheSA() throws {
        for data in [[UInt8](repeating: 0, count: 32), [UInt8](repeating: 5, count: 31), []] {
            let (harness, forged, sa) = try established()
            let value = KeyExchangePayload(method: .curve25519, data: data)
            let effects = try ask(harness, forged, sa, forged.rekeyPayloads(spi: spi.octets, value: value))
            #expect(try forged.open(effects.sent).errors == [.invalidSyntax])
            #expect(sa.isClosed && effects.heir == nil)
        }
    }

    @Test func spisThatCannotBeAreRefused() throws {
        for octets in [[], [UInt8](repeating: 0, count: 8), [1, 2, 3, 4], [UInt8](repeating: 1, count: 16)] {
            let (harness, forged, sa) = try established()
            let effects = try ask(harness, forged, sa, forged.rekeyPayloads(spi: octets))
            #expect(try forged.open(effects.sent).errors == [.invalidSyntax])
            #expect(sa.isClosed && effects.heir == nil)
        }
        // The SPI of the SA that is to be replaced.
        let (harness, forged, sa) = try established()
        let effects = try ask(harness, forged, sa, forged.rekeyPayloads(spi: forged.spiI.octets))
        #expect(try forged.open(effects.sent).errors == [.invalidSyntax])
    }

    @Test func halfARekeyIsRefused() throws {
        let selector = TrafficSelectorPayload([TrafficSelector]())
        for drop in [PayloadType.nonce, .keyExchange] {
            let (harness, forged, sa) = try established()
            let payloads = forged.rekeyPayloads(spi: spi.octets).filter { $0.type != drop }
            #expect(try forged.open(ask(harness, forged, sa, payloads).sent).errors == [.invalidSyntax])
        }
        let (harness, forged, sa) = try established()
        let payloads = forged.rekeyPayloads(spi: spi.octets) + [.trafficSelectorsInitiator(selector)]
        #expect(try forged.open(ask(harness, forged, sa, payloads).sent).errors == [.invalidSyntax])
    }

    @Test func childSAsAreRefusedAndTheSAStays() throws {
        let (harness, forged, sa) = try established()
        let esp = Proposal(
            number: 1, securityProtocol: .esp, spi: [0, 0, 4, 1],
            transforms: ProtectionSuite.aesGCM128.transforms + [.sequenceNumbers(.sequential32)])
        let nonce = Payload.nonce([UInt8](repeating: 1, count: 32))
        let create = try ask(harness, forged, sa, [.securityAssociation([esp]), nonce])
        #expect(try forged.open(create.sent).errors == [.noAdditionalSAs])
        let named = NotifyPayload(.rekeySA, securityProtocol: .esp, spi: [0, 0, 4, 1])
        let rekey = try forged.open(
            ask(harness, forged, sa, [.notify(named), .securityAssociation([esp]), nonce], id: 3).sent)
        #expect(
            rekey.payloads == [
                .notify(NotifyPayload(.childSANotFound, securityProtocol: .esp, spi: [0, 0, 4, 1]))
            ])
        // The form without SA payload, which was not agreed on.
        let value = KeyExchangePayload(method: .curve25519, data: forged.exchange.publicValue)
        let short = NotifyPayload(NotifyType(rawValue: 50_401), data: spi.octets)
        let optimized = try ask(harness, forged, sa, [.notify(short), nonce, .keyExchange(value)], id: 4)
        #expect(try forged.open(optimized.sent).errors == [.noProposalChosen])
        #expect(!sa.isClosed)
    }

    @Test func anSAThatIsBeingDeletedIsNotRekeyed() throws {
        let (harness, forged, sa) = try established()
        _ = sa.delete(
            at: harness.now, configuration: harness.configuration, engine: harness.engine, entropy: &harness.entropy)
        let effects = try ask(harness, forged, sa, forged.rekeyPayloads(spi: spi.octets))
        #expect(try forged.open(effects.sent).errors == [.temporaryFailure])
        #expect(effects.heir == nil)
    }
}

extension [ResponderEffect] {
    var asksToRekey: Bool { contains { effect in if case .rekeyAsked = effect { true } else { false } } }
    var heir: ResponderSA? {
        for case .succeeded(let heir) in self { return heir }
        return nil
    }
}
