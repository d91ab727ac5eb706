import GroupModel
import IKEVocabulary
import TestKit
import Testing

@testable import MemberCore

/// A scripted sender: the data plane says how far it is, the member tells the GCKS by the rules.
@Suite struct SequenceReportingTests {
    private func world() throws -> (MemberWorld, GroupFixture, ESPSPI) {
        let group = try GroupFixture(numbers: .sequential32)
        let world = try MemberWorld(
            groups: [group], memberships: [Membership(group: group.group, role: .sender(senderIDs: 1))])
        takeReports(world)
        try world.give(.start)
        return (world, group, try #require(group.dataSAs.first).policy.spi)
    }

    private func takeReports(_ world: MemberWorld, _ outcome: RegistrationOutcome = .noted) {
        for frontend in world.frontends {
            let others = frontend.answer
            frontend.answer = { request in
                if case .report = request.action { return outcome }
                return try others(request)
            }
        }
    }

    private func reports(_ world: MemberWorld) -> [SequenceReport] {
        world.frontends.flatMap(\.requests).compactMap {
            if case .report(let report) = $0.action { report } else { nil }
        }
    }

    @Test func afterFirstUseByNumberAndByTime() throws {
        let (world, _, spi) = try world()
        try world.give(.position(spi, next: 1))
        #expect(reports(world).isEmpty)
        // Right after first use, at every 2^30 packets.
        try world.give(.position(spi, next: 2))
        try world.give(.position(spi, next: 1 << 30))
        try world.give(.position(spi, next: (1 << 30) + 2))
        #expect(reports(world).map(\.next) == [2, (1 << 30) + 2])
        // In time only when more than 2^24 packets were sent since.
        try world.run(seconds: 120)
        try world.give(.position(spi, next: (1 << 30) + 2 + (1 << 24)))
        try world.run(seconds: 120)
        #expect(reports(world).count == 2)
        try world.give(.position(spi, next: (1 << 30) + 3 + (1 << 24)))
        #expect(reports(world).map(\.counter) == [1, 2, 3])
        try world.give(.position(spi, next: (1 << 30) + 4 + (1 << 25)))
        try world.run(seconds: 59)
        #expect(reports(world).count == 3)
        try world.run(seconds: 2)
        #expect(reports(world).count == 4)
        #expect(world.frontends[0].initials == 1)
    }

    @Test func aReportThatWasNotTakenIsMadeAgainWithAHigherCounter() throws {
        let (world, _, spi) = try world()
        takeReports(world, .unavailable("no leader"))
        try world.give(.position(spi, next: 2))
        try world.run(seconds: 9)
        #expect(reports(world).map(\.counter) == [1])
        takeReports(world)
        try world.run(seconds: 2)
        #expect(reports(world).map(\.counter) == [1, 2])
        try world.run(seconds: 100)
        #expect(reports(world).count == 2)
    }

    @Test func whatIsRetiredIsNotReportedOn() throws {
        let (world, group, spi) = try world()
        try world.give(.position(spi, next: 2))
        try world.multicast(try group.rollover())
        try world.run(seconds: 6)
        try world.give(.position(spi, next: 1 << 31))
        #expect(reports(world).map(\.next) == [2])
        let fresh = try #require(group.dataSAs.last).policy.spi
        try world.give(.position(fresh, next: 2))
        #expect(reports(world).map(\.spi) == [spi, fresh])
        #expect(reports(world).map(\.counter) == [1, 1])
    }

    @Test func anSAThatTheGCKSDoesNotKnowMeansAMissedRekey() throws {
        let (world, _, spi) = try world()
        takeReports(world, .refused(RegistrationRefusal(.unknownSA, "no such SA")))
        let said = try world.give(.position(spi, next: 2))
        #expect(said.contains("reregistration-planned missed-rekey"))
        try world.run(seconds: 6)
        #expect(world.frontends[0].joins == 2)
    }

    @Test func withoutAnIKESAOneIsMadeForAReport() throws {
        let (world, _, spi) = try world()
        world.frontends[0].forgetEverything()
        try world.give(.position(spi, next: 2))
        try world.run(seconds: 30)
        #expect(reports(world).map(\.next) == [2])
        #expect(world.frontends.map(\.joins).reduce(0, +) == 1)
    }

    @Test func aReceiverReportsNothing() throws {
        let group = try GroupFixture(numbers: .sequential32)
        let world = try MemberWorld(groups: [group])
        takeReports(world)
        try world.give(.start)
        try world.give(.position(try #require(group.dataSAs.first).policy.spi, next: 1 << 31))
        try world.run(seconds: 200)
        #expect(reports(world).isEmpty)
    }
}
