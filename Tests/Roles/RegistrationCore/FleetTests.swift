import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import Octets
import TestKit
import Testing

@testable import RegistrationCore

/// SPIs that name their owner, and cookies that hold at every frontend.
struct SPIOwnershipTests {
    private let engine = CryptoEngine()

    /// Computed by Python's hmac from the drawing at `SPIOwnership`, key 00 … 1f.
    @Test(
        arguments: [
            (1, 0, 0x7c92_8d19_2c16_6650), (1, 1, 0x393a_db79_1829_f087), (2, 0xdead_beef, 0x8da9_ce9a_c9f1_cc36),
            (65535, 0xffff_ffff, 0x4edf_adbb_7a5c_71eb),
        ] as [(UInt16, UInt32, UInt64)])
    func knownAnswers(_ number: UInt16, _ random: UInt32, _ spi: UInt64) throws {
        let owner = try #require(FrontendNumber(rawValue: number))
        #expect(SPIOwnership.seal(owner, random: random, key: fleetKey(0), engine: engine)?.rawValue == spi)
        #expect(SPIOwnership.owner(of: IKESPI(rawValue: spi), key: fleetKey(0), engine: engine) == owner)
        #expect(SPIOwnership.owner(of: IKESPI(rawValue: spi), key: fleetKey(1), engine: engine) == nil)
        #expect(SPIOwnership.owner(of: IKESPI(rawValue: spi ^ 1), key: fleetKey(0), engine: engine) == nil)
    }

    @Test func whoGuessesHitsAnOwnerInFewCasesOnly() {
        var entropy = SeededEntropy(seed: 3)
        let found = (0..<20_000).count { _ in
            SPIOwnership.owner(of: IKESPI(rawValue: entropy.uint64()), key: fleetKey(0), engine: engine) != nil
        }
        #expect(found <= 4)
    }

    @Test func aFrontendGivesSPIsThatNameIt() throws {
        let pair = try Pair()
        for (number, seed) in [(1, 1), (2, 2), (1, 3)] as [(UInt16, UInt64)] {
            let forged = try pair.establish(seed, at: number)
            let owner = SPIOwnership.owner(of: forged.spiR, key: fleetKey(0), engine: engine)
            #expect(owner?.rawValue == number)
        }
        #expect(pair.one.statusCounters["ike-sas"] == 2)
    }

    @Test func aCookieHoldsAtTheOtherFrontendAndOverOneChange() throws {
        let pair = try Pair { $0.cookieThreshold = 0 }
        let forged = try ForgedInitiator(seed: 4)
        let asked = try pair.begin(forged, at: 1).sent
        #expect(asked.count == 1)
        var given: [UInt8]?
        for case .notify(let notify) in try ForgedInitiator.clear(asked[0].octets).payloads where notify.type == .cookie
        {
            given = notify.data
        }
        let cookie = try #require(given)
        #expect(cookie.first == 9)
        // The other frontend has heard of the next key already: this one is the one before.
        let now = try pair.update(for: 2)
        let next = FleetUpdate(
            number: now.number, cookieKeys: [now.cookieKeys[2], now.cookieKeys[0]], keys: now.keys, peers: now.peers,
            drain: nil)
        pair.two.learn(next, at: pair.now, wall: pairWall)
        #expect(try pair.begin(forged, at: 2, cookie: cookie).sent.count == 1)
        #expect(pair.two.statusCounters["half-open"] == 1)
        // Two changes later it is worth nothing.
        let last = FleetUpdate(
            number: now.number, cookieKeys: [now.cookieKeys[1]], keys: now.keys, peers: now.peers, drain: nil)
        pair.two.learn(last, at: pair.now, wall: pairWall)
        let other = try ForgedInitiator(seed: 4)
        _ = try pair.begin(other, at: 1)
        pair.now = pair.now + .seconds(60)
        _ = pair.two.tick(at: pair.now)
        _ = try pair.begin(other, at: 2, cookie: cookie)
        #expect(pair.two.statusCounters["cookies-wrong"] == 1)
        #expect(pair.two.statusCounters["half-open"] == 0)
    }
}

/// What frontends send each other.
struct RelayChannelTests {
    private let engine = CryptoEngine()

