import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import IKEExchange

/// Answers to our own rekeys from an end that the house did not make.
struct RekeyAnswerTests {
    private let engine = CryptoEngine()

    /// SA, Nr, KEr of a good answer, changed by the test.
    private func answer(
        _ proposal: Proposal = ForgedInitiator.proposal(), spi: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8],
        method: KeyExchangeMethod = .curve25519, count: Int = 32
    ) throws -> [Payload] {
        var entropy = SeededEntropy(seed: 8)
        let own = try engine.makeKeyExchange(.curve25519, entropy: &entropy)
        let named = Proposal(
            number: proposal.number, securityProtocol: .ike, spi: spi, transforms: proposal.transforms)
        let value = Array(own.publicValue.prefix(count))
        return [
            .securityAssociation([named]), .nonce([UInt8](repeating: 2, count: 32)),
            .keyExchange(KeyExchangePayload(method: method, data: value)),
        ]
    }

    private func bad() throws -> [[Payload]] {
        [
            try answer(ForgedInitiator.proposal(keyWrap: nil)), try answer(spi: []),
            try answer(spi: [UInt8](repeating: 0, count: 8)), try answer(method: .ecp256), try answer(count: 31),
            try answer(ForgedInitiator.proposal(number: 9)), try answer(ForgedInitiator.proposal(method: .ecp256)),
            Array(try answer().dropFirst()), Array(try answer().dropLast()), [],
            try answer() + [.nonce([UInt8](repeating: 2, count: 32))],
        ]
    }

    // MARK: At a member

    private func rekeying() throws -> InitiatorHarness {
        let harness = InitiatorHarness()
        try #require(try harness.establish().isEstablished)
        let sent = harness.member.rekey(at: harness.now, engine: engine, entropy: &harness.entropy).sent
        try #require(sent.count == 1)
        return harness
    }

    private func tell(_ harness: InitiatorHarness, _ payloads: [Payload], id: UInt32 = 2) throws -> [InitiatorEffect] {
        harness.deliver([try harness.forge(.createChildSA, id, payloads, isResponse: true)])
    }

    @Test func aMemberTakesAGoodAnswer() throws {
        let effects = try tell(try rekeying(), try answer())
        #expect(effects.contains { effect in if case .succeeded = effect { true } else { false } })
    }

    @Test func aMemberEndsAnSAWhoseRekeyIsAnsweredBadly() throws {
        for payloads in try bad() {
            let harness = try rekeying()
            let closures = try tell(harness, payloads).closures
            #expect(closures.count == 1 && harness.member.isClosed)
            if case .violated? = closures.first { continue }
            Issue.record("\(closures) for \(payloads)")
        }
    }

    @Test func aMemberGoesOnWhenItsRekeyIsRefused() throws {
        for type in [NotifyType.noAdditionalSAs, .noProposalChosen, .temporaryFailure] {
            let harness = try rekeying()
            let effects = try tell(harness, [.notify(NotifyPayload(type))])
            #expect(effects.refusedRekeys == [type] && harness.member.isEstablished)
            let join = harness.join(GroupJoin(group: Sample.group, proposals: nil, senderIDs: nil))
            #expect(join.sent.count == 1)
        }
    }

    @Test func aMemberIsNotLedAboutByKeyExchangeMethods() throws {
        let harness = try rekeying()
        func name(_ method: UInt16, _ id: UInt32) throws -> [InitiatorEffect] {
            let data = [UInt8(method >> 8), UInt8(truncatingIfNeeded: method)]
            return try tell(harness, [.notify(NotifyPayload(.invalidKEPayload, data: data))], id: id)
        }
        // Back and forth between two methods, a few times only.
        for round in UInt32(0)..<3 {
            let effects = try name(round % 2 == 0 ? 19 : 31, 2 + round)
            #expect(effects.sent.count == 1 && effects.refusedRekeys.isEmpty)
        }
        let last = try name(19, 5)
        #expect(last.sent.isEmpty && last.refusedRekeys == [.invalidKEPayload])
        // One that was never offered.
        let other = try rekeying()
        let unknown = NotifyPayload(.invalidKEPayload, data: [0, 1])
        #expect(try tell(other, [.notify(unknown)]).refusedRekeys == [.invalidKEPayload])
        #expect(harness.member.isEstablished && other.member.isEstablished)
    }

    // MARK: At a frontend

    private func asked() throws -> (ResponderHarness, ForgedInitiator, ResponderSA) {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 41)
        let sa = try harness.established(forged)
        let effects = sa.rekey(
            with: IKESPI(rawValue: 0xabcd), at: harness.now, configuration: harness.configuration, engine: engine,
            entropy: &harness.entropy)
        #expect(try forged.open(effects.sent).header.exchange == .createChildSA)
        return (harness, forged, sa)
    }

    private func tell(
        _ asked: (ResponderHarness, ForgedInitiator, ResponderSA), _ payloads: [Payload]
    ) throws -> [ResponderEffect] {
        asked.0.deliver(try asked.1.seal(.createChildSA, 0, payloads, isResponse: true), to: asked.2)
    }

    @Test func aFrontendTakesAGoodAnswerAndDeletesTheOldSA() throws {
        let asked = try asked()
        let effects = try tell(asked, try answer())
        let heir = try #require(effects.heir)
        #expect(heir.ownSPI == IKESPI(rawValue: 0xabcd) && heir.spiI == heir.ownSPI)
        #expect(try asked.1.open(effects.sent).payloads == [.delete(.ikeSA)])
    }

    @Test func aFrontendDeletesAnSAWhoseRekeyIsAnsweredBadly() throws {
        for payloads in try bad() {
            let asked = try asked()
            let effects = try tell(asked, payloads)
            #expect(effects.heir == nil && effects.eventNames == ["ike-violation"])
            #expect(try asked.1.open(effects.sent).payloads == [.delete(.ikeSA)])
        }
    }
}

extension [InitiatorEffect] {
    var refusedRekeys: [NotifyType] {
        compactMap { effect in if case .rekeyRefused(let type) = effect { type } else { nil } }
    }
}
