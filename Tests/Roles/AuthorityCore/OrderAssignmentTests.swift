import AuthorityCore
import GroupModel
import IKEVocabulary
import TestKit
import Testing

@Suite struct OrderAssignmentTests {
    private func order(_ number: Int64, _ group: String = "market-data") throws -> RekeyOrder {
        RekeyOrder(
            number: number, group: try #require(GroupName(group)),
            spi: RekeySPI(initiatorHalf: IKESPI(rawValue: 1), responderHalf: IKESPI(rawValue: 2)),
            messageID: MessageID(rawValue: UInt32(number)),
            destination: Endpoint(try #require(IPAddress("239.1.1.1")), port: 848), timeToLive: 16, datagrams: [[1]],
            copies: 2, spacing: .milliseconds(100), createdAt: morning)
    }

    private let start = Moment(nanoseconds: 1_000_000_000)

    /// The messages of a group leave in order: while one is unfinished, the next follows it to the same broadcaster.
    @Test func aGroupStaysWithItsBroadcasterUntilItHasNothingLeft() throws {
        var assignments = OrderAssignments()
        #expect(assignments.assign(try order(1), among: [7], at: start) == 7)
        for number in 2...9 {
            #expect(assignments.assign(try order(Int64(number)), among: [3, 5, 7, 9, 11], at: start) == 7)
        }
        for number in 1...9 { assignments.finish(Int64(number)) }
        let choices = Set(
            try (0..<64).map { index in
                try #require(
                    assignments.assign(try order(100 + Int64(index), "group-\(index)"), among: [3, 5, 7], at: start))
            })
        #expect(choices == [3, 5, 7])
    }

    @Test func whatABroadcasterHadGoesToAnotherInOnePiece() throws {
        var assignments = OrderAssignments()
        for number in 1...3 { _ = assignments.assign(try order(Int64(number)), among: [7], at: start) }
        assignments.forget(session: 7)
        for number in 1...3 { #expect(!assignments.has(Int64(number))) }
        #expect(assignments.assign(try order(1), among: [], at: start) == nil)
        #expect(!assignments.has(1))
        for number in 1...3 { #expect(assignments.assign(try order(Int64(number)), among: [8], at: start) == 8) }
    }

    @Test func finishingTwiceOrTheUnknownChangesNothing() throws {
        var assignments = OrderAssignments()
        _ = assignments.assign(try order(1), among: [7], at: start)
        _ = assignments.assign(try order(2), among: [7], at: start)
        assignments.finish(1)
        assignments.finish(1)
        assignments.finish(99)
        #expect(assignments.has(2))
        #expect(assignments.assign(try order(3), among: [1], at: start) == 7)
    }

    /// All orders of a group move together, and no further order of it goes to who cannot send, for a while.
    @Test func whatABroadcasterCannotSendGoesToAnother() throws {
        var assignments = OrderAssignments()
        for number in 1...3 { _ = assignments.assign(try order(Int64(number)), among: [7], at: start) }
        _ = assignments.assign(try order(10, "orders"), among: [7], at: start)
        #expect(assignments.handBack([1], by: 7, among: [7, 8], at: start) == [1, 2, 3])
        for number in 1...3 { #expect(assignments.assign(try order(Int64(number)), among: [7, 8], at: start) == 8) }
        #expect(assignments.has(10))
        for number in 1...3 { assignments.acknowledge(Int64(number), by: 8) }
        #expect(assignments.assign(try order(4), among: [7, 8], at: start) == 8)
    }

    @Test func withoutAnotherItStaysWhereItIs() throws {
        var assignments = OrderAssignments()
        _ = assignments.assign(try order(1), among: [7], at: start)
        #expect(assignments.handBack([1], by: 7, among: [7], at: start).isEmpty)
        #expect(assignments.has(1))
        // Nobody takes orders from another one by saying so.
        #expect(assignments.handBack([1, 2], by: 8, among: [7, 8], at: start).isEmpty)
        // Both cannot: it stays with the last until the first may be tried again.
        _ = assignments.handBack([1], by: 7, among: [7, 8], at: start)
        #expect(assignments.assign(try order(1), among: [7, 8], at: start) == 8)
        #expect(assignments.handBack([1], by: 8, among: [7, 8], at: start).isEmpty)
        let later = start + OrderAssignments.passedBy
        #expect(assignments.handBack([1], by: 8, among: [7, 8], at: later) == [1])
        #expect(assignments.assign(try order(1), among: [7, 8], at: later) == 7)
    }
}
