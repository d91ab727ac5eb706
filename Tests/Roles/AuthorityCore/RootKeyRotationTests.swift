import AuthorityCore
import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial
import RootKey
import TestKit
import Testing

/// From one root key to the next, with a change of leaders in the middle.
@Suite struct RootKeyRotationTests {
    private static let old = [UInt8](repeating: 0xaa, count: 32)
    private static let new = [UInt8](repeating: 0xbb, count: 32)

    private func ring(_ keys: [UInt8]...) throws -> RootKeyring {
        try RootKeyring(key: SecretOctets(copying: keys.flatMap { $0 }))
    }

    /// A leader over what is stored, with some root keys.
    private final class Leader {
        var state: StoredState
        var core: AuthorityCore
        private var operations: UInt64 = 0

        init(_ state: StoredState, _ ring: RootKeyring, resealedAtOnce: Int = 3) throws {
            var limits = AuthorityLimits()
            limits.resealedAtOnce = resealedAtOnce
            self.state = state
            self.state.term = LeadershipTerm(rawValue: state.term.rawValue + 1)
            core = try AuthorityCore(
                state: self.state, sealer: ring, engine: CryptoEngine(),
                entropy: SeededEntropy(seed: UInt64(self.state.term.rawValue)), limits: limits, now: morning)
        }

        @discardableResult
        func decide(_ inputs: [AuthorityInput]) throws -> [AuthorityEffect] {
            let decision = core.decide(inputs, at: morning)
            try state.apply(decision.transaction)
            return decision.committed(CommitReceipt(term: state.term, index: 1))
        }

        func operate(_ request: OperatorRequest) throws -> Result<OperatorReply, OperatorFailure> {
            for case .reply(let result, _) in try decide([.operation(request, by: alice, token: 1)]) { return result }
            throw OperatorFailure.unavailable("no reply")
        }

        func mandate() throws -> Mandate {
            operations += 1
            return Mandate(
                operation: OperationID(
                    initiator: IKESPI(rawValue: operations), responder: IKESPI(rawValue: UInt64(state.term.rawValue)),
                    messageID: MessageID(rawValue: 1)),
                reason: Reason("yearly"))
        }

        func status() throws -> RootKeyStatus {
            guard case .upkeep(.rootKey(let status)) = try operate(.upkeep(.rootKey)).get() else {
                throw OperatorFailure.unavailable("another reply")
            }
            return status
        }
    }

    private func leaderWithGroups() throws -> Leader {
        let leader = try Leader(StoredState(term: LeadershipTerm(rawValue: 0)), try ring(Self.old))
        for name in ["market-data", "orders", "news"] {
            var group = try exampleGroup(name: name)
            if name == "orders" { group.rekey.authentication = .implicit }
            if name == "news" { group.keyTree = KeyTreeDefinition() }
            _ = try leader.operate(.groupApply(group, try leader.mandate())).get()
        }
        // Retired keys are sealed as well.
        let name = try #require(GroupName("market-data"))
        _ = try leader.operate(.rekeyNow(name, scope: .all, try leader.mandate())).get()
        return leader
    }

    @Test func everyKeyIsSealedAnewInBatchesAcrossLeaders() throws {
        let first = try leaderWithGroups()
        let (old, new) = (try ring(Self.old).id, try ring(Self.new).id)
        let total = try #require(try first.status().rows[old])
        #expect(try first.status().rows == [old: total])
        #expect(total > 9)

        let second = try Leader(first.state, try ring(Self.old, Self.new))
        second.core.clusterView = ClusterView(
            own: 1,
            nodes: (1...3).map {
                .init(id: $0, name: "authority-\($0)", role: "voter", store: "", isReachable: true)
            })
        let some = UpkeepRequest.rootKeyRotate(target: new, holders: ["authority-1"], try second.mandate())
        guard case .failure(.conflict(let why)) = try second.operate(.upkeep(some)) else {
            Issue.record("rotated though authority-2 would be shut out")
            return
        }
        #expect(why.contains("authority-2"))
        let all = UpkeepRequest.rootKeyRotate(
            target: new, holders: ["authority-1", "authority-2", "authority-3"], try second.mandate())
        _ = try second.operate(.upkeep(all)).get()
        try second.decide([.timer])
        let half = try second.status()
        #expect(half.rows[new] == 3)
        #expect(half.rows[old] == total - 3)
        #expect(half.sealing == new)

        // The next leader goes on, whatever the order of the keys in its file.
        let third = try Leader(second.state, try ring(Self.old, Self.new))
        #expect(try third.status().sealing == new)
        for _ in 0..<20 { try third.decide([.timer]) }
        #expect(try third.status().rows == [new: total])

        // Now the old key can go, and what is stored is the same as it was.
        let last = try Leader(third.state, try ring(Self.new))
        #expect(last.state.groups == second.state.groups)
        let name = try #require(GroupName("market-data"))
        _ = try last.operate(.rekeyNow(name, scope: .all, try last.mandate())).get()
        #expect(try last.status().rows.keys.sorted() == [new])
    }

    @Test func whoLacksTheKeyInForceDoesNotLead() throws {
        let first = try leaderWithGroups()
        let new = try ring(Self.new).id
        let second = try Leader(first.state, try ring(Self.old, Self.new))
        let asked = UpkeepRequest.rootKeyRotate(target: new, holders: ["authority-1"], try second.mandate())
        guard case .failure(.unavailable) = try second.operate(.upkeep(asked)) else {
            Issue.record("decided without having seen the log's nodes")
            return
        }
        second.core.clusterView = ClusterView(
            own: 1, nodes: [.init(id: 1, name: "authority-1", role: "voter", store: "", isReachable: true)])
        _ = try second.operate(.upkeep(asked)).get()
        #expect(throws: AuthorityFailure.self) { try Leader(second.state, try self.ring(Self.old)) }
        #expect(throws: AuthorityFailure.self) { try Leader(second.state, try self.ring(Self.new)) }
    }

    @Test func aKeyThatIsNotHeldIsRefused() throws {
        let leader = try leaderWithGroups()
        let before = leader.state.rekeySAs
        let asked = UpkeepRequest.rootKeyRotate(target: 7, holders: [], try leader.mandate())
        guard case .failure(.conflict) = try leader.operate(.upkeep(asked)) else {
            Issue.record("not refused")
            return
        }
        for _ in 0..<3 { try leader.decide([.timer]) }
        #expect(leader.state.rekeySAs == before)
        #expect(leader.state.upkeep.rotation == nil)
    }
}
