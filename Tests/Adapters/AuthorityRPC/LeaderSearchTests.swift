import Testing

@testable import AuthorityRPC

@Suite struct LeaderSearchTests {
    private func search() -> LeaderSearch { LeaderSearch(names: ["a", "b", "c"]) }

    @Test func hintsAreFollowedAtOnce() {
        var search = search()
        #expect(search.advance(after: .notLeader("c"), jitter: 1) == .zero)
        #expect(search.current == 2)
    }

    @Test func unknownAndOwnHintsRotate() {
        var search = search()
        #expect(search.advance(after: .notLeader("elsewhere"), jitter: 1) == .zero)
        #expect(search.current == 1)
        #expect(search.advance(after: .notLeader("b"), jitter: 1) == .zero)
        #expect(search.current == 2)
    }

    @Test func eachFullRoundWithoutSuccessWaitsLongerUpToTheLimit() {
        var search = search()
        var delays: [Duration] = []
        for _ in 0..<30 {
            let delay = search.advance(after: .failed, jitter: 1)
            if delay > .zero { delays.append(delay) }
        }
        #expect(delays.count == 10)
        #expect(delays.first == .milliseconds(50))
        #expect(delays[1] == .milliseconds(100) && delays[2] == .milliseconds(200))
        #expect(delays.last == .seconds(2))
        #expect(delays.allSatisfy { $0 <= LeaderSearch.delayMax })
    }

    @Test func whileALeaderIsChosenTheSearchStaysQuick() {
        var search = search()
        _ = search.advance(after: .lost(hint: nil), jitter: 1)
        var delays: [Duration] = []
        while delays.count < 20 {
            let delay = search.advance(after: .notLeader(nil), jitter: 1)
            if delay > .zero { delays.append(delay) }
        }
        #expect(delays.prefix(3) == [.milliseconds(50), .milliseconds(100), .milliseconds(200)])
        #expect(delays.prefix(LeaderSearch.electionRounds + 1).allSatisfy { $0 <= .milliseconds(200) })
        #expect(delays[LeaderSearch.electionRounds + 1] == .milliseconds(400))
        #expect(delays.last == LeaderSearch.delayMax)
        #expect(delays.prefix(LeaderSearch.electionRounds).reduce(.zero, +) > .seconds(2))
    }

    @Test func jitterHalvesAtMost() {
        var search = LeaderSearch(names: ["a"])
        #expect(search.advance(after: .failed, jitter: 0) == .milliseconds(25))
        #expect(search.current == 0)
    }

    @Test func authoritiesThatPointAtEachOtherDoNotSpin() {
        var search = LeaderSearch(names: ["a", "b"])
        var waited = Duration.zero
        for _ in 0..<20 { waited += search.advance(after: .notLeader(search.current == 0 ? "b" : "a"), jitter: 1) }
        #expect(waited >= .seconds(1))
    }

    @Test func aStreamThatWorkedStartsTheBackOffAnew() {
        var search = LeaderSearch(names: ["a", "b"])
        for _ in 0..<20 { _ = search.advance(after: .failed, jitter: 1) }
        let before = search.current
        #expect(search.advance(after: .lost(hint: nil), jitter: 1) == .zero)
        #expect(search.current != before)
        #expect(search.advance(after: .failed, jitter: 1) == .milliseconds(50))
    }

    @Test func batchesAreCutByItemsAndByOctets() {
        let many = Array(BatchCutter(Array(0..<2500)) { _ in 1 })
        #expect(many.map(\.count) == [1024, 1024, 452])
        #expect(many.flatMap { $0 } == Array(0..<2500))
        let heavy = Array(BatchCutter(Array(0..<5)) { _ in 600_000 })
        #expect(heavy.map(\.count) == [1, 1, 1, 1, 1])
        let mixed = Array(BatchCutter([400_000, 400_000, 400_000, 9_000_000, 1]) { $0 })
        #expect(mixed.map(\.count) == [2, 1, 1, 1])
        #expect(Array(BatchCutter([Int]()) { _ in 1 }).isEmpty)
    }
}
