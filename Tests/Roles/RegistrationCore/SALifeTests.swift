import GroupModel
import IKEExchange
import IKEVocabulary
import IKEWire
import TestKit
import Testing

@testable import RegistrationCore

/// How established SAs end: Delete, silence, the end of the process, and what timers cost.
struct SALifeTests {
    private func established(_ front: Front, seed: UInt64 = 1) throws -> ForgedInitiator {
        let forged = try ForgedInitiator(seed: seed)
        _ = try front.begin(forged)
        _ = try front.authenticate(forged, join: false)
        return forged
    }

    /// The frontend's request, opened.
    private func request(_ effects: [RegistrationEffect], _ forged: ForgedInitiator) throws -> ForgedInitiator.Opened {
        let opened = try forged.open(effects.sent)
        #expect(opened.header.exchange == .informational)
        #expect(!opened.header.isResponse && !opened.header.isFromInitiator)
        return opened
    }

    private func answer(_ front: Front, _ forged: ForgedInitiator, _ id: UInt32) throws -> [RegistrationEffect] {
        front.deliver(try forged.seal(.informational, id, [], isResponse: true))
    }

    private func tick(_ front: Front, after wait: Duration) -> [RegistrationEffect] {
        front.now = front.now + wait
        return front.core.tick(at: front.now)
    }

    // MARK: Delete

    @Test func anSAThatExpiresIsDeletedWithItsMember() throws {
        let front = try Front { $0.authenticationLife = .seconds(100) }
        let forged = try established(front)
        #expect(tick(front, after: .seconds(99)).isEmpty)
        let said = tick(front, after: .seconds(1))
        let opened = try request(said, forged)
        #expect(opened.payloads == [.delete(.ikeSA)])
        #expect(opened.header.messageID == .zero)
        #expect(said.events.map(\.name) == ["ike-expired"])
        // Nothing new is begun.
        #expect(front.deliver(try forged.seal(.gsaRegistration, 2, [.identificationGroup(frontGroup)])).isEmpty)
        // Only an authentic answer with its Message ID ends it.
        #expect(try answer(front, forged, 1).isEmpty)
        #expect(tick(front, after: .milliseconds(499)).isEmpty)
        #expect(tick(front, after: .milliseconds(1)).sent == said.sent)
        _ = try answer(front, forged, 0)
        #expect(tick(front, after: .seconds(5)).isEmpty)
        _ = tick(front, after: front.limits.linger)
        #expect(front.status("ike-sas") == 0)
        #expect(front.core.sasByIdentity.isEmpty && front.core.asking.isEmpty)
    }

    @Test func aMemberThatWasTakenOutIsToldSoAtOnce() throws {
        let front = try Front()
        let forged = try established(front)
        let member = try #require(front.core.sasByIdentity.keys.first)
        #expect(front.core.dismiss([.fqdn("somebody.else")], at: front.now).isEmpty)
        let said = front.core.dismiss([member], at: front.now)
        #expect(try request(said, forged).payloads == [.delete(.ikeSA)])
        #expect(said.events.map(\.name) == ["ike-dismissed"])
        // Nothing new is begun on it, and nobody is dismissed twice.
        #expect(front.deliver(try forged.seal(.gsaRegistration, 2, [.identificationGroup(frontGroup)])).isEmpty)
        #expect(front.core.dismiss([member], at: front.now).isEmpty)
        _ = try answer(front, forged, 0)
        _ = tick(front, after: front.limits.linger)
        #expect(front.status("ike-sas") == 0)
        #expect(front.core.sasByIdentity.isEmpty)
    }

    @Test func everySAOfADismissedMemberEndsWithItsOpenQuestion() throws {
        let front = try Front()
        for seed in UInt64(1)...3 { _ = try established(front, seed: seed) }
        let asking = try ForgedInitiator(seed: 4)
        _ = try front.begin(asking)
        _ = try front.authenticate(asking, join: true)
        #expect(front.core.asking.count == 1)
        let member = try #require(front.core.sasByIdentity.keys.first)
        let said = front.core.dismiss([member], at: front.now)
        #expect(said.events.count == 4)
        // What the authority answers afterwards finds nobody.
        #expect(front.core.asking.isEmpty)
    }

    @Test func deletesThatCrossAreBothAnswered() throws {
        let front = try Front { $0.authenticationLife = .seconds(100) }
        let forged = try established(front)
        #expect(tick(front, after: .seconds(100)).sent.count == 1)
        let own = front.deliver(try forged.seal(.informational, 2, [.delete(.ikeSA)]))
        #expect(try forged.open(own.sent).payloads.isEmpty)
        #expect(tick(front, after: .seconds(5)).isEmpty)
        _ = tick(front, after: front.limits.linger)
        #expect(front.status("ike-sas") == 0)
    }

