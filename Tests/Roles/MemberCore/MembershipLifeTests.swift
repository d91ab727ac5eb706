import GroupModel
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import MemberCore

@Suite struct MembershipLifeTests {
    @Test func anExcludedMemberAsksAgainAndIsRefused() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group])
        try world.give(.start)
        for frontend in world.frontends {
            frontend.answer = { _ in .refused(RegistrationRefusal(.notAuthorised, "excluded")) }
        }
        #expect(
            try world.multicast(try group.rekey(deletes: [.wholeGroup])) == [
                "group-excluded", "reregistration-planned excluded",
            ])
        #expect(
            try world.run(seconds: 5) == [
                "registration-refused AUTHORIZATION_FAILED", "remove 1", "remove rekey", "part 239.1.1.1:848",
            ])
        #expect(world.installed.isEmpty)
        // It asks every five minutes from then on, no more.
        let before = world.frontends[0].joins
        try world.run(seconds: 3600)
        #expect(world.frontends[0].joins - before <= 12)
    }

    @Test func aSoftLifetimeIsAnsweredOverTheStandingSA() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group])
        try world.give(.start)
        try world.run(seconds: 3300)
        group.dataSAs = [try group.makeDataSA()]
        let said = try world.run(seconds: 300)
        #expect(said == ["reregistration-planned soft-lifetime", "install 2 inbound", "remove 1"])
        #expect(world.frontends[0].initials == 1)
        #expect(world.frontends[0].joins == 2)
    }

    @Test func anUnknownSPIAtTheGroupsAddressMakesTheMemberAsk() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group])
        try world.give(.start)
        // The first rekey is lost; the second comes over the Rekey SA that it made.
        _ = try group.rekey(newRekeySA: true)
        let second = try group.rekey(newDataSA: true)
        #expect(try world.multicast(second) == ["reregistration-planned unknown-spi"])
        let said = try world.run(seconds: 180)
        #expect(said == ["remove rekey", "install rekey", "install 2 inbound"])
        #expect(world.frontends[0].joins == 2)
        // Late copies on the old Rekey SA are no news.
        #expect(try world.multicast(second) == [])
    }

    @Test func strangersCannotMakeAMemberAskOften() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group])
        try world.give(.start)
        var datagram = try group.rollover()
        for round in 0..<3600 {
            datagram[0] = UInt8(truncatingIfNeeded: round)
            datagram[1] = UInt8(truncatingIfNeeded: round >> 8)
            try world.multicast(datagram)
            try world.run(seconds: 1)
        }
        // Once in 10 to 13 minutes.
        #expect((5...8).contains(world.frontends[0].joins))
    }

    @Test func aMessageThatOvertakesTheRekeyThatMadeItsSAIsNotLost() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group])
        try world.give(.start)
        let first = try group.rekey(newRekeySA: true)
        let second = try group.rekey(newRekeySA: true)
        let third = try group.rekey(newDataSA: true)
        #expect(try world.multicast(third) == ["reregistration-planned unknown-spi"])
        #expect(try world.multicast(second) == [])
        #expect(try world.multicast(first) == ["install rekey", "install rekey", "install 2 inbound"])
        #expect(try world.run(seconds: 600) == ["remove rekey", "remove rekey"])
        #expect(world.frontends[0].joins == 1)
    }

    @Test func aGroupWithoutRekeySAEndsWithTheIKESA() throws {
        let group = try GroupFixture()
        group.givesRekeySA = false
        let world = try MemberWorld(groups: [group], livenessAfter: .seconds(20))
        #expect(try world.give(.start) == ["install 1 inbound"])
        world.frontends[0].isDown = true
        let said = try world.run(seconds: 120)
        #expect(said.prefix(2) == ["group-excluded", "reregistration-planned excluded"])
        #expect(world.frontends[1].joins == 1)
        // The new registration gave the same SA again before it was gone.
        #expect(world.installed.count == 1)
        for frontend in world.frontends { frontend.isDown = true }
        #expect(try world.run(seconds: 120).contains("remove 1"))
    }

    @Test func noChangedOctetOfARekeyTrapsOrMovesAnything() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group])
        try world.give(.start)
        let genuine = try group.rollover()
        for index in genuine.indices {
            var changed = genuine
            changed[index] ^= 0x10
            #expect(try world.multicast(changed).allSatisfy { !$0.hasPrefix("install") && !$0.hasPrefix("remove") })
            try world.multicast(Array(genuine.prefix(index)))
        }
        #expect(try world.multicast(genuine).contains("install 2 inbound"))
    }

    @Test func noChangedOctetOfAnIKEDatagramTraps() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group])
        try world.give(.start)
        var entropy = SeededEntropy(seed: 4)
        for count in 0..<400 { try world.give(.datagram(entropy.octets(count))) }
        #expect(world.installed.count == 2)
        #expect(try world.multicast(try group.rollover()) == ["install 2 inbound"])
    }

    @Test func leavingOneGroupKeepsTheOther() throws {
        let first = try GroupFixture()
        let second = try GroupFixture(seed: 12, group: "alarms")
        let world = try MemberWorld(groups: [first, second])
        try world.give(.start)
        #expect(try world.give(.leave(first.group)) == ["remove 1", "remove rekey"])
        #expect(world.frontends[0].leaves == [.registrationFailed])
        // Both share the rekey address: it is left with the second.
        #expect(world.listening.count == 1)
        #expect(try world.multicast(try second.rollover()) == ["install 2 inbound"])
        #expect(try world.give(.leave(second.group)) == ["remove 1", "remove 2", "remove rekey", "part 239.1.1.1:848"])
        #expect(!world.isFinished)
        #expect(try world.run(seconds: 86_400) == [])
    }

    @Test func stoppingLeavesClosesAndEnds() throws {
        let world = try MemberWorld(groups: [try GroupFixture(), try GroupFixture(seed: 12, group: "alarms")])
        try world.give(.start)
        let said = try world.give(.stop)
        #expect(said.last == "finished")
        #expect(world.isFinished && world.installed.isEmpty && world.listening.isEmpty)
        #expect(world.frontends[0].leaves == [.registrationFailed, .registrationFailed])
        #expect(world.frontends[0].establishedSAs == 0)
        #expect(world.core.deadline == .never)
        #expect(try world.give(.start) == [])
    }

    @Test func stoppingDoesNotWaitForADeadFrontend() throws {
        let world = try MemberWorld(groups: [try GroupFixture()])
        try world.give(.start)
        for frontend in world.frontends { frontend.isDown = true }
        #expect(try world.give(.stop) == ["remove 1", "remove rekey", "part 239.1.1.1:848"])
        // The first is given up in time to say farewell to the other.
        #expect(try world.run(seconds: 4.9) == ["ike-sa-closed no answer"])
        #expect(try world.run(seconds: 0.2) == ["finished"])
    }

    @Test func theOtherFrontendTakesTheFarewellOfOneThatStops() throws {
        let world = try MemberWorld(groups: [try GroupFixture()])
        try world.give(.start)
        world.frontends[0].isDown = true
        try world.give(.stop)
        #expect(try world.run(seconds: 5).last == "finished")
        #expect(world.frontends[1].leaves == [.registrationFailed])
    }

    @Test func stoppingBeforeAnythingWasReachedEndsAtOnce() throws {
        let world = try MemberWorld(groups: [try GroupFixture()])
        for frontend in world.frontends { frontend.isDown = true }
        try world.give(.start)
        let said = try world.give(.stop) + world.run(seconds: 6)
        #expect(said.last == "finished")
        let idle = try MemberWorld(groups: [try GroupFixture()])
        #expect(try idle.give(.stop) == ["finished"])
    }

    @Test func aFarewellMakesAnSAWhenThereIsNone() throws {
        let world = try MemberWorld(groups: [try GroupFixture()], livenessAfter: .seconds(20))
        try world.give(.start)
        world.frontends[0].isDown = true
        try world.run(seconds: 120)
        #expect(world.transcript.last == "ike-sa-closed no answer")
        let said = try world.give(.stop)
        #expect(said.last == "finished")
        #expect(world.frontends[1].leaves == [.registrationFailed])
        #expect(world.frontends[1].joins == 0)
    }

    @Test func livenessIsAskedOnlyInSilence() throws {
        let world = try MemberWorld(groups: [try GroupFixture()], livenessAfter: .seconds(20))
        try world.give(.start)
        let before = world.sentDatagrams
        try world.run(seconds: 200.5)
        #expect(world.sentDatagrams - before == 10)
        #expect(world.transcript.last == "install 1 inbound")
    }

    @Test func aDeadFrontendCostsNoRegistrationTime() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group], livenessAfter: .seconds(20))
        try world.give(.start)
        world.frontends[0].isDown = true
        try world.run(seconds: 120)
        // Noticed by liveness; nothing was needed since, so no SA was made.
        #expect(world.frontends[1].initials == 0)
        #expect(world.installed.count == 2)
        try world.multicast(try group.rekey(deletes: [.wholeGroup]))
        try world.run(seconds: 5)
        #expect(world.frontends[1].joins == 1)
        #expect(try world.run(seconds: 100) == [])
        #expect(world.installed.count == 2)
    }

    @Test func sasThatEndAtOnceAreAskedForMoreAndMoreSlowly() throws {
        let group = try GroupFixture()
        group.rekeySA.policy.lifetime = Lifetime(seconds: 0)
        group.dataSAs[0].policy.lifetime = Lifetime(seconds: 0)
        let world = try MemberWorld(groups: [group])
        try world.give(.start)
        try world.run(seconds: 3600)
        #expect(world.installed.isEmpty)
        #expect(world.frontends[0].joins <= 20)
    }

    @Test func whenNobodyAnswersEverythingEndsAndComesBack() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group], livenessAfter: .seconds(60))
        try world.give(.start)
        for frontend in world.frontends { frontend.isDown = true }
        try world.run(seconds: 86_401)
        #expect(world.installed.isEmpty)
        for frontend in world.frontends { frontend.isDown = false }
        group.rekeySA = try group.makeRekeySA()
        group.dataSAs = [try group.makeDataSA()]
        try world.run(seconds: 130)
        #expect(world.installed.count == 2)
    }

    @Test func afterATemporaryRefusalADyingFrontendIsNotWaitedFor() throws {
        let world = try MemberWorld(groups: [try GroupFixture(), try GroupFixture(seed: 12, group: "alarms")])
        let first = world.frontends[0]
        first.answer = { _ in
            first.isDown = true
            return .unavailable("no leader")
        }
        try world.give(.start)
        try world.run(seconds: 5)
        #expect(world.frontends[1].joins == 2)
        #expect(world.installed.count == 4)
    }

    @Test func aDeletedIKESADoesNotTouchTheGroup() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group], livenessAfter: .seconds(30))
        try world.give(.start)
        // The frontend restarts and knows nobody.
        world.frontends[0].forgetEverything()
        try world.run(seconds: 120)
        #expect(world.installed.count == 2)
        #expect(try world.multicast(try group.rollover()) == ["install 2 inbound"])
        #expect(world.frontends[0].joins == 1)
    }
}
