import BroadcastCore
import GroupModel
import IKEVocabulary
import Testing

private let start = Moment(nanoseconds: 1_000_000_000)

private func order(_ number: Int64, group: String = "market-data", copies: UInt8 = 2) throws -> RekeyOrder {
    let address = try #require(IPAddress("239.1.1.1"))
    return RekeyOrder(
        number: number, group: try #require(GroupName(group)),
        spi: RekeySPI(initiatorHalf: IKESPI(rawValue: 1), responderHalf: IKESPI(rawValue: 2)),
        messageID: MessageID(rawValue: UInt32(truncatingIfNeeded: number)), destination: Endpoint(address, port: 848),
        timeToLive: 16,
        datagrams: [[UInt8(truncatingIfNeeded: number)], [2]], copies: copies, spacing: .milliseconds(250),
        createdAt: WallTime(milliseconds: 0))
}

/// A network that takes what it is given.
extension BroadcastCore {
    fileprivate mutating func play(to now: Moment) -> [BroadcastEffect] {
        var all: [BroadcastEffect] = []
        while nextDeadline.map({ $0 <= now }) ?? false {
            for effect in advance(to: now) {
                all.append(effect)
                if case .send(let order) = effect { all += sent(order, at: now) }
            }
        }
        return all
    }

    /// A network that takes nothing.
    fileprivate mutating func lose(at now: Moment) -> [BroadcastEffect] {
        advance(to: now).flatMap { effect -> [BroadcastEffect] in
            guard case .send(let order) = effect else { return [effect] }
            return failed(order, at: now)
        }
    }
}

private func sends(_ effects: [BroadcastEffect]) -> [Int64] {
    effects.compactMap { if case .send(let order) = $0 { order.number } else { nil } }
}

@Suite struct BroadcastCoreTests {
    @Test func copiesAreIdenticalAndSpaced() throws {
        var core = BroadcastCore()
        let order = try order(1)
        core.accept(order, at: start)
        let first = core.play(to: start)
        #expect(first == [.send(order)])
        #expect(core.nextDeadline == start + .milliseconds(250))
        let early = core.advance(to: start + .milliseconds(249))
        #expect(early.isEmpty)
        let second = core.play(to: start + .milliseconds(250))
        #expect(second == [.send(order), .finished(1)])
        #expect(core.nextDeadline == nil)
        #expect(core.pending == 0)
    }

    @Test func laterMessageOfAGroupWaitsForEveryCopyOfTheEarlier() throws {
        var core = BroadcastCore()
        core.accept(try order(2), at: start)
        core.accept(try order(1), at: start)
        var wire: [Int64] = []
        var now = start
        for _ in 0..<8 {
            wire += sends(core.play(to: now))
            now = now + .milliseconds(250)
        }
        #expect(wire == [1, 1, 2, 2])
    }

    @Test func groupsDoNotWaitForEachOther() throws {
        var core = BroadcastCore()
        core.accept(try order(1), at: start)
        core.accept(try order(2, group: "video"), at: start)
        let wire = sends(core.play(to: start))
        #expect(wire == [1, 2])
    }

    @Test func anOrderOfferedAgainIsNotSentAgain() throws {
        var core = BroadcastCore()
        let order = try order(1, copies: 1)
        let isTaken = core.accept(order, at: start)
        let wire = sends(core.play(to: start))
        let isTakenAgain = core.accept(order, at: start)
        #expect(isTaken && !isTakenAgain)
        #expect(wire == [1])
        let later = core.advance(to: start + .seconds(1))
        #expect(later.isEmpty)
    }

    @Test func theQueueIsBounded() throws {
        var core = BroadcastCore()
        var taken = 0
        for number in 1...Int64(BroadcastLimits.orders) + 1 where core.accept(try order(number), at: start) {
            taken += 1
        }
        #expect(taken == BroadcastLimits.orders)
        #expect(core.pending == BroadcastLimits.orders)
    }

    @Test func oneCopyOfAGroupIsUnderWayAtATime() throws {
        var core = BroadcastCore()
        let (earlier, later) = (try order(1), try order(2))
        core.accept(later, at: start)
        let first = core.advance(to: start)
        // Meanwhile an earlier one comes: it waits for the outcome.
        core.accept(earlier, at: start)
        let meanwhile = core.advance(to: start + .seconds(60))
        #expect(first == [.send(later)] && meanwhile.isEmpty && core.nextDeadline == nil)
        let outcome = core.sent(later, at: start)
        let again = core.sent(later, at: start)
        #expect(outcome.isEmpty && again.isEmpty)
        let next = sends(core.advance(to: start))
        #expect(next == [1])
    }
}

