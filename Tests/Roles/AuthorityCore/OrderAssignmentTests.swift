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

    /// The messages of a group leave in order: while one is unfinished, the next follows it to the same broadcaster.
    @Test func aGroupStaysWithItsBroadcasterUntilItHasNothingLeft() throws {
        var assignments = OrderAssignments()
        #expect(assignments.assign(try order(1), among: [7]) == 7)
        for number in 2...9 { #expect(assignments.assign(try order(Int64(number)), among: [3, 5, 7, 9, 11]) == 7) }
        for number in 1...9 { assignments.finish(Int64(number)) }
        let choices = Set(
            try (0..<64).map { index in
                try #require(assignments.assign(try order(100 + Int64(index), "group-\(index)"), among: [3, 5, 7]))
            })
        #expect(choices == [3, 5, 7])
    }

    @Test func whatABroadcasterHadGoesToAnotherInOnePiece() throws {
        var assignments = OrderAssignments()
        for number in 1...3 { _ = assignments.assign(try order(Int64(number)), among: [7]) }
        assignments.forget(session: 7)
        for number in 1...3 { #expect(!assignments.has(Int64(number))) }
        #expect(assignments.assign(try order(1), among: []) == nil)
        #expect(!assignments.has(1))
        for number in 1...3 { #expect(assignments.assign(try order(Int64(number)), among: [8]) == 8) }
    }

    @Test func finishingTwiceOrTheUnknownChangesNothing() throws {
        var assignments = OrderAssignments()
        _ = assignments.assign(try order(1), among: [7])
        _ = assignments.assign(try order(2), among: [7])
        assignments.finish(1)
        assignments.finish(1)
        assignments.finish(99)
        #expect(assignments.has(2))
        #expect(assignments.assign(try order(3), among: [1]) == 7)
    }
}
