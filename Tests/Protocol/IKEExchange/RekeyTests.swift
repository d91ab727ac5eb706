import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import IKEExchange

/// Rekey of an IKE SA with both ends in memory (RFC 7296 1.3.2, 2.8, 2.18, 2.25).
struct RekeyTests {
    private static let numbers = OptimizedRekeyNumbers(
        supported: NotifyType(rawValue: 50_400), rekey: NotifyType(rawValue: 50_401))

    @Test(arguments: [true, false])
    func eitherEndRekeys(byMember: Bool) throws {
        let world = try RekeyWorld()
        let (before, former) = (world.member.gskW?.secret.exposed(), world.frontend)
        byMember ? world.memberRekeys() : world.frontendRekeys()
        try world.drain()
        #expect(world.rekeys == 1)
        #expect(world.frontend !== former && former.isClosed)
        #expect(world.frontend.peer == Sample.memberName && world.frontend.path == former.path)
        // The end that asked is the original initiator of what follows.
        #expect(world.member.channel?.isInitiator == byMember)
        #expect(world.member.nextMessageID == .zero && world.member.gskW?.secret.exposed() != before)
        try world.expectOneSA()
        // And again, from the other end: the roles of Message IDs and flags change once more.
        world.pass(.seconds(6))
        byMember ? world.frontendRekeys() : world.memberRekeys()
        try world.drain()
        try world.expectOneSA()
    }

    @Test(arguments: [true, false])
    func rekeysFollowRekeys(byMember: Bool) throws {
        let world = try RekeyWorld()
        for round in 1...5 {
            world.pass(.seconds(6))
            byMember ? world.memberRekeys() : world.frontendRekeys()
            try world.drain()
            #expect(world.rekeys == round)
        }
        try world.expectOneSA()
    }

    @Test(arguments: [true, false])
    func everyMessageOfARekeyMayBeLostOrComeTwice(byMember: Bool) throws {
        for lost in 0..<4 {
            for twice in 0..<4 {
                let world = try RekeyWorld(seed: UInt64(10 * lost + twice))
                byMember ? world.memberRekeys() : world.frontendRekeys()
                var count = 0
                for _ in 0..<10 {
                    while !world.toMember.isEmpty || !world.toFrontend.isEmpty {
                        let towardsMember = !world.toMember.isEmpty
                        let datagram = towardsMember ? world.toMember.removeFirst() : world.toFrontend.removeFirst()
                        defer { count += 1 }
                        if count == lost { continue }
                        for _ in 0..<(count == twice ? 2 : 1) {
                            if towardsMember {
                                world.deliverToMember(datagram)
                            } else {
                                try world.deliverToFrontend(datagram)
                            }
                        }
                    }
                    world.pass(.milliseconds(500))
                }
                try world.settle()
                #expect(world.rekeys == 1)
                try world.expectOneSA("lost \(lost), twice \(twice)")
            }
        }
    }

    /// The frontend did not hear that its Delete was heard: it asks again, for the while that it would.
    @Test func theOldSAAnswersTheDeleteAgain() throws {
        let world = try RekeyWorld()
        let old = world.member
        world.frontendRekeys()
        world.deliverToMember(world.toMember.removeFirst())
        try world.deliverToFrontend(world.toFrontend.removeFirst())
        let delete = world.toMember.removeFirst()
        world.deliverToMember(delete)
        #expect(old.isClosed && old.isReplaced && !old.isForgotten(at: world.now))
        let answer = world.toFrontend
        #expect(answer.count == 1)
        world.deliverToMember(delete)
        #expect(world.toFrontend == answer + answer)
        world.pass(.seconds(30))
        #expect(old.isForgotten(at: world.now))
    }

    // MARK: Both at once

    /// Bit n says whose datagram the n-th delivered one is; all orders that two rekeys at once can take.
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func crossingRekeysConvergeInEveryOrder(seed: UInt64) throws {
        for order in 0..<256 {
            let world = try RekeyWorld(seed: seed)
            world.memberRekeys()
            world.frontendRekeys()
            for bit in 0..<8 { try world.step(towardsMember: order >> bit & 1 == 1) }
            try world.drain()
            try world.expectOneSA("seed \(seed), order \(order)")
        }
    }

