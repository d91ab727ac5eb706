import GroupModel
import Testing

@testable import AuthorityRPC

@Suite struct StatusMergerTests {
    @Test func theLeadersViewIsCompletedByWhatIsSeenFromHere() throws {
        var merger = StatusMerger()
        merger.follows("auth-1", "auth-2")
        merger.answered("auth-2", try Samples.cluster())
        merger.unreachable("auth-3", "connection refused", wasReached: false)
        let status = merger.seenFromHere()
        #expect(status.leader == "auth-2" && status.term == 14)
        #expect(status.nodes.map(\.name) == ["auth-1", "auth-2", "auth-3"])
        #expect(status.nodes.map(\.state) == ["follower", "leader", "unreachable"])
        #expect(status.nodes.map(\.detail) == ["lag 0", "", "connection refused"])
    }

    @Test func withoutALeaderTheNodesAreStillTold() throws {
        var merger = StatusMerger()
        merger.follows("auth-1", nil)
        merger.unreachable("auth-2", "connection refused", wasReached: false)
        let status = merger.seenFromHere()
        #expect(status.leader == nil)
        #expect(status.nodes.map(\.state) == ["follower", "unreachable"])
    }

    @Test func theNewerTermWins() throws {
        var (merger, old, new) = (StatusMerger(), try Samples.cluster(leader: "auth-1"), try Samples.cluster())
        old.term = 13
        new.term = 15
        merger.answered("auth-1", old)
        merger.answered("auth-2", new)
        #expect(merger.seenFromHere().leader == "auth-2")
    }

    @Test func nothingReachableIsStillShown() {
        var merger = StatusMerger()
        merger.unreachable("auth-1", "connection refused", wasReached: false)
        let status = merger.seenFromHere()
        #expect(status.leader == nil && status.nodes.map(\.detail) == ["connection refused"])
    }
}
