import IKEExchange
import IKEVocabulary
import IKEWire
import TestKit
import Testing

@testable import RegistrationCore

/// Strangers by where they come from: an IPv4 address or an IPv6 /64.
struct SourceTests {
    /// Begins with a cookie when one is asked for.
    private func begin(_ forged: ForgedInitiator, _ front: Front, _ path: DatagramPath) throws -> [[UInt8]] {
        let sent = try front.begin(forged, from: path)
        guard let cookie = try front.cookie(sent) else { return sent }
        return try front.begin(forged, from: path, cookie: cookie)
    }

    @Test func oneSlash64IsOneSource() throws {
        let front = try Front { $0.halfOpenPerAddress = 2 }
        for host: UInt8 in 1...2 {
            _ = try front.begin(try ForgedInitiator(seed: UInt64(host)), from: front.path6(1, host))
        }
        #expect(try front.cookie(front.begin(try ForgedInitiator(seed: 3), from: front.path6(1, 3))) != nil)
        #expect(try front.cookie(front.begin(try ForgedInitiator(seed: 4), from: front.path6(2, 3))) == nil)
    }

    /// A flood from one /64 takes its own places, not those of others.
    @Test func whoHoldsTheMostGivesWay() throws {
        let front = try Front { $0.halfOpen = 12 }
        let early = try ForgedInitiator(seed: 1000)
        _ = try front.begin(early, host: 9)
        for seed: UInt64 in 1...60 {
            front.now = front.now + .milliseconds(1)
            _ = try begin(try ForgedInitiator(seed: seed), front, front.path6(7, UInt8(seed)))
        }
        #expect(front.status("half-open") == 12)
        let late = try ForgedInitiator(seed: 1001)
        #expect(try begin(late, front, front.path(10)).count == 1)
        for seed: UInt64 in 61...90 {
            _ = try begin(try ForgedInitiator(seed: seed), front, front.path6(7, UInt8(seed)))
        }
        #expect(try front.authenticate(late, join: false, host: 10).sent.count == 1)
        #expect(try front.authenticate(early, join: false, host: 9).sent.count == 1)
        #expect(front.status("ike-sas") == 2)
    }

    @Test func largeInitialRequestsAreNotRead() throws {
        let front = try Front()
        let base = try ForgedInitiator(seed: 1).initRequest([ForgedInitiator.proposal()], more: []).count + 4
        for (size, isTaken) in [(4096, true), (4097, false), (60_000, false)] {
            let forged = try ForgedInitiator(seed: UInt64(size))
            let request = forged.initRequest(
                [ForgedInitiator.proposal()], more: [.vendorID([UInt8](repeating: 0, count: size - base))])
            #expect(request.count == size)
            #expect(front.deliver([request]).sent.isEmpty == !isTaken)
        }
        #expect(front.core.counters.dropped["too-large"] == 2)
        #expect(front.status("half-open") == 1)
    }

    /// Public-key work costs a token of the network, a repeated request or a cookie answer none.
    @Test func keyExchangesOfOneSourceAreBounded() throws {
        let front = try Front {
            $0.exchangesPerSource = 2
            $0.exchangeBurst = 3
            $0.halfOpenPerAddress = .max
        }
        var seed: UInt64 = 0
        func full(_ path: DatagramPath) throws -> Bool {
            seed += 1
            return try front.begin(try ForgedInitiator(seed: seed), from: path).count == 1
        }
        let taken = try (1...6).map { try full(front.path6(1, UInt8($0))) }
        #expect(taken == [true, true, true, false, false, false])
        #expect(front.core.counters.dropped["source-rate"] == 3)
        #expect(try full(front.path6(2, 1)) && full(front.path(9)))
        front.now = front.now + .milliseconds(500)
        #expect(try full(front.path6(1, 1)))
        #expect(try !full(front.path6(1, 2)))
        front.now = front.now + .seconds(100)
        #expect(try (1...4).map { _ in try full(front.path6(1, 1)) } == [true, true, true, false])
        // Whoever has not proved his address takes nobody's token.
        let strict = try Front {
            $0.exchangeBurst = 1
            $0.cookieThreshold = 0
        }
        for seed: UInt64 in 100...110 { _ = try strict.begin(try ForgedInitiator(seed: seed)) }
        #expect(strict.core.counters.dropped["source-rate"] == nil)
        #expect(try begin(try ForgedInitiator(seed: 200), strict, strict.path()).count == 1)
        #expect(strict.status("half-open") == 1)
    }