    @Test func theLowestNonceLoses() throws {
        var winners: Set<Bool> = []
        for seed in UInt64(1)...12 {
            let world = try RekeyWorld(seed: seed)
            world.memberRekeys()
            world.frontendRekeys()
            // Both requests arrive before either answer: both ends notice.
            let (one, other) = (world.toFrontend.removeFirst(), world.toMember.removeFirst())
            try world.deliverToFrontend(one)
            world.deliverToMember(other)
            let candidate = try #require(world.harness.member.rekeying.candidate)
            let own = try #require(world.harness.member.attempt)
            try world.drain()
            let winner = try #require(world.member.channel)
            let ownNonces = [own.nonce]
            let lowestOfTheirs =
                [candidate.keys.context.nonceI, candidate.keys.context.nonceR]
                .min { $0.lexicographicallyPrecedes($1) } ?? []
            // When our own request's nonce is below both of theirs, ours cannot be the SA that stays.
            if ownNonces[0].lexicographicallyPrecedes(lowestOfTheirs) { #expect(!winner.isInitiator) }
            winners.insert(winner.isInitiator)
            try world.expectOneSA("seed \(seed)")
        }
        #expect(winners == [true, false])
    }

    /// Losses, repetitions and crossing at random; then quiet.
    /// Both ask; the member's request never arrives, and the frontend ends what its own rekey made before the member knows which of
    /// the two stays. The SA of before then ends without one after it.
    @Test func whatWasDeletedDoesNotSucceed() throws {
        let world = try RekeyWorld()
        let before = world.member
        world.memberRekeys()
        world.toFrontend = []
        world.frontendRekeys()
        while !world.toMember.isEmpty { world.deliverToMember(world.toMember.removeFirst()) }
        while !world.toFrontend.isEmpty { try world.deliverToFrontend(world.toFrontend.removeFirst()) }
        world.toMember = []
        world.frontendDeletes()
        while !world.toMember.isEmpty { world.deliverToMember(world.toMember.removeFirst()) }
        for _ in 0..<80 {
            world.pass(.milliseconds(500))
            (world.toFrontend, world.toMember) = ([], [])
        }
        #expect(world.member === before)
        #expect(before.isClosed && !before.isReplaced)
    }

    @Test func randomNetworksConverge() throws {
        for seed in UInt64(1)...150 {
            let world = try RekeyWorld(seed: seed)
            var chance = SeededEntropy(seed: seed &* 77)
            for _ in 0..<60 {
                switch chance.uint64() % 10 {
                case 0: world.memberRekeys()
                case 1: world.frontendRekeys()
                case 2: world.pass(.milliseconds(300))
                case 3: world.toMember = Array(world.toMember.dropFirst())
                case 4: world.toFrontend = Array(world.toFrontend.dropFirst())
                case 5: if let first = world.toMember.first { world.toMember.append(first) }
                case 6: if let first = world.toFrontend.first { world.toFrontend.append(first) }
                case 7: world.memberJoins()
                default: try world.step(towardsMember: chance.uint64() % 2 == 0)
                }
            }
            try world.settle()
            try world.expectOneSA("seed \(seed)")
            #expect(world.memberSAs.count < 40)
        }
    }

    // MARK: In the middle of something

    @Test func aMemberThatAwaitsARegistrationPutsTheFrontendOff() throws {
        let world = try RekeyWorld()
        world.memberJoins()
        world.frontendRekeys()
        try world.drain()
        #expect(world.frontendRefusals == [.temporaryFailure])
        #expect(world.rekeys == 0 && world.asked.count == 1)
        world.pass(.seconds(10))
        world.frontendRekeys()
        try world.drain()
        #expect(world.rekeys == 1)
        try world.expectOneSA()
    }

    @Test func requestsThatWaitMoveToTheNewSA() throws {
        let world = try RekeyWorld()
        world.memberRekeys()
        world.memberJoins()
        try world.drain()
        #expect(world.asked == [world.member.gskW?.secret.exposed()])
        try world.expectOneSA()
    }

    @Test func aPostponedRekeyLeavesTheSAAsItIs() throws {
        let world = try RekeyWorld()
        world.postpones = true
        world.memberRekeys()
        try world.drain()
        #expect(world.memberRefusals == [.temporaryFailure])
        #expect(world.rekeys == 0)
        try world.expectOneSA()
    }

    @Test func aRekeyedSAIsNotRekeyedAgain() throws {
        let world = try RekeyWorld()
        world.memberRekeys()
        let old = world.frontend
        try world.deliverToFrontend(world.toFrontend.removeFirst())
        // Answered, and the answer is under way: what the frontend made is the SA it speaks over.
        #expect(world.frontend !== old)
        let responder = world.harness.responder
        #expect(
            old.rekey(
                with: IKESPI(rawValue: 9), at: world.now, configuration: responder.configuration,
                engine: responder.engine, entropy: &responder.entropy
            ).isEmpty)
        try world.drain()
        try world.expectOneSA()
    }

