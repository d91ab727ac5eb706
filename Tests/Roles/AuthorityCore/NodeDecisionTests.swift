import AuthorityCore
import GroupModel
import IKEVocabulary
import Testing

/// What the core remembers of nodes and of leadership given away.
@Suite struct NodeDecisionTests {
    private func mandate(_ number: UInt8, isDryRun: Bool = false) throws -> Mandate {
        Mandate(
            operation: try #require(OperationID(octets: [UInt8](repeating: number, count: 16))), isDryRun: isDryRun)
    }

    private func ask(
        _ authority: Authority, _ request: ClusterRequest, by actor: OperatorActor = alice
    ) throws -> Result<OperatorReply, OperatorFailure> {
        let effects = try authority.decide([.operation(.cluster(request), by: actor, token: 1)])
        for effect in effects { if case .reply(let result, _) = effect { return result } }
        throw OperatorFailure.unavailable("no reply")
    }

    private func lines(_ result: Result<OperatorReply, OperatorFailure>) throws -> [String] {
        guard case .done(let lines) = try result.get() else { return [] }
        return lines
    }

    @Test func aDrainIsKeptOverLeadershipsAndAskedTwiceDoneOnce() throws {
        let authority = try Authority()
        let drain = ClusterRequest.drain(node: "authority-2", isDrained: true, try mandate(1))
        let first = try lines(try ask(authority, drain))
        #expect(authority.core.drainedNodes == ["authority-2"])
        try authority.restart()
        #expect(authority.core.drainedNodes == ["authority-2"])
        #expect(try lines(try ask(authority, drain)) == first)
        #expect(authority.trail.filter { $0.entry.action == "node-drain" }.map(\.entry.object) == ["node/authority-2"])
        _ = try ask(authority, .drain(node: "authority-2", isDrained: false, try mandate(2)))
        try authority.restart()
        #expect(authority.core.drainedNodes.isEmpty)
    }

    @Test func aDryDrainChangesNothing() throws {
        let authority = try Authority()
        let told = try lines(
            try ask(authority, .drain(node: "authority-2", isDrained: true, try mandate(1, isDryRun: true))))
        #expect(told.first?.contains("dry run") == true)
        #expect(authority.core.drainedNodes.isEmpty && authority.state.operations.isEmpty)
    }

    @Test func aHandOverIsRememberedByTheNextLeader() throws {
        let authority = try Authority()
        let wish = ClusterRequest.transfer(to: "authority-2", try mandate(3))
        let told = try lines(try ask(authority, wish))
        try authority.restart()
        let row = try #require(authority.state.operations.last)
        #expect(try row.operation == mandate(3).operation)
        #expect(row.kind == "leader-transfer" && row.summary == told.joined())
        #expect(try lines(try ask(authority, wish)) == told)
    }

    @Test func aViewerMayNotDrainAndTheTrailSaysThatHeTried() throws {
        let authority = try Authority()
        let viewer = OperatorActor(name: "victor", roles: [.viewer], source: "authority-1")
        let result = try ask(authority, .drain(node: "authority-2", isDrained: true, try mandate(4)), by: viewer)
        #expect(throws: OperatorFailure.self) { _ = try result.get() }
        #expect(authority.core.drainedNodes.isEmpty)
        #expect(authority.trail.contains { $0.entry.actor == "victor" && $0.entry.result.hasPrefix("refused") })
    }
}
