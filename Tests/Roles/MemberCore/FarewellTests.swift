import GroupModel
import IKEVocabulary
import TestKit
import Testing

@testable import MemberCore

/// A leave that the GCKS did not take note of.
@Suite struct FarewellTests {
    private func leaves(_ world: MemberWorld) -> Int { world.frontends.reduce(0) { $0 + $1.leaves.count } }

    @Test func aLeaveThatIsPutOffIsSaidAgain() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group], frontends: 1)
        try world.give(.start)
        world.frontends[0].answer = { _ in .unavailable("no leader") }
        try world.give(.leave(group.group))
        #expect(leaves(world) == 1)
        try world.run(seconds: 30)
        #expect((2...8).contains(leaves(world)))
        world.frontends[0].answer = { _ in .left }
        try world.run(seconds: 60)
        let said = leaves(world)
        try world.run(seconds: 3600)
        #expect(leaves(world) == said)
    }

    @Test func anotherFrontendTakesTheLeave() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group])
        try world.give(.start)
        world.frontends[0].answer = { _ in .unavailable("no leader") }
        try world.give(.stop)
        try world.run(seconds: 4)
        #expect(world.isFinished)
        #expect(world.frontends.map(\.leaves.count) == [1, 1])
    }

    @Test func stoppingWaitsForARefusedLeaveNoLongerThanItsTime() throws {
        let world = try MemberWorld(groups: [try GroupFixture()], frontends: 1)
        try world.give(.start)
        world.frontends[0].answer = { _ in .unavailable("no leader") }
        try world.give(.stop)
        try world.run(seconds: 4.9)
        #expect(!world.isFinished)
        #expect((2...4).contains(leaves(world)))
        try world.run(seconds: 0.2)
        #expect(world.isFinished)
    }
}