    @Test func anotherKeyExchangeMethodIsTaken() throws {
        var policy = IKEPolicy.standard
        policy.keyExchanges = [.curve25519, .ecp256]
        let world = try RekeyWorld(memberPolicy: policy)
        // The frontend changes its mind while the SA stands.
        var other = IKEPolicy.standard
        other.keyExchanges = [.ecp256]
        let responder = world.harness.responder
        let old = responder.configuration
        responder.configuration = ResponderConfiguration(
            frontend: old.frontend, own: old.own, trust: old.trust, policy: other)
        world.memberRekeys()
        try world.drain()
        #expect(world.rekeys == 1)
        #expect(world.frontend.chosen.keyExchange == .ecp256)
        try world.expectOneSA()
    }

    // MARK: Without SA payload (draft-ietf-ipsecme-ikev2-sa-ts-payloads-opt)

    @Test(arguments: [true, false])
    func optimizedRekey(byMember: Bool) throws {
        let regular = try RekeyWorld()
        let world = try RekeyWorld(memberNumbers: Self.numbers, frontendNumbers: Self.numbers)
        for each in [regular, world] { byMember ? each.memberRekeys() : each.frontendRekeys() }
        let sizes = [regular, world].map { ($0.toFrontend + $0.toMember).reduce(0) { $0 + $1.count } }
        #expect(sizes[1] + 100 < sizes[0])
        try world.drain()
        #expect(world.rekeys == 1)
        #expect(world.frontend.chosen == world.frontendSAs[0].chosen)
        try world.expectOneSA()
        world.pass(.seconds(6))
        byMember ? world.frontendRekeys() : world.memberRekeys()
        try world.drain()
        #expect(world.rekeys == 2)
        try world.expectOneSA()
    }

    @Test func crossingOptimizedRekeysConverge() throws {
        for order in 0..<64 {
            let world = try RekeyWorld(
                seed: UInt64(order), memberNumbers: Self.numbers, frontendNumbers: Self.numbers)
            world.memberRekeys()
            world.frontendRekeys()
            for bit in 0..<6 { try world.step(towardsMember: order >> bit & 1 == 1) }
            try world.drain()
            try world.expectOneSA("order \(order)")
        }
    }

    @Test func withoutAgreementTheRegularFormIsUsed() throws {
        for (one, other) in [(Self.numbers, nil), (nil, Self.numbers)] {
            let world = try RekeyWorld(memberNumbers: one, frontendNumbers: other)
            world.memberRekeys()
            #expect(world.frontend.rekeying.optimized == nil)
            try world.drain()
            #expect(world.rekeys == 1)
            try world.expectOneSA()
        }
    }

    @Test func whoCannotDoItIsAskedInTheRegularForm() throws {
        for byMember in [true, false] {
            let world = try RekeyWorld(memberNumbers: Self.numbers, frontendNumbers: Self.numbers)
            // As after a reload that took the numbers away.
            if byMember { world.frontend.rekeying.optimized = nil } else { world.member.rekeying.optimized = nil }
            byMember ? world.memberRekeys() : world.frontendRekeys()
            try world.drain()
            #expect(world.rekeys == 1)
            try world.expectOneSA()
        }
    }

    @Test func privateNumbersAreForOurOwnKindOnly() {
        #expect(Self.numbers.maySpeak(toWhoKnows: true) && !Self.numbers.maySpeak(toWhoKnows: false))
        let assigned = OptimizedRekeyNumbers([16_448, 16_449])
        #expect(assigned?.maySpeak(toWhoKnows: false) == true)
        #expect(OptimizedRekeyNumbers([16_448]) == nil && OptimizedRekeyNumbers(nil) == nil)
    }
}