    private func message(_ text: String = "hello") throws -> RelayMessage {
        RelayMessage(
            kind: .arrived, local: try #require(Endpoint("192.0.2.1:500")),
            remote: try #require(Endpoint("198.51.100.7:4711")), message: Array(text.utf8))
    }

    /// Computed by Python (hmac, cryptography's AESGCM) from the drawings at `RelayChannel` and `RelayMessage`.
    @Test func knownAnswer() throws {
        let pair = try Pair()
        var sender = RelayChannel(instance: pair.instances[0])
        let sealed = sender.seal(try message(), to: try pair.peer(2), try pair.update(for: 1), engine: engine)
        #expect(
            sealed.map(Hex.encode)
                == "010700010000000000000001b99c5fb950a4d5f92a2441c682c3ff59f8b83cac94e3030aa86d9c229864c6fcef966fc70c"
        )
        var receiver = RelayChannel(instance: pair.instances[1])
        let opened = try receiver.open(try #require(sealed), try pair.update(for: 2), engine: engine)
        #expect(opened.sender.rawValue == 1)
        #expect(opened.message == (try message()))
    }

    @Test func eachIsTakenOnceAndOnlyByWhomItIsFor() throws {
        let pair = try Pair()
        var sender = RelayChannel(instance: pair.instances[0])
        var receiver = RelayChannel(instance: pair.instances[1])
        let fleet = try pair.update(for: 2)
        let sealed = try (0..<5).map { index in
            try #require(
                sender.seal(try message("\(index)"), to: try pair.peer(2), try pair.update(for: 1), engine: engine))
        }
        #expect(Set(sealed).count == 5)
        // Out of order is fine, again is not.
        for index in [1, 0, 4, 2] { _ = try receiver.open(sealed[index], fleet, engine: engine) }
        for index in [1, 0, 4, 2] {
            #expect(throws: RelayChannel.Refusal.replayed) { try receiver.open(sealed[index], fleet, engine: engine) }
        }
        // Any octet that is changed makes it nothing, and does not use its number up.
        for offset in sealed[3].indices {
            var damaged = sealed[3]
            damaged[offset] ^= 1
            #expect(throws: RelayChannel.Refusal.self) { try receiver.open(damaged, fleet, engine: engine) }
        }
        for count in sealed[3].indices {
            #expect(throws: RelayChannel.Refusal.self) {
                try receiver.open(Array(sealed[3].prefix(count)), fleet, engine: engine)
            }
        }
        _ = try receiver.open(sealed[3], fleet, engine: engine)
        // Neither its sender, nor another life of the receiver, nor the receiver when the sender is another life.
        #expect(throws: RelayChannel.Refusal.unknownSender) {
            try sender.open(sealed[0], try pair.update(for: 1), engine: engine)
        }
        var reborn = RelayChannel(instance: pair.instances[0])
        #expect(throws: RelayChannel.Refusal.notAuthentic) { try reborn.open(sealed[0], fleet, engine: engine) }
        let other = FleetUpdate(
            number: fleet.number, cookieKeys: fleet.cookieKeys, keys: fleet.keys,
            peers: [
                .init(
                    name: "frontend-1", number: try #require(FrontendNumber(rawValue: 1)),
                    announcement: .init(instance: pair.instances[1], relay: nil, publicAddress: nil), isDraining: false)
            ], drain: nil)
        #expect(throws: RelayChannel.Refusal.notAuthentic) { try receiver.open(sealed[0], other, engine: engine) }
    }

    @Test func forgedDatagramsCostOneDerivationAtMost() throws {
        let pair = try Pair()
        var receiver = RelayChannel(instance: pair.instances[1])
        let fleet = try pair.update(for: 2)
        var entropy = SeededEntropy(seed: 14)
        for _ in 0..<50 {
            let forged = [1, 7, 0, 1] + entropy.octets(60)
            #expect(throws: RelayChannel.Refusal.notAuthentic) { try receiver.open(forged, fleet, engine: engine) }
            #expect(receiver.incomingLinks == 1)
        }
        // Neither another number nor another epoch makes more of them.
        for _ in 0..<500 {
            let forged = [1, UInt8(entropy.uint32() % 7), 0, 1] + entropy.octets(60)
            _ = try? receiver.open(forged, fleet, engine: engine)
            _ = try? receiver.open([1, 7] + entropy.octets(62), fleet, engine: engine)
        }
        #expect(receiver.incomingLinks == 1)
    }

    @Test func aFrontendThatGetsAnotherNumberIsUnderstood() throws {
        let pair = try Pair()
        var sender = RelayChannel(instance: pair.instances[0])
        var receiver = RelayChannel(instance: pair.instances[1])
        let before = (own: try pair.update(for: 1), theirs: try pair.update(for: 2))
        func fleet(_ own: UInt16, _ peer: FleetUpdate.Peer) throws -> FleetUpdate {
            FleetUpdate(
                number: try #require(FrontendNumber(rawValue: own)), cookieKeys: before.own.cookieKeys,
                keys: before.own.keys, peers: [peer], drain: nil)
        }
        func peer(_ number: UInt16, _ index: Int) throws -> FleetUpdate.Peer {
            FleetUpdate.Peer(
                name: "frontend", number: try #require(FrontendNumber(rawValue: number)),
                announcement: .init(
                    instance: pair.instances[index], relay: pair.relays[index], publicAddress: nil), isDraining: false)
        }
        func sealed(to peer: FleetUpdate.Peer, _ fleet: FleetUpdate) throws -> [UInt8] {
            try #require(sender.seal(try message(), to: peer, fleet, engine: engine))
        }
        let first = try sealed(to: try pair.peer(2), before.own)
        _ = try receiver.open(first, before.theirs, engine: engine)
        // The sender is 3 now: the key is that of 3.
        let second = try sealed(to: try pair.peer(2), try fleet(3, try peer(2, 1)))
        #expect(try receiver.open(second, try fleet(2, try peer(3, 0)), engine: engine).sender.rawValue == 3)
        // The receiver is 4 now.
        let third = try sealed(to: try peer(4, 1), try fleet(3, try peer(4, 1)))
        _ = try receiver.open(third, try fleet(4, try peer(3, 0)), engine: engine)
        // As 2 again it takes what came to 2 no second time.
        #expect(throws: RelayChannel.Refusal.replayed) {
            try receiver.open(first, before.theirs, engine: engine)
        }
        #expect(throws: RelayChannel.Refusal.replayed) {
            try receiver.open(second, try fleet(2, try peer(3, 0)), engine: engine)
        }
    }

    @Test func theWindowRemembersTheLastThousand() {
        var window = ReplayWindow()
        #expect(!window.admits(0))
        var entropy = SeededEntropy(seed: 11)
        var seen: Set<UInt64> = []
        var highest: UInt64 = 0
        for _ in 0..<20_000 {
            let step = entropy.uint32() % 3000
            let number = step < 20 ? highest + UInt64(step) * 90 + 1 : highest &- UInt64(step % 1500)
            guard number > 0, number <= highest + 2000 else { continue }
            let isFresh = number > highest || (highest - number < 1024 && !seen.contains(number))
            #expect(window.admits(number) == isFresh)
            guard isFresh else { continue }
            window.note(number)
            seen.insert(number)
            highest = max(highest, number)
            #expect(!window.admits(number))
        }
        #expect(window.admits(.max))
        window.note(.max)
        #expect(!window.admits(.max) && !window.admits(highest))
    }

    @Test func onlyTheFormThatIsDrawnIsRead() throws {
        let good = try message().encode()
        #expect(RelayMessage(decoding: good) == (try message()))
        for count in 0..<(good.count - 5 + 1) { #expect(RelayMessage(decoding: Array(good.prefix(count))) == nil) }
        for (offset, octet) in [(0, 0), (0, 4), (1, 5), (8, 6)] as [(Int, UInt8)] {
            var bad = good
            bad[offset] = octet
            #expect(RelayMessage(decoding: bad) == nil)
        }
        var portless = good
        (portless[6], portless[7]) = (0, 0)
        #expect(RelayMessage(decoding: portless) == nil)
        var multicast = good
        multicast[9] = 239
        #expect(RelayMessage(decoding: multicast) == nil)
        let largest = RelayLimits.messageOctets
        #expect(RelayMessage(decoding: good + [UInt8](repeating: 0, count: largest - 5)) != nil)
        #expect(RelayMessage(decoding: good + [UInt8](repeating: 0, count: largest - 4)) == nil)
    }
}
