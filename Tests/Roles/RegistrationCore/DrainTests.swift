import GroupModel
import IKEExchange
import IKEVocabulary
import IKEWire
import TestKit
import Testing

@testable import RegistrationCore

/// A frontend that takes no new members and sends away those it has (RFC 5685).
struct DrainTests {
    private func redirect(_ octets: [UInt8]) throws -> NotifyPayload? {
        for case .notify(let notify) in try ForgedInitiator.clear(octets).payloads where notify.type == .redirect {
            return notify
        }
        return nil
    }

    @Test func whoComesIsSentToTheOtherWithItsNonce() throws {
        let pair = try Pair()
        try pair.tell(draining: 1)
        let forged = try ForgedInitiator(seed: 1)
        let sent = try pair.begin(forged, at: 1).sent
        #expect(sent.map(\.by) == [1])
        let notify = try #require(try redirect(sent[0].octets))
        #expect(notify.data == [1, 4, 192, 0, 2, 2] + forged.nonce)
        #expect(RedirectGateway(decoding: notify.data, nonce: forged.nonce)?.address == pair.relays[1].address)
        #expect(pair.one.statusCounters["half-open"] == 0)
        #expect(pair.one.statusCounters["redirected"] == 1)
    }

    @Test func whoDoesNotFollowRedirectIsServedByTheOtherThroughThisOne() throws {
        let pair = try Pair()
        try pair.tell(draining: 1)
        let forged = try ForgedInitiator(seed: 2)
        let sent = try pair.begin(forged, at: 1, redirectable: false).sent
        #expect(sent.map(\.by) == [1])
        #expect(pair.one.statusCounters["half-open"] == 0)
        #expect(pair.two.statusCounters["half-open"] == 1)
        for datagram in try forged.seal(.ikeAuth, 1, try pair.proof(forged)) {
            #expect(pair.deliver(datagram, to: 1).sent.map(\.by) == [1])
        }
        #expect(pair.two.statusCounters["ike-sas"] == 1)
    }

    /// Behind one shared address nobody is redirected: the other takes over at once.
    @Test func withoutPublicAddressesNobodyIsRedirected() throws {
        let pair = try Pair()
        let old = try pair.establish(3, at: 1)
        try pair.tell(draining: 1, hasAddress: false)
        _ = try pair.begin(try ForgedInitiator(seed: 4), at: 1)
        #expect(pair.two.statusCounters["half-open"] == 1)
        #expect(pair.tick(1, after: .seconds(1)).sent.isEmpty)
        #expect(pair.deliver(try old.seal(.informational, 2, [])[0], to: 1).sent.count == 1)
    }

    @Test func aFrontendThatDrainsTakesNobodyFromAnother() throws {
        let pair = try Pair()
        try pair.tell(draining: 1)
        let request = try ForgedInitiator(seed: 5).initRequest([ForgedInitiator.proposal()], more: Front.padding)
        let path = DatagramPath(
            local: pair.path(2).local, remote: pair.path(2).remote, isEncapsulated: false,
            via: FrontendNumber(rawValue: 2))
        let effects = pair.one.handle(request, path, at: pair.now, wall: pairWall)
        #expect(effects.sent.isEmpty && effects.events.map(\.name) == ["datagram-dropped"])
    }

    @Test func membersThatFollowAreAskedToGo() throws {
        let pair = try Pair()
        let follower = try pair.establish(6, at: 1)
        let stayer = try pair.establish(7, at: 1, redirectable: false)
        try pair.tell(draining: 1)
        let said = pair.tick(1, after: .milliseconds(1)).sent
        #expect(said.count == 1)
        let opened = try follower.open(said.map(\.octets))
        #expect(opened.header.exchange == .informational && !opened.header.isResponse)
        #expect(opened.payloads == [.notify(NotifyPayload(.redirect, data: [1, 4, 192, 0, 2, 2]))])
        // Both may stay: nobody is told Delete without a deadline.
        _ = pair.deliver(try follower.seal(.informational, 0, [], isResponse: true)[0], to: 1)
        #expect(pair.deliver(try stayer.seal(.informational, 2, [])[0], to: 1).sent.count == 1)
        #expect(pair.one.statusCounters["ike-sas"] == 2)
        // Asked again in the next round, in case it could not go.
        #expect(pair.tick(1, after: pair.one.limits.drainRound).sent.count == 1)
    }

    @Test func theDeadlineEndsWhoIsLeft() throws {
        let pair = try Pair()
        let stayer = try pair.establish(8, at: 1, redirectable: false)
        try pair.tell(draining: 1, deadline: WallTime(milliseconds: pairWall.milliseconds + 30_000))
        #expect(pair.tick(1, after: .milliseconds(1)).sent.isEmpty)
        #expect(pair.tick(1, after: .seconds(29)).sent.isEmpty)
        let said = pair.tick(1, after: .seconds(1)).sent
        #expect(try stayer.open(said.map(\.octets)).payloads == [.delete(.ikeSA)])
        _ = pair.deliver(try stayer.seal(.informational, 0, [], isResponse: true)[0], to: 1)
        _ = pair.tick(1, after: pair.one.limits.linger)
        #expect(pair.one.statusCounters["ike-sas"] == 0)
        #expect(pair.one.statusCounters["draining"] == 1)
    }

    @Test func membersAreSpokenToAFewAtATime() throws {
        let pair = try Pair {
            $0.sasPerIdentity = 100
            $0.drainedAtOnce = 3
            // All is said before anything of it is repeated.
            $0.drainPause = .milliseconds(50)
        }
        for seed in 20..<30 { _ = try pair.establish(UInt64(seed), at: 1) }
        try pair.tell(draining: 1)
        var counts: [Int] = []
        for _ in 0..<5 { counts.append(pair.tick(1, after: pair.one.limits.drainPause).sent.count) }
        #expect(counts == [3, 3, 3, 1, 0])
    }

    @Test func anOrderThatIsTakenBackEndsIt() throws {
        let pair = try Pair()
        try pair.tell(draining: 1)
        try pair.tell()
        #expect(try pair.begin(try ForgedInitiator(seed: 9), at: 1).sent.count == 1)
        #expect(pair.one.statusCounters["half-open"] == 1)
        #expect(pair.one.nextDeadline != nil)
    }
}
