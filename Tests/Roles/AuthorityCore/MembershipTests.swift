import AuthorityCore
import GroupModel
import IKECrypto
import IKEVocabulary
import Testing

/// Who is let in, who is taken out, and what each refusal says.
@Suite struct MembershipTests {
    private static let secret = [UInt8](repeating: 0x5e, count: 32)
    private static let hash = CryptoEngine().sha256(secret)

    private func node(_ id: UInt64, voter: Bool = true, answers: Bool = true) -> ClusterView.Node {
        ClusterView.Node(
            id: id, name: "authority-\(id)", role: voter ? "voter" : "spare", store: "192.0.2.\(id):7702",
            isReachable: answers)
    }

    private func view(_ nodes: [ClusterView.Node]) -> ClusterView {
        ClusterView(own: 1, nodes: nodes, configured: Set(nodes.map(\.id)), storeCA: [1, 2, 3])
    }

    /// An authority of a cluster with an id.
    private func authority(_ nodes: Int = 3) throws -> Authority {
        let authority = try Authority()
        try authority.decide([.timer])
        authority.core.clusterView = view((1...nodes).map { node(UInt64($0)) })
        return authority
    }

    private func token(
        _ authority: Authority, _ node: String = "authority-4", seconds: UInt32 = 900
    ) throws -> JoinGrant {
        let asked = UpkeepRequest.tokenCreate(
            node: node, seconds: seconds, secretHash: Self.hash, try authority.mandate())
        guard case .upkeep(.token(let grant)) = try authority.operate(.upkeep(asked)).get() else {
            throw OperatorFailure.conflict("no token")
        }
        return grant
    }

    private func join(
        _ authority: Authority, _ cluster: ClusterID, secret: [UInt8] = secret, node: String = "authority-4",
        store: String = "192.0.2.4:7702", _ mandate: Mandate? = nil, at now: WallTime = morning
    ) throws -> Result<OperatorReply, OperatorFailure> {
        let join = NodeJoin(cluster: cluster, secret: secret, node: node, store: store)
        return try authority.operate(.upkeep(.join(join, try mandate ?? authority.mandate())), at: now)
    }

    private func why(_ result: Result<OperatorReply, OperatorFailure>) -> String {
        switch result {
        case .success(let reply): "not refused: \(reply)"
        case .failure(.conflict(let text)), .failure(.notAuthorised(let text)), .failure(.notFound(let text)): text
        case .failure(let failure): "\(failure)"
        }
    }

    @Test func theClusterKeepsTheIDItWasGiven() throws {
        let authority = try authority()
        let id = try #require(authority.state.upkeep.cluster)
        try authority.decide([.timer])
        try authority.restart()
        try authority.decide([.timer])
        #expect(authority.state.upkeep.cluster == id)
    }

    @Test func aTokenLetsOneNodeInOnce() throws {
        let authority = try authority()
        let grant = try token(authority)
        #expect(grant.id == 4)
        #expect(grant.storeCA == CryptoEngine().sha256([1, 2, 3]))
        #expect(authority.state.upkeep.tokens.map(\.secretHash) == [Self.hash])
        guard case .upkeep(.joined(let joined)) = try join(authority, grant.cluster).get() else {
            Issue.record("not joined")
            return
        }
        #expect(joined.id == 4)
        #expect(joined.peers.map(\.store) == ["192.0.2.1:7702", "192.0.2.2:7702", "192.0.2.3:7702"])
        let row = try #require(authority.state.upkeep.nodes.first)
        #expect(row.id == 4 && row.name == "authority-4" && row.store == "192.0.2.4:7702" && row.duty == .voter)
        // Also under another leader.
        try authority.restart()
        authority.core.clusterView = view([node(1), node(2), node(3)])
        #expect(why(try join(authority, grant.cluster)).contains("used already"))
    }

