import GroupModel
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import RegistrationCore

/// Datagrams that land at the wrong frontend.
struct RelayTests {
    @Test func aMemberRegistersWhateverFrontendItsDatagramsLandAt() throws {
        let pair = try Pair()
        let forged = try ForgedInitiator(seed: 1)
        #expect(try pair.begin(forged, at: 1).sent.count == 1)
        var effects: [(by: UInt16, effect: RegistrationEffect)] = []
        let payloads = try pair.proof(forged) + [.identificationGroup(frontGroup)]
        for datagram in try forged.seal(.gsaAuth, 1, payloads) { effects += pair.deliver(datagram, to: 2) }
        let request = try #require(
            effects.compactMap { if case .ask(let request) = $0.effect { request } else { nil } }.first)
        #expect(effects.contains { if case .ask = $0.effect { $0.by == 1 } else { false } })
        #expect(request.remote == pair.path(2).remote)
        #expect(request.frontend == "frontend-1")
        let answer = RegistrationAnswer(operation: request.operation, outcome: .refused(.init(.unknownGroup, "none")))
        let sent = pair.spread(pair.one.handle([answer], at: pair.now), by: 1).sent
        // It leaves where the request arrived, from the socket it arrived at.
        #expect(sent.map(\.by) == [2])
        #expect(sent[0].path.local == pair.path(2).local && sent[0].path.remote == pair.path(2).remote)
        #expect(try forged.open([sent[0].octets]).header.messageID == MessageID(rawValue: 1))
        #expect(pair.two.statusCounters["relayed-out"] == 1)
        #expect(pair.one.statusCounters["relayed-in"] == 1)
        #expect(pair.two.statusCounters["sent-for-others"] == 1)
        #expect(pair.two.statusCounters["ike-sas"] == 0)
    }

    @Test func aRepeatedRequestIsAnsweredWhereItLands() throws {
        let pair = try Pair()
        let forged = try pair.establish(2, at: 1)
        let request = try forged.seal(.informational, 2, [])
        let first = pair.deliver(request[0], to: 1).sent
        #expect(first.map(\.by) == [1])
        let again = pair.deliver(request[0], to: 2).sent
        #expect(again.map(\.by) == [2])
        #expect(again.map(\.octets) == first.map(\.octets))
        // Recorded and sent from elsewhere it is nothing, by whatever frontend.
        #expect(pair.deliver(request[0], to: 2, host: 66).sent.isEmpty)
        #expect(pair.deliver(request[0], to: 1, host: 66).sent.isEmpty)
    }

    @Test func theFrontendsOwnQuestionsLeaveByTheLastPath() throws {
        let pair = try Pair { $0.idleLimit = .seconds(100) }
        let forged = try pair.establish(3, at: 1)
        _ = pair.deliver(try forged.seal(.informational, 2, [])[0], to: 2)
        let probe = pair.tick(1, after: .seconds(100)).sent
        #expect(probe.map(\.by) == [2])
        let answered = pair.deliver(try forged.seal(.informational, 0, [], isResponse: true)[0], to: 2)
        #expect(answered.sent.isEmpty)
        #expect(pair.one.slots[forged.spiR]?.sa.nextDeadline == nil)
        // When the frontend on the path is gone, the owner answers by itself; its program finds the socket.
        let alone = try pair.update(for: 1)
        pair.one.learn(
            FleetUpdate(
                number: alone.number, cookieKeys: alone.cookieKeys, keys: alone.keys, peers: [], drain: nil),
            at: pair.now, wall: pairWall)
        let direct = pair.tick(1, after: .seconds(100)).sent
        #expect(direct.map(\.by) == [1])
        #expect(direct.first?.path.via?.rawValue == 2)
    }

    @Test func nothingIsHandedOnTwice() throws {
        let pair = try Pair()
        let forged = try pair.establish(4, at: 1)
        let request = try forged.seal(.informational, 2, [])
        // It comes to two over the relay although it is one's: no second hop.
        var sender = RelayChannel(instance: pair.instances[0])
        let message = RelayMessage(
            kind: .arrived, local: pair.path(1).local, remote: pair.path(1).remote, message: request[0])
        let sealed = try #require(
            sender.seal(message, to: try pair.peer(2), try pair.update(for: 1), engine: pair.one.engine))
        let effects = pair.two.handleRelayed(sealed, from: pair.relays[0], at: pair.now, wall: pairWall)
        #expect(!effects.contains { if case .relay = $0 { true } else { false } })
        #expect(pair.two.counters.dropped["unknown-spi"] == 1)
    }

    @Test func whatIsNobodysIsDropped() throws {
        let pair = try Pair()
        let forged = try pair.establish(5, at: 1)
        var request = try forged.seal(.informational, 2, [])[0]
        request[15] ^= 1
        #expect(pair.deliver(request, to: 2).sent.isEmpty)
        #expect(pair.two.statusCounters["relayed-out"] == 0)
        // An SPI of one under another initiator's SPI is handed on, and dropped there.
        var other = try forged.seal(.informational, 2, [])[0]
        other[0] ^= 1
        #expect(pair.deliver(other, to: 2).sent.isEmpty)
        #expect(pair.one.counters.dropped["unknown-spi"] == 1)
    }

    @Test func aSourceCannotMakeTheRelayWorkWithoutBound() throws {
        let pair = try Pair {
            $0.relayedPerSource = 10
            $0.relayBurst = 20
        }
        let forged = try pair.establish(6, at: 1)
        let request = try forged.seal(.informational, 2, [])[0]
        for _ in 0..<100 { _ = pair.deliver(request, to: 2) }
        #expect(pair.two.statusCounters["relayed-out"] == 20)
        #expect(pair.two.counters.dropped["relay-rate"] == 80)
        // Others are heard all the same.
        _ = pair.deliver(request, to: 2, host: 8)
        #expect(pair.two.statusCounters["relayed-out"] == 21)
    }

    @Test func oneSPIFromEverywhereLeavesTheRelayToOthers() throws {
        let pair = try Pair {
            $0.relayedInAll = 50
            $0.relayedPerSPI = 10
            $0.relayedPerSPIBurst = 20
        }
        let loud = try pair.establish(7, at: 1)
        let quiet = try pair.establish(8, at: 1)
        let request = try loud.seal(.informational, 2, [])[0]
        // Source addresses cost whoever makes them up nothing.
        for host in UInt8(1)...200 { _ = pair.deliver(request, to: 2, host: host) }
        #expect(pair.two.counters.relayedOut == 20)
        #expect(pair.two.counters.dropped["relay-rate"] == 180)
        #expect(pair.deliver(try quiet.seal(.informational, 2, [])[0], to: 2).sent.count == 1)
        #expect(pair.two.counters.relayedOut == 21)
    }

    @Test func newMembersOfADrainingFrontendLeaveTheRelayToOthers() throws {
        let pair = try Pair {
            $0.relayedInAll = 50
            $0.relayedInitials = 10
        }
        let known = try pair.establish(9, at: 1)
        try pair.tell(draining: 2, hasAddress: false)
        for host in UInt8(1)...200 {
            let forged = try ForgedInitiator(seed: 100 + UInt64(host))
            let request = forged.initRequest([ForgedInitiator.proposal()], more: Front.padding)
            _ = pair.deliver(request, to: 2, host: host)
        }
        #expect(pair.two.counters.relayedOut == 10)
        #expect(pair.deliver(try known.seal(.informational, 2, [])[0], to: 2).sent.count == 1)
    }

    @Test func whatNobodyGaveIsNotHandedOn() throws {
        let pair = try Pair()
        let forged = try pair.establish(10, at: 1)
        var entropy = SeededEntropy(seed: 13)
        for _ in 0..<200 {
            let request = try forged.seal(.informational, 2, [])[0]
            let effects = pair.deliver(Array(request[..<8]) + entropy.octets(8) + request[16...], to: 2)
            #expect(effects.sent.isEmpty)
        }
        #expect(pair.two.counters.dropped["unknown-owner"] == 200)
        #expect(pair.two.counters.relayedOut == 0)
    }

    @Test func onlyWhatIsAuthenticCountsAsProved() throws {
        let pair = try Pair()
        let forged = try pair.establish(11, at: 1)
        let before = pair.one.counters
        #expect(before.provedOctets > 0 && before.provedOctets < before.octets)
        let request = try forged.seal(.informational, 2, [])[0]
        for offset in [23, 40, request.count - 1] {
            var damaged = request
            damaged[offset] ^= 1
            _ = pair.deliver(damaged, to: 1)
            _ = pair.deliver(damaged, to: 2)
        }
        #expect(pair.one.counters.provedOctets == before.provedOctets)
        #expect(pair.two.counters.octets > 0)
        // Whoever hands it on has proved nothing, its owner has.
        _ = pair.deliver(request, to: 2)
        #expect(pair.two.counters.provedOctets == 0)
        #expect(pair.one.counters.provedOctets == before.provedOctets + Int64(request.count))
        #expect(pair.one.counters.octets > before.octets)
    }

    @Test func strangersAtTheRelayGetNothing() throws {
        let pair = try Pair()
        var entropy = SeededEntropy(seed: 12)
        for _ in 0..<500 {
            let datagram = [1, 7, 0, 2] + entropy.octets(Int(entropy.uint32() % 200))
            let effects = pair.one.handleRelayed(datagram, from: pair.relays[1], at: pair.now, wall: pairWall)
            #expect(effects.sent.isEmpty)
        }
        #expect(pair.one.statusCounters["relay-refused"] == 500)
    }
}
