import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import MemberCore

@Suite struct FollowerTimeTests {
    @Test func aSoftLifetimeAsksOnceAndBeforeTheEnd() throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let gcks = try GroupFixture()
            let member = try FollowerFixture(gcks, seed: seed)
            try member.register()
            // A twentieth before the end is 180 s, spread over half of it.
            let soft = member.follower.deadline
            #expect(soft >= after(3420) && soft <= after(3510))
            #expect(member.wait(until: after(3419)) == [])
            #expect(member.wait(until: soft) == ["reregistration-planned soft-lifetime"])
            #expect(member.follower.reregistration?.at == soft)
            member.follower.clearReregistration()
            #expect(member.wait(until: after(3599)) == [])
            #expect(member.wait(until: after(3600)) == ["remove 1"])
        }
    }

    @Test func aReplacedSAHasNoSoftLifetime() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        try member.receive(try gcks.rekey(newDataSA: true), at: after(3300))
        #expect(member.wait(until: after(3599)) == [])
        #expect(member.wait(until: after(3600)) == ["remove 1"])
    }

    @Test func anSAWithoutLifetimeStays() throws {
        let gcks = try GroupFixture()
        gcks.dataSAs[0].policy.lifetime = nil
        gcks.givesRekeySA = false
        let member = try FollowerFixture(gcks)
        try member.register()
        #expect(member.follower.deadline == .never)
    }

    @Test func aMissedMessageIDAsksAgain() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        _ = try gcks.rollover()
        #expect(
            try member.receive(try gcks.rollover(), at: after(10))
                == ["install 3 inbound", "reregistration-planned missed-rekey"])
        // The answer shows what is in force: the SA that the lost message deleted goes after DTD.
        #expect(try member.register(at: after(12)) == [])
        #expect(member.follower.reregistration == nil)
        #expect(member.wait(until: after(22)) == ["remove 1"])
    }

    @Test func theMessageIDOfARegistrationIsTheFirstOneExpected() throws {
        let gcks = try GroupFixture()
        _ = try gcks.rollover()
        let replayed = try gcks.rollover()
        let member = try FollowerFixture(gcks)
        try member.register()
        #expect(try member.receive(replayed, at: after(1)) == [])
        #expect(try member.receive(try gcks.rollover(), at: after(2)) == ["install 4 inbound"])
    }

    @Test func anAnswerThatARekeyOvertookChangesNothing() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        let stale = try gcks.grant()
        try member.receive(try gcks.rollover(), at: after(1))
        try member.follower.register(stale, member.work, at: after(2))
        #expect(member.follower.reregistration?.cause == .staleAnswer)
        #expect(member.follower.dataSAs.map(\.isRetired) == [true, false])
        #expect(member.follower.rekeySAs.first?.receiver.nextMessageID == MessageID(rawValue: 1))

        let beforeMove = try gcks.grant()
        try member.receive(try gcks.rekey(newRekeySA: true), at: after(3))
        try member.follower.register(beforeMove, member.work, at: after(4))
        #expect(member.follower.rekeySAs.last?.spi == gcks.rekeySA.policy.spi)
    }

    @Test func anAnswerThatNamesAReplacedRekeySAIsStaleAfterItIsGone() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        let old = gcks.rekeySA
        let beforeMove = try gcks.grant()
        try member.receive(try gcks.rekey(newRekeySA: true), at: after(3))
        #expect(member.wait(until: after(13)) == ["remove rekey"])
        try member.follower.register(beforeMove, member.work, at: after(14))
        #expect(member.follower.rekeySAs.map(\.spi) == [gcks.rekeySA.policy.spi])
        #expect(member.follower.reregistration?.cause == .staleAnswer)
        // A member that lost everything takes what it is given.
        _ = member.wait(until: after(100_000))
        #expect(member.follower.isEmpty)
        try member.follower.register(beforeMove, member.work, at: after(100_001))
        #expect(member.follower.rekeySAs.map(\.spi) == [old.policy.spi])
    }

    @Test func oneForgedDatagramCallsNoStampede() throws {
        let gcks = try GroupFixture()
        let stranger = RekeySPI(initiatorHalf: IKESPI(rawValue: 9), responderHalf: .zero)
        var moments: [Duration] = []
        for seed in 1...200 as ClosedRange<UInt64> {
            let member = try FollowerFixture(gcks, seed: seed)
            try member.register()
            member.follower.meetUnknown(stranger, member.work, at: after(10))
            moments.append(try #require(member.follower.reregistration).at.since(after(10)))
        }
        #expect(moments.allSatisfy { $0 <= .seconds(180) })
        #expect(moments.filter { $0 <= .seconds(5) }.count < 20)
        #expect(moments.filter { $0 >= .seconds(90) }.count > 60)
    }

    @Test func anUnknownSPIAsksOnceInAPause() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        var now = after(10)
        var pauses: [Duration] = []
        for round in 1...8 as ClosedRange<UInt64> {
            let stranger = RekeySPI(initiatorHalf: IKESPI(rawValue: round), responderHalf: .zero)
            member.follower.meetUnknown(stranger, member.work, at: now)
            let wish = try #require(member.follower.reregistration)
            #expect(wish.cause == .unknownSPI)
            pauses.append(wish.at.since(now))
            now = wish.at
            try member.register(at: now)
            // It was not ours: the same SPI is no reason any more.
            member.follower.meetUnknown(stranger, member.work, at: now)
            #expect(member.follower.reregistration == nil)
        }
        #expect(pauses[0] <= .seconds(180))
        #expect(pauses.dropFirst().allSatisfy { $0 >= .seconds(600) && $0 <= .seconds(790) })
    }

    @Test func aPromisedSPIIsAMissedRekey() throws {
        let gcks = try GroupFixture()
        let next = RekeySPI(initiatorHalf: IKESPI(rawValue: 7), responderHalf: IKESPI(rawValue: 8))
        gcks.rekeySA.policy.nextSPIs = [next]
        let member = try FollowerFixture(gcks)
        try member.register()
        let stranger = RekeySPI(initiatorHalf: IKESPI(rawValue: 9), responderHalf: .zero)
        member.follower.meetUnknown(stranger, member.work, at: after(1))
        let unsure = try #require(member.follower.reregistration)
        member.follower.meetUnknown(next, member.work, at: after(1))
        let wish = try #require(member.follower.reregistration)
        #expect(wish.cause == .missedRekey && wish.at < unsure.at && wish.at <= after(6))
    }

    @Test func anAuthenticRekeyThatCannotBeUsedAsksAgainAndKeepsWhatIsThere() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        var broken = try gcks.makeRekeySA()
        // KEYMAT one octet short: authentic, and useless.
        broken.keymat = HeldSecret(SecretOctets(copying: [UInt8](repeating: 1, count: 67)))
        let plan = RekeyMessagePlan(
            over: gcks.rekeySA, messageID: .zero, newRekey: broken, groupWide: gcks.groupWide,
            signingKey: gcks.signingKey)
        let datagram = try #require(try RekeySealer.seal(plan, engine: gcks.engine).first)
        #expect(
            try member.receive(datagram, at: after(1)) == [
                "rekey-unusable keys(\"KEYMAT has the wrong size\")", "reregistration-planned unusable-rekey",
            ])
        #expect(member.follower.rekeySAs.count == 1)
        #expect(member.follower.dataSAs.count == 1)
    }

    @Test func aForgedRekeyIsOneEventAndNothingElse() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        var datagram = try gcks.rollover()
        let genuine = datagram
        datagram[60] ^= 1
        #expect(try member.receive(datagram, at: after(1)) == ["rekey-dropped notAuthentic"])
        #expect(try member.receive(genuine, at: after(2)) == ["install 2 inbound"])
    }

    @Test func aNewRegistrationReplacesWhatAnEarlierOneGave() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks, senderIDs: [3])
        try member.register()
        gcks.rekeySA = try gcks.makeRekeySA()
        gcks.dataSAs = [try gcks.makeDataSA()]
        #expect(try member.register(at: after(50)) == ["remove rekey", "install rekey", "install 2 both"])
        #expect(member.wait(until: after(55)) == ["activate 2 for 1"])
        #expect(member.wait(until: after(60)) == ["remove 1"])
    }

    /// Nothing of the SA changes but who sends on it, and whoever sends must hear of that.
    @Test func aNewRegistrationGivesOtherSenderIDsForTheSameSA() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks, senderIDs: [3])
        try member.register()
        member.senderIDs = [4]
        #expect(try member.register(at: after(50)) == ["send 1 as 4"])
        #expect(try member.register(at: after(60)) == [])
    }

    @Test func aReusedSPIWithAnotherKeyIsAnotherSA() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        gcks.dataSAs[0].key = HeldSecret(SecretOctets(copying: [UInt8](repeating: 9, count: 36)))
        #expect(try member.register(at: after(5)) == ["remove 1", "install 1 inbound"])
    }
}
