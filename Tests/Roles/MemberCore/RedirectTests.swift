import GroupModel
import IKEExchange
import IKEVocabulary
import IKEWire
import TestKit
import Testing

@testable import MemberCore

/// Members that are sent to another frontend (RFC 5685).
struct RedirectTests {
    private func world(frontends: Int = 2) throws -> MemberWorld {
        try MemberWorld(groups: [try GroupFixture()], frontends: frontends)
    }

    private func gateway(_ text: String) throws -> RedirectGateway {
        RedirectGateway(try #require(IPAddress(text)))
    }

    @Test func aMemberThatComesGoesWhereItIsSent() throws {
        let world = try world()
        world.frontends[0].sendsTo = try gateway("192.0.2.2")
        try world.give(.start)
        #expect(world.frontends[0].initials == 1)
        #expect(world.frontends[1].initials == 1)
        #expect(world.frontends[1].establishedSAs == 1)
        #expect(world.frontends[1].joins == 1)
        // The one it was sent to hears who sent it (RFC 5685 4).
        #expect(world.frontends[1].sentBy == [try gateway("192.0.2.1")])
        #expect(world.frontends[0].sentBy.isEmpty)
    }

    @Test(arguments: [false, true])
    func anUnprovedRedirectIsWorthOneAttempt(falls: Bool) throws {
        let world = try world()
        world.frontends[0].sendsTo = try gateway("192.0.2.2")
        world.frontends[1].isDown = falls
        try world.give(.start)
        #expect(world.frontends[0].initials == 1)
        world.frontends[0].sendsTo = nil
        // However the attempt ends: nobody answers there, or it stood and served and then ended.
        if falls {
            try world.run(seconds: 30)
        } else {
            #expect(world.frontends[1].joins == 1)
            for datagram in try world.frontends[1].dismiss(at: world.now) { try world.give(.datagram(datagram)) }
            try world.give(.leave(world.groups[0].group))
            try world.run(seconds: 1)
        }
        #expect(world.frontends[0].initials == 2)
        #expect(world.frontends[1].initials == (falls ? 0 : 1))
    }

    @Test func aProvedRedirectHoldsUntilThatFrontendFails() throws {
        let world = try world()
        try world.give(.start)
        for datagram in try world.frontends[0].redirect(to: try gateway("192.0.2.2"), at: world.now) {
            try world.give(.datagram(datagram))
        }
        for datagram in try world.frontends[1].dismiss(at: world.now) { try world.give(.datagram(datagram)) }
        try world.give(.leave(world.groups[0].group))
        try world.run(seconds: 1)
        #expect(world.frontends[0].initials == 1)
        #expect(world.frontends[1].initials == 2)
        #expect(world.frontends[1].leaves.count == 1)
    }

    @Test func whatIsClosedDoesNotLiveOnElsewhere() throws {
        let world = try world()
        try world.give(.start)
        try world.give(.leave(world.groups[0].group))
        world.frontends[1].isDown = true
        for datagram in try world.frontends[0].redirect(to: try gateway("192.0.2.2"), at: world.now) {
            try world.give(.datagram(datagram))
        }
        // The Delete is not answered: the IKE SA there could stand before the end.
        world.frontends[0].isDown = true
        try world.give(.stop)
        world.frontends[1].isDown = false
        try world.run(seconds: 20)
        #expect(world.frontends[1].initials == 0)
        #expect(world.isFinished)
    }

    @Test func aMemberMovesAndKeepsWhatItHolds() throws {
        let world = try world()
        try world.give(.start)
        let held = Set(world.installed.keys)
        #expect(!held.isEmpty)
        for datagram in try world.frontends[0].redirect(to: try gateway("192.0.2.2"), at: world.now) {
            try world.give(.datagram(datagram))
        }
        #expect(world.frontends[1].establishedSAs == 1)
        #expect(world.frontends[0].establishedSAs == 0)
        #expect(Set(world.installed.keys) == held)
        // No registration was needed.
        #expect(world.frontends[0].joins == 1 && world.frontends[1].joins == 0)
    }

    @Test func aMemberStaysWhenItIsSentWhereNobodyAnswers() throws {
        let world = try world()
        try world.give(.start)
        world.frontends[1].isDown = true
        for datagram in try world.frontends[0].redirect(to: try gateway("192.0.2.2"), at: world.now) {
            try world.give(.datagram(datagram))
        }
        try world.run(seconds: 90)
        #expect(world.frontends[0].establishedSAs == 1)
        #expect(world.frontends[0].joins == 1)
    }

    @Test func aMemberThatIsSentRoundInCirclesStops() throws {
        let world = try world()
        world.frontends[0].sendsTo = try gateway("192.0.2.2")
        world.frontends[1].sendsTo = try gateway("192.0.2.1")
        try world.give(.start)
        let initials = world.frontends[0].initials + world.frontends[1].initials
        // Five are followed; the sixth is nothing, and is repeated as anything without an answer.
        #expect(initials == 6)
        world.frontends[0].sendsTo = nil
        world.frontends[1].sendsTo = nil
        try world.run(seconds: 60)
        #expect(world.frontends[0].establishedSAs + world.frontends[1].establishedSAs == 1)
    }

    @Test(
        arguments: [
            [3, 2, 0x61, 0x62], [1, 4, 192, 0, 2], [1, 16, 192, 0, 2, 2], [2, 4, 192, 0, 2, 2], [1, 4, 239, 0, 0, 1],
            [1, 4, 0, 0, 0, 0], [], [1],
        ] as [[UInt8]])
    func whatIsNoAddressIsNotFollowed(_ octets: [UInt8]) {
        #expect(RedirectGateway(decoding: octets, nonce: []) == nil)
    }

    @Test func theNonceMustBeOurs() throws {
        let octets = try gateway("192.0.2.2").octets
        #expect(RedirectGateway(decoding: octets + [1, 2, 3], nonce: [1, 2, 3]) == (try gateway("192.0.2.2")))
        #expect(RedirectGateway(decoding: octets + [1, 2, 4], nonce: [1, 2, 3]) == nil)
        #expect(RedirectGateway(decoding: octets, nonce: [1, 2, 3]) == nil)
        #expect(RedirectGateway(decoding: octets + [1], nonce: []) == nil)
        let six = try gateway("2001:db8::2")
        #expect(RedirectGateway(decoding: six.octets, nonce: []) == six)
    }
}
