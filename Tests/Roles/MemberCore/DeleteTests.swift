import GroupModel
import IKEVocabulary
import IKEWire
import TestKit
import Testing

@testable import MemberCore

@Suite struct DeleteTests {
    @Test func aDeleteWithoutSuccessorStopsSendingNow() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks, senderIDs: [3])
        try member.register()
        let datagram = try gcks.rekey(deletes: [.esp([ESPSPI(rawValue: 0x1001)])])
        #expect(try member.receive(datagram, at: after(10)) == ["stop 1"])
        #expect(member.wait(until: after(20)) == ["remove 1"])
    }

    @Test func aDeleteOfAnUnknownSPIIsNothing() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        #expect(try member.receive(try gcks.rekey(deletes: [.esp([ESPSPI(rawValue: 0x7777)])]), at: after(10)) == [])
        #expect(member.follower.dataSAs.count == 1)
        #expect(member.follower.deadline > after(3000))
    }

    @Test func aZeroESPSPIMeansEveryDataSA() throws {
        let gcks = try GroupFixture()
        gcks.dataSAs.append(try gcks.makeDataSA())
        let member = try FollowerFixture(gcks)
        try member.register()
        try member.receive(try gcks.rekey(deletes: [.esp([ESPSPI(rawValue: 0)])]), at: after(10))
        #expect(member.wait(until: after(20)) == ["remove 2", "remove 1"])
        #expect(!member.follower.isExcluded)
        #expect(member.follower.rekeySAs.count == 1)
    }

    @Test(arguments: [
        [DeletePayload.esp([ESPSPI(rawValue: 0)]), .rekey([RekeySPI(initiatorHalf: .zero, responderHalf: .zero)])],
        [.rekey([RekeySPI(initiatorHalf: .zero, responderHalf: .zero)])],
        [.wholeGroup],
    ])
    func aZeroRekeySPIExcludes(_ deletes: [DeletePayload]) throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks, senderIDs: [3])
        try member.register()
        #expect(
            try member.receive(try gcks.rekey(deletes: deletes), at: after(10))
                == ["stop 1", "group-excluded", "reregistration-planned excluded"])
        #expect(member.follower.isExcluded)
        // Within seconds, at a random moment (RFC 9838 2.4.3).
        let wish = try #require(member.follower.reregistration)
        #expect(wish.at > after(10) && wish.at <= after(15))
        #expect(wish.cause == .excluded)
        #expect(member.wait(until: after(20)) == ["remove 1", "remove rekey"])
    }

    /// Whoever was excluded holds the old keys: under implicit authentication he could forge on them.
    @Test func anImplicitRekeySAEndsWithTheExclusion() throws {
        let gcks = try GroupFixture(isImplicit: true)
        let member = try FollowerFixture(gcks)
        try member.register()
        let deletes = [
            DeletePayload.esp([ESPSPI(rawValue: 0)]), .rekey([RekeySPI(initiatorHalf: .zero, responderHalf: .zero)]),
        ]
        #expect(
            try member.receive(try gcks.rekey(deletes: deletes), at: after(10)) == [
                "group-excluded", "remove rekey", "reregistration-planned excluded",
            ])
        #expect(try member.receive(try gcks.rekey(newDataSA: true), at: after(11)) == [])
        #expect(member.wait(until: after(20)) == ["remove 1"])
    }

    @Test func aNewRegistrationEndsAnExclusion() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks, senderIDs: [3])
        try member.register()
        try member.receive(try gcks.rekey(deletes: [.wholeGroup]), at: after(10))
        // The GCKS gave the same SAs again before they were gone.
        #expect(try member.register(at: after(12)) == ["activate 1"])
        #expect(!member.follower.isExcluded)
        #expect(member.wait(until: after(100)) == [])
        #expect(member.follower.dataSAs.count == 1)
        #expect(member.follower.rekeySAs.count == 1)
    }

    @Test func aDeletedRekeySAWithoutSuccessorMakesTheMemberAsk() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks)
        try member.register()
        let datagram = try gcks.rekey(deletes: [.rekey([gcks.rekeySA.policy.spi])])
        #expect(
            try member.receive(datagram, at: after(10)) == ["remove rekey", "reregistration-planned no-sa-left"])
    }
}
