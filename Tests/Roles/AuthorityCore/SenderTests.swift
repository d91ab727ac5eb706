import AuthorityCore
import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial
import TestKit
import Testing

/// A sender that begins anew, or takes over, never gets keys under which numbers were sent before.
@Suite struct SenderTests {
    private let sender = "s1.senders.example"

    private func single() throws -> Authority {
        let authority = try Authority()
        try authority.apply(try exampleGroup(senders: .single))
        return authority
    }

    private func current(_ authority: Authority) -> ESPSPI? {
        authority.state.dataSAs.last { $0.retiredAt == nil }?.spi
    }

    /// The SPI and the key that a grant hands to a sender.
    private func given(_ outcome: RegistrationOutcome, _ authority: Authority) throws -> KeyedDataSA {
        let grant = try #require(outcome.grant)
        let opened = try RegistrationDownload.open(
            gsa: GSAPayloadBody(grant.groupSecurityAssociation), kd: KDPayloadBody(grant.keyDownload),
            notifies: grant.notifies, gskW: authority.gskW, keyWrap: .kw5649_256, senderIDsAsked: 1,
            engine: CryptoEngine())
        return try #require(opened.data.first)
    }

    private func sends(_ operation: OperationID, _ authority: Authority, _ name: String? = nil) throws
        -> RegistrationRequest
    {
        try authority.join(name ?? sender, senderIDs: 1, operation: operation)
    }

    @Test func theFirstSenderGetsTheSAAsItIs() throws {
        let authority = try single()
        let before = current(authority)
        _ = try authority.register(try authority.join("gm1.example"))
        let outcome = try authority.register(try sends(authority.operationID(over: 1, 1), authority))
        #expect(try given(outcome, authority).policy.spi == before)
        #expect(authority.state.rekeyOrders.isEmpty)
    }

    @Test func aSenderOverANewIKESAGetsNewKeysAndTheOthersToo() throws {
        let authority = try single()
        let first = try given(
            try authority.register(try sends(authority.operationID(over: 1, 1), authority)), authority)
        try authority.restart()
        let again = try sends(authority.operationID(over: 2, 1), authority)
        let second = try given(try authority.register(again, at: seconds(20)), authority)
        #expect(second.policy.spi != first.policy.spi)
        let isOldKey = second.key.secret.constantTimeEquals(first.key.secret)
        #expect(!isOldKey)
        #expect(second.policy.spi == current(authority))
        // The others hear of it by the GSA_REKEY of the same decision, and the old SA is retired there.
        #expect(authority.state.rekeyOrders.count == 1)
        #expect(authority.state.dataSAs.first { $0.spi == first.policy.spi }?.retiredAt == seconds(20))
        #expect(authority.state.rekeyHistory.last?.cause == "sender")
        // The answer was lost: the same operation replaces nothing again.
        for _ in 0..<2 {
            let repeated = try given(try authority.register(again, at: seconds(60)), authority)
            #expect(repeated.policy.spi == second.policy.spi)
            try authority.restart()
        }
        #expect(authority.state.rekeyOrders.count == 1)
    }

    @Test func aSenderThatKeptItsIKESAKeepsItsSA() throws {
        let authority = try single()
        let first = current(authority)
        for message in 1...3 {
            let request = try sends(authority.operationID(over: 1, UInt32(message)), authority)
            let outcome = try authority.register(request, at: seconds(Int64(message) * 100))
            #expect(try given(outcome, authority).policy.spi == first)
            try authority.restart()
        }
        // A rekey of the whole group changes nothing of that.
        _ = try authority.operate(
            .rekeyNow(try #require(GroupName("market-data")), scope: .tek, try authority.mandate()), at: seconds(400)
        ).get()
        let rekeyed = current(authority)
        let request = try sends(authority.operationID(over: 1, 4), authority)
        #expect(try given(try authority.register(request, at: seconds(401)), authority).policy.spi == rekeyed)
    }

    @Test func whoLeavesAndComesBackOverTheSameIKESAGetsNewKeys() throws {
        let authority = try single()
        let join = try sends(authority.operationID(over: 1, 1), authority)
        let first = try given(try authority.register(join), authority)
        _ = try authority.register(try authority.leave(join, operation: authority.operationID(over: 1, 2)))
        let back = try sends(authority.operationID(over: 1, 3), authority)
        #expect(try given(try authority.register(back), authority).policy.spi != first.policy.spi)
    }

    @Test func aSuccessorGetsNewKeys() throws {
        let authority = try single()
        let join = try sends(authority.operationID(over: 1, 1), authority)
        let first = try given(try authority.register(join), authority)
        _ = try authority.register(try authority.leave(join))
        let other = try sends(authority.operationID(over: 9, 1), authority, "s2.senders.example")
        #expect(try given(try authority.register(other), authority).policy.spi != first.policy.spi)
        // After an exclusion everything is new already: one more replacement would be for nothing.
        _ = try authority.operate(
            .control(
                .evict([.fqdn("s2.senders.example")], group: GroupName("market-data"), try authority.mandate("x"))),
            at: seconds(60)
        ).get()
        let fresh = current(authority)
        let next = try sends(authority.operationID(over: 10, 1), authority)
        #expect(try given(try authority.register(next, at: seconds(61)), authority).policy.spi == fresh)
    }

    @Test func anSAOfWhichNothingIsKnownIsReplaced() throws {
        let authority = try single()
        let before = current(authority)
        authority.state.sending = SendingState()
        try authority.restart()
        let outcome = try authority.register(try sends(authority.operationID(over: 1, 1), authority))
        #expect(try given(outcome, authority).policy.spi != before)
    }

    @Test func aFlappingSenderWaits() throws {
        let authority = try single()
        var granted = 0
        for second in 0..<60 {
            let request = try sends(authority.operationID(over: UInt64(second) + 1, 1), authority)
            let outcome = try authority.register(request, at: seconds(Int64(second)))
            if outcome.grant != nil { granted += 1 }
            guard case .unavailable(let why) = outcome else { continue }
            #expect(why.contains("to wait"))
        }
        // The first, and one in each ten seconds of those that follow.
        #expect(granted == 7)
        #expect(authority.state.rekeyHistory.count == 6)
    }

    @Test func aSharedSAIsNotReplaced() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        for over in 1...3 {
            _ = try authority.register(try sends(authority.operationID(over: UInt64(over), 1), authority))
        }
        #expect(authority.state.rekeyOrders.isEmpty && authority.state.members.first?.senderIDs.count == 1)
    }
}