@Suite struct UnsentOrderTests {
    /// Nothing is acknowledged of which no copy left: it is told once, and tried at growing pauses.
    @Test func aCopyThatDidNotLeaveIsTriedAgainAndDoesNotCount() throws {
        var core = BroadcastCore()
        let order = try order(1)
        core.accept(order, at: start)
        var now = start
        var pauses: [Duration] = []
        var told: [BroadcastEffect] = []
        for _ in 0..<9 {
            told += core.lose(at: now)
            let next = try #require(core.nextDeadline)
            pauses.append(next.since(now))
            now = next
        }
        #expect(told == [.stuck(order)])
        #expect(pauses == [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000].map { .milliseconds($0) })
        #expect(core.pending == 1)
        let first = core.play(to: now)
        #expect(first == [.send(order)])
        let second = core.play(to: now + .milliseconds(250))
        #expect(second == [.send(order), .finished(1)])
        let isFinished = core.hasFinished(1)
        #expect(isFinished)
    }

    @Test func theNextMessageOfTheGroupWaitsAndOtherGroupsDoNot() throws {
        var core = BroadcastCore()
        core.accept(try order(1, copies: 1), at: start)
        core.accept(try order(2, copies: 1), at: start)
        core.accept(try order(3, group: "video", copies: 1), at: start)
        var finished: [BroadcastEffect] = []
        for effect in core.advance(to: start) {
            guard case .send(let order) = effect else { continue }
            finished += order.number == 3 ? core.sent(order, at: start) : core.failed(order, at: start)
        }
        #expect(finished == [.stuck(try order(1, copies: 1)), .finished(3)])
        let now = start + .milliseconds(100)
        let first = sends(core.play(to: now))
        let second = sends(core.play(to: now + .milliseconds(250)))
        #expect(first == [1] && second == [2])
    }

    /// Losing every copy until `moment`, with what was told at last.
    private func lose(_ core: inout BroadcastCore, until moment: Moment) -> [BroadcastEffect] {
        var last: [BroadcastEffect] = []
        while let next = core.nextDeadline, next < moment { last = core.lose(at: next) }
        return last
    }

    @Test func anOrderOfWhichNoCopyLeftInItsTimeIsAbandonedNotFinished() throws {
        var core = BroadcastCore()
        let order = try order(1)
        core.accept(order, at: start)
        let end = start + BroadcastLimits.orderLife
        let before = lose(&core, until: end)
        #expect(before.isEmpty && core.pending == 1)
        let last = core.lose(at: try #require(core.nextDeadline))
        #expect(last == [.abandoned(order)])
        #expect(core.pending == 0 && core.nextDeadline == nil)
        let isFinished = core.hasFinished(1)
        #expect(!isFinished)
        // A new leader may offer it again.
        let isTaken = core.accept(order, at: end)
        #expect(isTaken)
    }

    @Test func anOrderOfWhichOneCopyLeftIsFinishedAtItsEnd() throws {
        var core = BroadcastCore()
        core.accept(try order(1), at: start)
        let first = sends(core.play(to: start))
        #expect(first == [1])
        let end = start + BroadcastLimits.orderLife
        let before = lose(&core, until: end)
        #expect(before.isEmpty)
        let last = core.lose(at: try #require(core.nextDeadline))
        #expect(last == [.finished(1)])
        #expect(core.pending == 0)
    }
}

@Suite struct WithdrawalTests {
    /// What another broadcaster has now is not sent here any more, and may come back.
    @Test func aWithdrawnOrderIsNotSentAndMayBeGivenAgain() throws {
        var core = BroadcastCore()
        for number in 1...3 { core.accept(try order(Int64(number)), at: start) }
        let first = try order(1)
        let underWay = core.advance(to: start)
        #expect(sends(underWay) == [1])
        for number in 1...2 { core.withdraw(Int64(number)) }
        #expect(core.pending == 1)
        // The copy that was under way says nothing any more.
        let late = core.sent(first, at: start) + core.failed(first, at: start)
        #expect(late.isEmpty)
        let rest = core.play(to: start + .seconds(4)) + core.play(to: start + .seconds(5))
        #expect(sends(rest) == [3, 3])
        #expect(!core.hasFinished(1))
        let isTaken = core.accept(first, at: start + .seconds(6))
        #expect(isTaken)
        let again = core.play(to: start + .seconds(7)) + core.play(to: start + .seconds(8))
        #expect(sends(again) == [1, 1])
        #expect(core.hasFinished(1) && core.pending == 0)
        core.withdraw(1)
        core.withdraw(99)
        #expect(core.hasFinished(1) && core.pending == 0)
    }

    @Test func theFirstCopyIsKnown() throws {
        var core = BroadcastCore()
        let first = try order(1)
        core.accept(first, at: start)
        #expect(core.isFirstCopy(first))
        _ = core.advance(to: start)
        _ = core.failed(first, at: start)
        #expect(core.isFirstCopy(first))
        _ = core.advance(to: start + .seconds(1))
        _ = core.sent(first, at: start + .seconds(1))
        #expect(!core.isFirstCopy(first))
    }
}
