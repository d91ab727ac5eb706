import GroupKeying
import GroupModel
import IKEVocabulary
import IKEWire
import TestKit
import Testing

@testable import MemberCore

@Suite struct RolloverTests {
    @Test func aReceiverInstallsAtOnceAndRemovesAfterDTD() throws {
        let member = try FollowerFixture(try GroupFixture())
        #expect(try member.register() == ["install rekey", "install 1 inbound"])
        #expect(try member.receive(try member.gcks.rollover(), at: after(100)) == ["install 2 inbound"])
        #expect(member.wait(until: after(109.999)) == [])
        #expect(member.follower.deadline == after(110))
        #expect(member.wait(until: after(110)) == ["remove 1"])
    }

    @Test func aSenderMovesAfterATD() throws {
        let member = try FollowerFixture(try GroupFixture(), senderIDs: [3])
        #expect(try member.register() == ["install rekey", "install 1 both sending", "activate 1"])
        #expect(try member.receive(try member.gcks.rollover(), at: after(100)) == ["install 2 both"])
        #expect(member.follower.deadline == after(105))
        #expect(member.wait(until: after(104.999)) == [])
        #expect(member.wait(until: after(105)) == ["activate 2 for 1"])
        #expect(member.wait(until: after(110)) == ["remove 1"])
    }

    @Test func withoutDelaysEverythingHappensAtOnce() throws {
        let gcks = try GroupFixture()
        gcks.groupWide = GroupWidePolicy()
        let member = try FollowerFixture(gcks, senderIDs: [3])
        try member.register()
        #expect(
            try member.receive(try gcks.rollover(), at: after(100)) == ["install 2 both sending", "activate 2 for 1"])
        #expect(member.wait(until: after(100)) == ["remove 1"])
    }

    @Test func twoRekeysWithinATDEndOnTheNewest() throws {
        let member = try FollowerFixture(try GroupFixture(), senderIDs: [3])
        try member.register()
        try member.receive(try member.gcks.rollover(), at: after(100))
        #expect(try member.receive(try member.gcks.rollover(), at: after(102)) == ["install 3 both"])
        // The second SA was deleted before its activation: the first is used until the third takes over.
        #expect(member.wait(until: after(105)) == [])
        #expect(member.wait(until: after(107)) == ["activate 3 for 1"])
        #expect(member.wait(until: after(112)) == ["remove 2", "remove 1"])
    }

    @Test func theOneSenderOfAnSASendsOnly() throws {
        let gcks = try GroupFixture(numbers: .sequential32)
        let member = try FollowerFixture(gcks, senderIDs: [3])
        #expect(try member.register() == ["install rekey", "install 1 outbound sending", "activate 1"])
    }

    @Test func aSenderReceivesWhereItsAddressMayNotSend() throws {
        let member = try FollowerFixture(try GroupFixture(), senderIDs: [3], sourceAddress: "2001:db8::1")
        #expect(try member.register() == ["install rekey", "install 1 inbound"])
    }

    @Test func aNewRekeySATakesOverAndTheOldGoesAfterDTD() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        let old = gcks.rekeySA
        #expect(try member.receive(try gcks.rekey(newRekeySA: true), at: after(50)) == ["install rekey"])
        #expect(member.follower.holds(old.policy.spi))
        #expect(try member.receive(try gcks.rekey(newDataSA: true), at: after(51)) == ["install 2 inbound"])
        #expect(member.wait(until: after(60)) == ["remove rekey"])
        #expect(!member.follower.holds(old.policy.spi))
    }

    @Test func withImplicitAuthenticationTheOldRekeySAGoesAtOnce() throws {
        let gcks = try GroupFixture(isImplicit: true)
        let member = try FollowerFixture(gcks)
        try member.register()
        let old = gcks.rekeySA
        #expect(
            try member.receive(try gcks.rekey(newRekeySA: true), at: after(50)) == ["install rekey", "remove rekey"])
        #expect(!member.follower.holds(old.policy.spi))
    }

    @Test func aNewRekeySAMayMoveToAnotherAddress() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        gcks.rekeyAddress = "239.9.9.9"
        try member.receive(try gcks.rekey(newRekeySA: true), at: after(50))
        #expect(member.follower.listensAt.map(\.description).sorted() == ["239.1.1.1:848", "239.9.9.9:848"])
        _ = member.wait(until: after(60))
        #expect(member.follower.listensAt.map(\.description) == ["239.9.9.9:848"])
    }

    @Test func copiesChangeNothing() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        let datagram = try gcks.rollover()
        try member.receive(datagram, at: after(10))
        #expect(try member.receive(datagram, at: after(10.25)) == [])
        let moving = try gcks.rekey(newRekeySA: true)
        try member.receive(moving, at: after(11))
        #expect(try member.receive(moving, at: after(11.25)) == [])
    }

    @Test func aSenderWithoutSenderIDDoesNotSendUnderACounterMode() throws {
        // The group used AES-CBC at registration, so no Sender-ID was given; now it turns to AES-GCM.
        let before = try GroupFixture(suite: .aesCBC256SHA256)
        let member = try FollowerFixture(before)
        member.follower = GroupFollower(Membership(group: before.group, role: .sender(senderIDs: 1)))
        #expect(try member.register() == ["install rekey", "install 1 both sending", "activate 1"])
        let later = try GroupFixture()
        _ = try later.makeDataSA()
        later.rekeySA = before.rekeySA
        later.signingKey = before.signingKey
        #expect(
            try member.receive(try later.rekey(newDataSA: true), at: after(5))
                == ["reregistration-planned no-sender-id"])
        #expect(member.follower.dataSAs.count == 1)
    }
}
