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

private func sends(_ effects: [BroadcastEffect]) -> [UInt8] {
    effects.compactMap { effect in
        if case .send(let datagrams, _, _) = effect { datagrams.first?.first } else { nil }
    }
}

@Suite struct BroadcastCoreTests {
    @Test func copiesAreIdenticalAndSpaced() throws {
        var core = BroadcastCore()
        let order = try order(1)
        core.accept(order, at: start)
        let first = core.advance(to: start)
        #expect(first == [.send(datagrams: order.datagrams, to: order.destination, timeToLive: 16)])
        #expect(core.nextDeadline == start + .milliseconds(250))
        let early = core.advance(to: start + .milliseconds(249))
        #expect(early.isEmpty)
        let second = core.advance(to: start + .milliseconds(250))
        #expect(second == first + [.finished(1)])
        #expect(core.nextDeadline == nil)
        #expect(core.pending == 0)
    }

    @Test func laterMessageOfAGroupWaitsForEveryCopyOfTheEarlier() throws {
        var core = BroadcastCore()
        core.accept(try order(2), at: start)
        core.accept(try order(1), at: start)
        var wire: [UInt8] = []
        var now = start
        for _ in 0..<8 {
            wire += sends(core.advance(to: now))
            now = now + .milliseconds(250)
        }
        #expect(wire == [1, 1, 2, 2])
    }

    @Test func groupsDoNotWaitForEachOther() throws {
        var core = BroadcastCore()
        core.accept(try order(1), at: start)
        core.accept(try order(2, group: "video"), at: start)
        let wire = sends(core.advance(to: start))
        #expect(wire == [1, 2])
    }

    @Test func anOrderOfferedAgainIsNotSentAgain() throws {
        var core = BroadcastCore()
        let order = try order(1, copies: 1)
        let isTaken = core.accept(order, at: start)
        let wire = sends(core.advance(to: start))
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
}