@Suite struct SenderIDSpaceTests {
    private func join(_ index: Int, _ authority: Authority, _ count: UInt32 = 1) throws -> RegistrationRequest {
        try authority.join("s\(index).senders.example", senderIDs: count)
    }

    private func events(_ authority: Authority, _ name: String) -> Int {
        authority.effects.count { if case .event(let event) = $0 { event.name == name } else { false } }
    }

    @Test func oneIdentityTakesSenderIDsSlowly() throws {
        let authority = try Authority()
        authority.core.limits.senderRegistrationBurst = 8
        authority.core.limits.senderRegistrationInterval = Lifetime(seconds: 60)
        try authority.apply(try exampleGroup())
        var granted = 0
        for second in 0..<120 {
            if try authority.register(try join(1, authority, 4), at: seconds(Int64(second))).grant != nil {
                granted += 1
            }
        }
        #expect(granted == 8 + 1)
        #expect(try authority.register(try join(2, authority, 4), at: seconds(120)).grant != nil)
        #expect(events(authority, "sender-waits") == 120 - granted)
    }

    @Test func theSpaceIsWarnedOfThenBegunAnew() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup(memberLimit: 1000, width: 8))
        // Many come and go: what is held is little, what was given is much.
        for index in 0..<200 {
            let request = try join(index, authority)
            #expect(try authority.register(request).grant != nil)
            if index > 3 { _ = try authority.register(try authority.leave(request)) }
        }
        #expect(events(authority, "sender-ids-run-out") == 0)
        for index in 200..<230 {
            let request = try join(index, authority)
            #expect(try authority.register(request).grant != nil)
            _ = try authority.register(try authority.leave(request))
        }
        #expect(events(authority, "sender-ids-run-out") == 1)
        let before = authority.state
        try authority.decide([.timer], at: seconds(1))
        #expect(events(authority, "sender-ids-reset") == 1)
        #expect(authority.state.groups.first?.nextSenderID == 0)
        // All keys are new, and whoever held a Sender-ID of before is out until it registers again.
        let live = authority.state.dataSAs.filter { $0.retiredAt == nil }.map(\.spi)
        #expect(Set(live).isDisjoint(with: before.dataSAs.map(\.spi)))
        #expect(
            Set(authority.state.rekeySAs.filter { $0.retiredAt == nil }.map(\.spi)).isDisjoint(
                with: before.rekeySAs.map(\.spi)))
        #expect(!authority.state.members.contains { $0.isSender })
        try authority.restart()
        #expect(try authority.register(try join(0, authority), at: seconds(2)).grant != nil)
        #expect(authority.state.members.last?.senderIDs == [SenderID(rawValue: 0)])
    }

    @Test func withoutAnySenderIDLeftEverybodyRegistersAgain() throws {
        let authority = try Authority()
        authority.core.limits.senderIDsResetPercent = 101
        try authority.apply(try exampleGroup(width: 4))
        for index in 0..<16 {
            let request = try join(index, authority)
            #expect(try authority.register(request).grant != nil)
            if index > 0 { _ = try authority.register(try authority.leave(request)) }
        }
        let before = authority.state.dataSAs.map(\.spi)
        #expect(try authority.register(try join(20, authority), at: seconds(1)).grant != nil)
        #expect(authority.state.groups.first?.nextSenderID == 1)
        #expect(authority.state.members.map(\.identity) == [.fqdn("s20.senders.example")])
        #expect(Set(authority.state.dataSAs.filter { $0.retiredAt == nil }.map(\.spi)).isDisjoint(with: before))
        #expect(authority.state.rekeyHistory.last?.cause == "sender-ids")
    }
}