    @Test func bucketsOfManySourcesAreBounded() {
        var buckets = FairBuckets<SourceNetwork>(perSecond: 1, burst: 1, capacity: 10)
        func source(_ number: Int) -> SourceNetwork {
            SourceNetwork(IPAddress(octets: [10, 0, UInt8(number >> 8), UInt8(number & 255)]) ?? .anyIPv4)
        }
        var now = Moment(nanoseconds: 0)
        #expect((0..<100).filter { buckets.take(source($0), at: now) }.count == 11)
        now = now + .seconds(1)
        #expect((0..<100).filter { buckets.take(source($0), at: now) }.count == 11)
    }

    @Test func networksOfEveryFamily() throws {
        func network(_ text: String) throws -> SourceNetwork { SourceNetwork(try #require(IPAddress(text))) }
        #expect(try network("192.0.2.1") != network("192.0.2.2"))
        #expect(try network("192.0.2.1") == network("::ffff:192.0.2.1"))
        #expect(try network("2001:db8:0:1::1") == network("2001:db8:0:1:ffff::2"))
        #expect(try network("2001:db8:0:1::1") != network("2001:db8:0:2::1"))
        #expect(try network("0.0.0.1") != network("::1"))
    }

    /// An answer to IKE_SA_INIT is repeated as often as any other answer.
    @Test func repeatsOfAnInitialAnswerAreBounded() throws {
        let front = try Front()
        let forged = try ForgedInitiator(seed: 5)
        _ = try front.begin(forged)
        func repeats(_ count: Int) -> Int {
            (0..<count).reduce(0) { sum, _ in sum + front.deliver([forged.request]).sent.count }
        }
        #expect(repeats(100) == 8)
        front.now = front.now + .seconds(1)
        #expect(repeats(100) == 1)
        #expect(front.status("half-open") == 1)
    }

    /// A member that begins again and again does not fill the table.
    @Test func oneIdentityKeepsItsLastFourSAs() throws {
        let front = try Front()
        for seed: UInt64 in 1...10 {
            let forged = try ForgedInitiator(seed: seed)
            front.now = front.now + .seconds(1)
            _ = try front.begin(forged)
            _ = try front.authenticate(forged, join: false)
        }
        front.now = front.now + .seconds(60)
        _ = front.core.tick(at: front.now)
        front.now = front.now + .seconds(60)
        _ = front.core.tick(at: front.now)
        #expect(front.status("ike-sas") == 4)
    }

    @Test func initialContactEndsTheOthers() throws {
        let front = try Front()
        var before: [ForgedInitiator] = []
        for seed: UInt64 in 1...3 {
            before.append(try ForgedInitiator(seed: seed))
            _ = try front.begin(before[before.count - 1])
            _ = try front.authenticate(before[before.count - 1], join: false)
        }
        let forged = try ForgedInitiator(seed: 9)
        _ = try front.begin(forged)
        _ = front.deliver(
            try forged.seal(
                .ikeAuth, 1,
                [
                    .identificationInitiator(frontMember), try forged.sharedKeyProof(frontMember, front.key),
                    .notify(NotifyPayload(.initialContact)),
                ]))
        #expect(front.status("ike-sas") == 1)
        for old in before { #expect(front.deliver(try old.seal(.informational, 2, [])).sent.isEmpty) }
        #expect(front.deliver(try forged.seal(.informational, 2, [])).sent.count == 1)
    }
}