    @Test func aDeleteThatNobodyAnswersIsRepeatedAndEnds() throws {
        let front = try Front { $0.authenticationLife = .seconds(100) }
        _ = try established(front)
        var sent = 0
        front.now = front.now + .seconds(100)
        while let deadline = front.core.nextDeadline, front.status("ike-sas") > 0 {
            front.now = max(front.now, deadline)
            sent += front.core.tick(at: front.now).sent.count
        }
        #expect(sent == Retransmission().tries)
        #expect(
            front.now.since(Moment(nanoseconds: 1_000)) <= .seconds(100) + front.limits.deletionWait
                + front.limits.linger)
    }

    @Test func theOldestOfAnIdentityIsTold() throws {
        let front = try Front { $0.sasPerIdentity = 2 }
        let first = try established(front, seed: 1)
        _ = try established(front, seed: 2)
        let third = try ForgedInitiator(seed: 3)
        _ = try front.begin(third)
        let said = try front.authenticate(third, join: false)
        #expect(said.events.map(\.name).contains("ike-evicted"))
        #expect(try first.open([try #require(said.sent.last)]).payloads == [.delete(.ikeSA)])
        _ = try answer(front, first, 0)
        _ = tick(front, after: front.limits.linger)
        #expect(front.status("ike-sas") == 2)
    }

    /// What an evicted SA had asked is nobody's any more.
    @Test func anEvictedQuestionIsForgotten() throws {
        let front = try Front { $0.sasPerIdentity = 1 }
        let first = try ForgedInitiator(seed: 1)
        _ = try front.begin(first)
        let asked = try #require(try front.authenticate(first, join: true).asked.first)
        _ = try established(front, seed: 2)
        #expect(front.status("asking") == 0)
        #expect(
            front.core.handle([RegistrationAnswer(operation: asked.operation, outcome: .left)], at: front.now).isEmpty)
    }

    @Test func theEndOfTheProcessIsSaidToAll() throws {
        let front = try Front { $0.sasPerIdentity = 100 }
        for seed: UInt64 in 1...10 { _ = try established(front, seed: seed) }
        _ = try front.begin(try ForgedInitiator(seed: 11))
        var chunks: [Int] = []
        while case let effects = front.core.farewell(atMost: 4, at: front.now), !effects.isEmpty {
            chunks.append(effects.sent.count)
        }
        #expect(chunks == [4, 4, 2])
        #expect(try front.begin(try ForgedInitiator(seed: 12)).isEmpty)
    }

    // MARK: Silence

    @Test func aSilentMemberIsAskedFirst() throws {
        let front = try Front { $0.idleLimit = .seconds(60) }
        let forged = try established(front)
        #expect(tick(front, after: .milliseconds(59_999)).isEmpty)
        let opened = try request(tick(front, after: .milliseconds(1)), forged)
        #expect(opened.payloads.isEmpty)
        _ = try answer(front, forged, 0)
        // Its answer counts as a sign of life, and so does a request.
        #expect(tick(front, after: .seconds(59)).isEmpty)
        _ = front.deliver(try forged.seal(.informational, 2, []))
        #expect(tick(front, after: .seconds(59)).isEmpty)
        let again = tick(front, after: .seconds(1))
        #expect(try request(again, forged).header.messageID == MessageID(rawValue: 1))
        #expect(front.status("ike-sas") == 1)
    }

    @Test func whoDoesNotAnswerTheProbeIsGone() throws {
        let front = try Front { $0.idleLimit = .seconds(60) }
        _ = try established(front)
        var events: [String] = []
        for _ in 0..<120 { events += tick(front, after: .seconds(1)).events.map(\.name) }
        #expect(events == ["ike-no-answer"])
        #expect(front.status("ike-sas") == 0)
    }

    /// A recorded request is no sign of life.
    @Test func repeatsDoNotKeepAnSAAlive() throws {
        let front = try Front { $0.idleLimit = .seconds(60) }
        let forged = try established(front)
        let old = try forged.seal(.informational, 2, [])
        _ = front.deliver(old)
        var probes = 0
        for _ in 0..<61 {
            probes += tick(front, after: .seconds(1)).sent.count
            _ = front.deliver(old)
        }
        #expect(probes > 0)
    }

    // MARK: Timers

    /// SAs that come and go leave no entry for the day they would have ended.
    @Test func endedSAsLeaveNoTimers() throws {
        let front = try Front { $0.idleLimit = .seconds(1_000_000) }
        for round in 0..<1500 {
            let forged = try established(front, seed: UInt64(round + 1))
            // Past the time of a half-open SA: from then on its timer is that of its end.
            _ = tick(front, after: front.limits.halfOpenLife)
            _ = front.deliver(try forged.seal(.informational, 2, [.delete(.ikeSA)]))
            _ = tick(front, after: front.limits.linger)
        }
        #expect(front.status("ike-sas") == 0)
        #expect(front.core.deadlines.count <= 1024 + 8)
    }

    @Test func aRebuiltHeapStillKeepsOrder() throws {
        var entropy = SeededEntropy(seed: 1)
        let entries = (0..<500).map { number in
            Deadlines.Entry(at: Moment(nanoseconds: entropy.next() % 1000), spi: IKESPI(rawValue: UInt64(number + 1)))
        }
        var deadlines = Deadlines(entries)
        for entry in entries.prefix(100) { deadlines.add(entry.spi, at: entry.at) }
        var last = Moment(nanoseconds: 0)
        var taken = 0
        while let entry = deadlines.takeDue(.never) {
            #expect(entry.at >= last)
            (last, taken) = (entry.at, taken + 1)
        }
        #expect(taken == 600)
    }
}