    @Test func aRepeatedJoinGetsTheFirstAnswer() throws {
        let authority = try authority()
        let grant = try token(authority)
        let mandate = try authority.mandate()
        _ = try join(authority, grant.cluster, mandate).get()
        guard case .upkeep(.joined(let again)) = try join(authority, grant.cluster, mandate).get() else {
            Issue.record("not answered")
            return
        }
        #expect(again.id == grant.id)
        #expect(authority.state.upkeep.nodes.count == 1)
    }

    @Test func everyFalseTokenIsRefusedAndChangesNothing() throws {
        let authority = try authority()
        let grant = try token(authority)
        let before = authority.state.upkeep
        let foreign = try #require(ClusterID(octets: [UInt8](repeating: 9, count: 16)))
        #expect(why(try join(authority, foreign)).contains("is of cluster 0909"))
        let other = [UInt8](repeating: 1, count: 32)
        #expect(why(try join(authority, grant.cluster, secret: other)).contains("not known here"))
        #expect(why(try join(authority, grant.cluster, secret: [])).contains("not known here"))
        #expect(why(try join(authority, grant.cluster, node: "authority-5")).contains("is for authority-4"))
        #expect(why(try join(authority, grant.cluster, at: seconds(901))).contains("is over since"))
        #expect(why(try join(authority, grant.cluster, store: "192.0.2.2:7702")).contains("authority-2"))
        for place in ["", ":1", "host", "host:0", "host:99999", "a@b:1", "a b:1"] {
            #expect(why(try join(authority, grant.cluster, store: place)).contains("not a place"), "\(place)")
        }
        #expect(authority.state.upkeep == before)
    }

    @Test func aNameInUseMustBeTakenOutFirst() throws {
        let authority = try authority()
        let asked = UpkeepRequest.tokenCreate(
            node: "authority-2", seconds: 900, secretHash: Self.hash, try authority.mandate())
        #expect(why(try authority.operate(.upkeep(asked))).contains("gcksctl cluster remove authority-2"))
        _ = try authority.operate(.upkeep(.remove(node: "authority-2", try authority.mandate("disk lost")))).get()
        authority.core.clusterView = view([node(1), node(3)])
        // The wiped host comes back under an id that was never used.
        #expect(try token(authority, "authority-2").id == 4)
    }

    @Test func noQuorumIsGivenAway() throws {
        let authority = try authority()
        func removing(_ name: String) throws -> String {
            why(try authority.operate(.upkeep(.remove(node: name, try authority.mandate("gone")))))
        }
        authority.core.clusterView = view([node(1), node(2), node(3, answers: false)])
        #expect(try removing("authority-2").contains("2 voters, of which 1 answer"))
        #expect(try removing("authority-9").contains("no node authority-9"))
        #expect(authority.state.upkeep.nodes.isEmpty)
        #expect(try removing("authority-3").contains("not refused"))
        #expect(authority.state.upkeep.nodes.map(\.duty) == [.retired])
        authority.core.clusterView = view([node(1)])
        #expect(try removing("authority-1").contains("last voter"))
    }

    /// The log shows a node for a while after it was decided that it leaves: it is no help to the next that leaves.
    @Test func nodesThatLeaveTogetherGiveNoQuorumAway() throws {
        let authority = try authority()
        authority.core.clusterView = view([node(1), node(2, answers: false), node(3), node(4)])
        func removing(_ name: String) throws -> String {
            why(try authority.operate(.upkeep(.remove(node: name, try authority.mandate("gone")))))
        }
        #expect(try removing("authority-3").contains("not refused"))
        #expect(try removing("authority-4").contains("2 voters, of which 1 answer"))
        #expect(authority.state.upkeep.nodes.map(\.name) == ["authority-3"])
    }

    @Test func whatAsksAboutTheLogsNodesIsNotDecidedBlindly() throws {
        let authority = try authority()
        authority.core.clusterView = ClusterView(own: 0)
        for request: UpkeepRequest in [
            .remove(node: "authority-2", try authority.mandate("gone")),
            .promote(node: "authority-2", try authority.mandate()),
            .addVoter(node: "authority-9", store: "host:9000", id: nil, try authority.mandate()),
        ] {
            #expect(why(try authority.operate(.upkeep(request))).contains("ask again"))
        }
    }

