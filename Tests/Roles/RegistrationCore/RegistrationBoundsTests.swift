import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import RegistrationCore
import TestKit
import Testing

/// What a stranger can make a frontend do, and what it costs.
struct RegistrationBoundsTests {
    @Test func repeatedInitialRequestGetsTheSameAnswerWithoutMoreState() throws {
        let front = try Front()
        let forged = try ForgedInitiator(seed: 1)
        let first = try front.begin(forged)
        #expect(front.deliver([forged.request]).sent == first)
        #expect(front.status("half-open") == 1)
        _ = try front.authenticate(forged, join: false)
        #expect(front.status("half-open") == 0)
        #expect(front.status("ike-sas") == 1)
    }

    /// Two SAs under one initiator SPI: the end of the first must not forget the second.
    @Test func aNewRequestUnderTheSameSPIIsAnotherSA() throws {
        let front = try Front()
        let one = try ForgedInitiator(seed: 2)
        let other = try ForgedInitiator(seed: 2)
        _ = try front.begin(one)
        let request = other.initRequest(
            [ForgedInitiator.proposal()], more: Front.padding + [.vendorID([1, 2, 3])])
        let answer = front.deliver([request]).sent
        try other.takeInit(try #require(answer.first))
        #expect(one.spiI == other.spiI && one.spiR != other.spiR)
        _ = try front.authenticate(one, join: false)
        #expect(front.deliver([request]).sent == answer)
        _ = try front.authenticate(other, join: false)
        #expect(front.status("ike-sas") == 2)
    }

    @Test func cookiesAreAskedForAboveTheThresholdAndStillLetMembersIn() throws {
        let front = try Front { $0.cookieThreshold = 3 }
        for host in 1...3 {
            let sent = try front.begin(try ForgedInitiator(seed: UInt64(host)), host: UInt8(host))
            #expect(try ForgedInitiator.clear(sent[0]).types.contains(.keyExchange))
        }
        let late = try ForgedInitiator(seed: 99)
        let cookie = try #require(try front.cookie(front.begin(late, host: 9)))
        #expect(front.status("half-open") == 3)
        let again = late.initRequest([ForgedInitiator.proposal()], cookie: cookie, more: Front.padding)
        try late.takeInit(try #require(front.deliver([again], host: 9).sent.first))
        #expect(try front.authenticate(late, join: true, host: 9).asked.count == 1)
    }

    @Test func oneAddressMustProveItselfBeforeOthers() throws {
        let front = try Front { $0.halfOpenPerAddress = 2 }
        for seed: UInt64 in 1...2 { _ = try front.begin(try ForgedInitiator(seed: seed), host: 4) }
        #expect(try front.cookie(front.begin(try ForgedInitiator(seed: 3), host: 4)) != nil)
        #expect(try front.cookie(front.begin(try ForgedInitiator(seed: 4), host: 5)) == nil)
        #expect(front.status("half-open") == 3)
    }

    @Test func halfOpenTableIsBoundedAndEmptiesWithTime() throws {
        let front = try Front {
            $0.halfOpen = 5
            $0.cookieThreshold = 1000
        }
        for seed: UInt64 in 1...20 {
            let forged = try ForgedInitiator(seed: seed)
            // Once it is full, whoever wants in proves his address; then the oldest goes.
            if let cookie = try front.cookie(front.begin(forged, host: UInt8(seed))) {
                _ = try front.begin(forged, from: front.path(UInt8(seed)), cookie: cookie)
            }
        }
        #expect(front.status("half-open") == 5)
        #expect(front.core.counters.dropped["half-open-evicted"] == 15)
        front.now = front.now + front.limits.halfOpenLife
        _ = front.core.tick(at: front.now)
        #expect(front.status("half-open") == 0)
        #expect(front.core.counters.dropped["half-open-expired"] == 5)
        #expect(try front.begin(try ForgedInitiator(seed: 21)).count == 1)
    }

    /// Sum over a flood of short requests: not one octet more out than in, and no state (architecture, invariant 5).
    @Test func strangersNeverGetMoreThanTheySend() throws {
        let front = try Front()
        var (sentIn, sentOut) = (0, 0)
        for seed: UInt64 in 1...30 {
            let forged = try ForgedInitiator(seed: seed)
            let request = forged.initRequest([ForgedInitiator.proposal()], more: [])
            sentIn += request.count
            let answer = front.deliver([request], host: UInt8(seed)).sent
            sentOut += answer.reduce(0) { $0 + $1.count }
            #expect(try front.cookie(answer) != nil)
        }
        #expect(sentOut <= sentIn)
        #expect(front.status("half-open") == 0)
        // One octet too short gets a cookie, the exact size the full answer.
        let reply = try #require(try front.begin(try ForgedInitiator(seed: 50)).first)
        let base = try ForgedInitiator(seed: 51).initRequest([ForgedInitiator.proposal()], more: []).count + 4
        for (size, isFull) in [(reply.count - 1, false), (reply.count, true)] {
            let forged = try ForgedInitiator(seed: 51)
            let request = forged.initRequest(
                [ForgedInitiator.proposal()], more: [.vendorID([UInt8](repeating: 0, count: size - base))])
            #expect(request.count == size)
            #expect(try (front.cookie(front.deliver([request], host: 51).sent) == nil) == isFull)
        }
    }

    @Test func anEarlierQuestionsTimerDoesNotEndALaterOne() throws {
        let front = try Front()
        let forged = try ForgedInitiator(seed: 60)
        _ = try front.begin(forged)
        let first = try #require(try front.authenticate(forged, join: true).asked.first)
        let refusal = RegistrationOutcome.refused(RegistrationRefusal(.groupFull, "full"))
        _ = front.core.handle([RegistrationAnswer(operation: first.operation, outcome: refusal)], at: front.now)
        front.now = front.now + (front.limits.authorityWait - .milliseconds(10))
        let request = try forged.seal(.gsaRegistration, 2, [.identificationGroup(frontGroup)])
        let second = try #require(front.deliver(request).asked.first)
        front.now = front.now + .milliseconds(20)
        #expect(front.core.tick(at: front.now).sent.isEmpty)
        #expect(front.status("asking") == 1)
        let answer = front.core.handle(
            [RegistrationAnswer(operation: second.operation, outcome: refusal)], at: front.now)
        #expect(try forged.open(answer.sent).errors == [.registrationFailed])
        #expect(front.core.counters.unavailable == 0)
    }

    @Test func anAuthorityThatIsSilentIsTemporaryFailureAtItsLimit() throws {
        let front = try Front()
        let forged = try ForgedInitiator(seed: 61)
        _ = try front.begin(forged)
        let asked = try #require(try front.authenticate(forged, join: true).asked.first)
        let limit = front.now + front.limits.authorityWait
        front.now = Moment(nanoseconds: limit.nanoseconds - 1)
        #expect(front.core.tick(at: front.now).isEmpty)
        front.now = limit
        let sent = front.core.tick(at: front.now).sent
        #expect(try forged.open(sent).errors == [.temporaryFailure])
        let late = RegistrationAnswer(operation: asked.operation, outcome: .left)
        #expect(front.core.handle([late], at: front.now).isEmpty)
    }

    @Test func endedSAsAnswerForAWhileAndThenAreGone() throws {
        let front = try Front()
        let forged = try ForgedInitiator(seed: 62)
        _ = try front.begin(forged)
        _ = try front.authenticate(forged, join: false)
        let delete = try forged.seal(.informational, 2, [.delete(.ikeSA)])
        let answer = front.deliver(delete).sent
        #expect(answer.count == 1)
        #expect(front.deliver(delete).sent == answer)
        front.now = front.now + front.limits.linger
        _ = front.core.tick(at: front.now)
        #expect(front.deliver(delete).sent.isEmpty)
        #expect(front.status("ike-sas") == 0)
    }

    @Test func cookieSecretsRotateAndTheLastStaysGood() throws {
        let front = try Front { $0.cookieThreshold = 0 }
        let forged = try ForgedInitiator(seed: 64)
        let cookie = try #require(try front.cookie(front.begin(forged)))
        let again = forged.initRequest([ForgedInitiator.proposal()], cookie: cookie, more: Front.padding)
        front.now = front.now + front.limits.cookieSecretLife
        _ = front.core.tick(at: front.now)
        let taken = try #require(front.deliver([again]).sent.first)
        #expect(try ForgedInitiator.clear(taken).types.contains(.keyExchange))
        front.now = front.now + front.limits.cookieSecretLife
        _ = front.core.tick(at: front.now)
        let refused = front.deliver([again], host: 8).sent
        #expect(try front.cookie(refused) != nil)
    }

    @Test func malformedDatagramsAreOneLimitedEventAndNoState() throws {
        let front = try Front()
        let request = try ForgedInitiator(seed: 65).initRequest([ForgedInitiator.proposal()], more: Front.padding)
        for count in request.indices {
            let effects = front.deliver([Array(request.prefix(count))])
            #expect(effects.sent.isEmpty)
            #expect(effects.events.map(\.limitedBy) == ["198.51.100.7"])
        }
        #expect(front.status("half-open") == 0)
    }

    /// Every prefix and single-octet corruption of a whole registration into a frontend that must still work after it.
    @Test func corruptedJourneysLeaveTheFrontendWorking() throws {
        let front = try Front { $0.halfOpen = 200 }
        let forged = try ForgedInitiator(seed: 66)
        _ = try front.begin(forged)
        let payloads: [Payload] = [
            .identificationInitiator(frontMember), try forged.sharedKeyProof(frontMember, front.key),
            .identificationGroup(frontGroup),
        ]
        let auth = try forged.seal(.gsaAuth, 1, payloads)
        for good in [forged.request] + auth {
            for index in good.indices {
                for flip: UInt8 in [0x01, 0x80, 0xff] {
                    var bad = good
                    bad[index] ^= flip
                    let effects = front.deliver([bad], host: 200)
                    #expect(effects.asked.isEmpty)
                    #expect(effects.sent.reduce(0) { $0 + $1.count } <= bad.count)
                }
                #expect(front.deliver([Array(good.prefix(index))], host: 201).sent.isEmpty)
            }
        }
        #expect(front.status("half-open") <= 200)
        let asked = try #require(front.deliver(auth).asked.first)
        let answer = front.core.handle([RegistrationAnswer(operation: asked.operation, outcome: .left)], at: front.now)
        #expect(try forged.accepts(try forged.open(answer.sent), sharedKey: front.key))
        let fresh = try ForgedInitiator(seed: 67)
        front.now = front.now + front.limits.halfOpenLife
        _ = front.core.tick(at: front.now)
        _ = try front.begin(fresh)
        #expect(try front.authenticate(fresh, join: true).asked.count == 1)
    }

    /// Timers of many SAs come out in order and each does its work once.
    @Test func manySAsAllExpire() throws {
        let front = try Front {
            $0.cookieThreshold = .max
            $0.halfOpenPerAddress = .max
        }
        var created: [Moment] = []
        for seed: UInt64 in 1...300 {
            created.append(front.now)
            _ = try front.begin(try ForgedInitiator(seed: seed), host: UInt8(seed % 200))
            front.now = front.now + .milliseconds(Int64(seed * 7 % 13))
        }
        #expect(front.status("half-open") == 300)
        while let deadline = front.core.nextDeadline, front.status("half-open") > 0 {
            front.now = max(front.now, deadline)
            _ = front.core.tick(at: front.now)
            let alive = created.filter { $0 + front.limits.halfOpenLife > front.now }.count
            #expect(front.status("half-open") == Int64(alive))
        }
        #expect(front.status("half-open") == 0)
    }
}
