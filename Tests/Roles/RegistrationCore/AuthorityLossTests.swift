import GroupModel
import IKEExchange
import IKEVocabulary
import IKEWire
import TestKit
import Testing

@testable import RegistrationCore

/// What members hear while no authority leads.
struct AuthorityLossTests {
    private func join(_ front: Front, seed: UInt64) throws -> (ForgedInitiator, [RegistrationEffect]) {
        let forged = try ForgedInitiator(seed: seed)
        _ = try front.begin(forged)
        return (forged, try front.authenticate(forged, join: true))
    }

    /// A member with default settings sends four times in 7.5 s: it must hear within them.
    @Test func theWaitIsShorterThanAMembersPatience() {
        #expect(RegistrationLimits().authorityWait <= .seconds(4))
    }

    @Test func aShortLossIsWaitedFor() throws {
        let front = try Front()
        front.core.authority(isReachable: false, at: front.now)
        front.now = front.now + .milliseconds(1999)
        let (_, asked) = try join(front, seed: 1)
        #expect(asked.asked.count == 1)
        // Further signs of the same loss do not begin it anew.
        front.core.authority(isReachable: false, at: front.now)
        front.now = front.now + .milliseconds(1)
        let (forged, refused) = try join(front, seed: 2)
        #expect(refused.asked.isEmpty)
        let opened = try forged.open(refused.sent)
        #expect(opened.errors == [.temporaryFailure])
        #expect(try forged.accepts(opened, sharedKey: front.key))
        #expect(front.status("asking") == 1 && front.status("unavailable") == 1)
        // The SA is up, and carries the next try once there is a leader.
        front.core.authority(isReachable: true, at: front.now)
        let next = try forged.seal(.gsaRegistration, 2, [.identificationGroup(frontGroup)])
        #expect(front.deliver(next).asked.count == 1)
    }

    @Test func aLossAfterAReturnHasItsOwnGrace() throws {
        let front = try Front()
        front.core.authority(isReachable: false, at: front.now)
        front.now = front.now + .seconds(100)
        front.core.authority(isReachable: true, at: front.now)
        front.core.authority(isReachable: false, at: front.now)
        #expect(try join(front, seed: 1).1.asked.count == 1)
    }

    /// A day without authority: the table holds what lives, not every try.
    @Test func anOutageDoesNotFillTheTable() throws {
        let front = try Front()
        front.core.authority(isReachable: false, at: front.now)
        for seed: UInt64 in 1...200 {
            front.now = front.now + .seconds(8)
            _ = try join(front, seed: seed)
            _ = front.core.tick(at: front.now)
        }
        #expect(front.status("ike-sas") <= 4 + 5)
        #expect(front.core.deadlines.count <= 1024 + 32)
    }
}