    @Test func removingNeedsAReason() throws {
        let authority = try authority()
        guard
            case .failure(.invalid(let faults)) = try authority.operate(
                .upkeep(.remove(node: "authority-2", try authority.mandate())))
        else {
            Issue.record("not refused")
            return
        }
        #expect(faults.map(\.path) == ["reason"])
    }

    @Test func anIDIsNeverUsedAgain() throws {
        let authority = try authority()
        func adding(_ id: UInt64?) throws -> Result<OperatorReply, OperatorFailure> {
            let asked = UpkeepRequest.addVoter(
                node: "authority-7", store: "192.0.2.7:7702", id: id, try authority.mandate())
            return try authority.operate(.upkeep(asked))
        }
        #expect(why(try adding(2)).contains("never used again; 4 is free"))
        #expect(why(try adding(0)).contains("never used again"))
        _ = try adding(nil).get()
        #expect(authority.state.upkeep.nodes.map(\.id) == [4])
    }

    @Test func onlyWhoAnswersIsPromoted() throws {
        let authority = try authority()
        authority.core.clusterView = view([node(1), node(2), node(3, voter: false, answers: false)])
        let asked = UpkeepRequest.promote(node: "authority-3", try authority.mandate())
        #expect(why(try authority.operate(.upkeep(asked))).contains("does not answer"))
        authority.core.clusterView = view([node(1), node(2), node(3, voter: false)])
        _ = try authority.operate(.upkeep(.promote(node: "authority-3", try authority.mandate()))).get()
        #expect(authority.state.upkeep.nodes.map(\.duty) == [.voter])
    }

    /// The first schema has no trail: the record is handed out, for the trail that begins with the next one.
    @Test func theEndOfTheFirstSchemaIsRecordedAfterIt() throws {
        let authority = try authority()
        authority.state.upkeep.schema = 1
        try authority.restart()
        authority.core.clusterView = view([node(1)])
        let mandate = try authority.mandate("all upgraded")
        let asked = UpkeepRequest.upgradeFinalize(schema: 2, known: ["authority-1": 2], mandate)
        _ = try authority.operate(.upkeep(asked)).get()
        #expect(!authority.trail.contains { $0.entry.action == "upgrade-finalize" })
        let handed = authority.effects.compactMap {
            if case .readAgain(let entry?) = $0 { entry } else { nil }
        }
        #expect(handed.map(\.action) == ["upgrade-finalize"] && handed.map(\.actor) == ["alice"])
        #expect(handed.map(\.reason) == ["all upgraded"])
        #expect(handed.map(\.request) == [mandate.operation.description])
    }

    @Test func aNewerSchemaNeedsEveryVoter() throws {
        let authority = try authority()
        authority.state.upkeep.schema = 2
        try authority.restart()
        authority.core.clusterView = view([node(1), node(2), node(3)])
        func finalizing(_ known: [String: Int64]) throws -> Result<OperatorReply, OperatorFailure> {
            let asked = UpkeepRequest.upgradeFinalize(schema: 3, known: known, try authority.mandate("all upgraded"))
            return try authority.operate(.upkeep(asked))
        }
        let all: [String: Int64] = ["authority-1": 3, "authority-2": 3, "authority-3": 3]
        #expect(why(try finalizing(all.filter { $0.key != "authority-2" })).contains("authority-2 did not say"))
        #expect(
            why(try finalizing(all.merging(["authority-3": 2]) { $1 })).contains("authority-3 knows schemas up to 2"))
        #expect(authority.state.upkeep.schema == 2)
        _ = try finalizing(all).get()
        #expect(authority.state.upkeep.schema == 3)
        #expect(authority.effects.contains { if case .readAgain(nil) = $0 { true } else { false } })
        #expect(authority.trail.last?.entry.action == "upgrade-finalize")
    }
}
