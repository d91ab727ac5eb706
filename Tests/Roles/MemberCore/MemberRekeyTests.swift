import GroupModel
import IKEVocabulary
import IKEWire
import TestKit
import Testing

@testable import MemberCore

/// The keys of a member's IKE SA: replaced in time, by whom it may be, and nothing of the groups is touched.
struct MemberRekeyTests {
    @Test func theKeysAreReplacedInTimeAndTheGroupsStay() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group], ikeLifetime: .seconds(100))
        try world.give(.start)
        let first = world.installed.count
        #expect(try world.run(seconds: 84.9).isEmpty)
        #expect(try world.run(seconds: 10.2) == ["ike-sa-rekeyed"])
        #expect(world.frontends[0].establishedSAs == 1)
        // Ten lives later it is still the one IKE SA that was made, and the group was registered once.
        try world.run(seconds: 1000)
        #expect(world.transcript.filter { $0 == "ike-sa-rekeyed" }.count >= 10)
        #expect(world.frontends[0].initials == 1 && world.frontends[0].joins == 1)
        #expect(world.frontends[0].establishedSAs == 1 && world.installed.count == first)
        // What is asked now goes over the newest one.
        try world.multicast(try group.rekey(deletes: [.wholeGroup]))
        try world.run(seconds: 5)
        #expect(world.frontends[0].joins == 2 && world.frontends[0].initials == 1)
        #expect(world.installed.count == first)
    }

    @Test func theFrontendMayRekey() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group])
        try world.give(.start)
        for round in 1...3 {
            try world.run(seconds: 10)
            for datagram in try world.frontends[0].rekey(at: world.now) { try world.give(.datagram(datagram)) }
            #expect(world.transcript.filter { $0 == "ike-sa-rekeyed" }.count == round)
            #expect(world.frontends[0].establishedSAs == 1)
        }
        try world.multicast(try group.rekey(deletes: [.wholeGroup]))
        try world.run(seconds: 5)
        #expect(world.frontends[0].joins == 2 && world.frontends[0].initials == 1)
    }

    @Test func aFrontendThatCannotNowIsAskedAgain() throws {
        let world = try MemberWorld(groups: [try GroupFixture()], ikeLifetime: .seconds(1000))
        try world.give(.start)
        world.frontends[0].postponesRekeys = true
        let said = try world.run(seconds: 950)
        #expect(said.contains("ike-sa-not-rekeyed TEMPORARY_FAILURE"))
        world.frontends[0].postponesRekeys = false
        #expect(try world.run(seconds: 20.1) == ["ike-sa-rekeyed"])
    }

    @Test func anSAThatIsNotRekeyedEndsWithItsKeys() throws {
        let world = try MemberWorld(groups: [try GroupFixture()], ikeLifetime: .seconds(1000))
        try world.give(.start)
        world.frontends[0].postponesRekeys = true
        let said = try world.run(seconds: 1001)
        #expect(said.last == "ike-sa-closed finished")
        #expect(world.frontends[0].establishedSAs == 0)
        // The group lives on by multicast.
        #expect(world.installed.count == 2)
    }

    @Test func aSilentFrontendDoesNotKeepOldSAs() throws {
        let world = try MemberWorld(groups: [try GroupFixture()], ikeLifetime: .seconds(1000))
        try world.give(.start)
        world.frontends[0].isDown = true
        let said = try world.run(seconds: 1000)
        #expect(said.contains("ike-sa-closed no answer"))
        #expect(world.core.deadline > world.now)
    }
}
