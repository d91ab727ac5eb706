import GroupModel
import IKEVocabulary
import ReplicatedStore
import Synchronization
import TestKit

/// The replicated store as plain values, behind a gate: while it is shut, commits wait and nobody can tell how they will end.
final class GatedStore: ReplicatedStoring {
    private struct Inside {
        var state: StoredState
        var trail: [AuditRecord] = []
        var isShut = false
        var failures = 0
        var held: [StoreMutation] = []
    }

    private let inside: Mutex<Inside>

    init(schema: Int64 = 2) {
        var state = StoredState(term: LeadershipTerm(rawValue: 0))
        state.upkeep.schema = schema
        inside = Mutex(Inside(state: state))
    }

    var state: StoredState { inside.withLock { $0.state } }
    var trail: [AuditRecord] { inside.withLock { $0.trail } }
    /// Of the transaction that waits at the gate.
    var held: [StoreMutation] { inside.withLock { $0.held } }

    func shut() { inside.withLock { $0.isShut = true } }

    /// - Parameter failing: how many of the commits that come or wait now fail.
    func open(failing failures: Int = 0) { inside.withLock { ($0.isShut, $0.failures) = (false, failures) } }

    func leader() async throws(StoreFailure) -> StoreLeader? { StoreLeader(id: 1, name: "authority-1", isOurs: true) }

    func lead() async throws(StoreFailure) -> StoredState {
        inside.withLock { inside in
            inside.state.term = LeadershipTerm(rawValue: inside.state.term.rawValue + 1)
            return inside.state
        }
    }

    func commit(_ transaction: StoreTransaction) async throws(StoreFailure) -> CommitReceipt {
        while true {
            let result = inside.withLock { inside -> Result<CommitReceipt, StoreFailure>? in
                guard !inside.isShut else {
                    inside.held = transaction.mutations
                    return nil
                }
                inside.held = []
                guard inside.failures == 0 else {
                    inside.failures -= 1
                    return .failure(.unavailable("told to fail"))
                }
                return Self.commit(transaction, in: &inside)
            }
            if let result { return try result.get() }
            try? await Task.sleep(for: .milliseconds(2))
        }
    }

    private static func commit(
        _ transaction: StoreTransaction, in inside: inout Inside
    ) -> Result<CommitReceipt, StoreFailure> {
        let isFirst = inside.state.upkeep.isFirstSchema
        let mutations = transaction.mutations.filter { !isFirst || !$0.isOmissible }
        do throws(StateRefusal) {
            try inside.state.apply(StoreTransaction(term: transaction.term, mutations: mutations))
        } catch {
            return .failure(error == .fenced ? .fenced : .constraint("\(error)"))
        }
        inside.trail += mutations.compactMap { if case .appendAudit(let record) = $0 { record } else { nil } }
        return .success(CommitReceipt(term: transaction.term, index: 1))
    }

    func outcome(of operation: OperationID) async throws(StoreFailure) -> OperationRow? {
        state.operations.first { $0.operation == operation }
    }

    func audit(_ start: AuditQuery.Start, atMost limit: Int) async throws(StoreFailure) -> AuditPage {
        throw .unavailable("its trail is a property")
    }

    func nodes() async throws(StoreFailure) -> [StoreNode] {
        [StoreNode(id: 1, name: "authority-1"), StoreNode(id: 2, name: "authority-2")]
    }

    func formCluster() async throws(StoreFailure) {}
    func yieldLeadership() async throws(StoreFailure) {}
    func transferLeadership(to name: String) async throws(StoreFailure) {}
    func removeNode(id: UInt64) async throws(StoreFailure) {}

    func view() async throws(StoreFailure) -> ClusterView {
        let own = ClusterView.Node(id: 1, name: "authority-1", role: "voter", store: "", isReachable: true)
        return ClusterView(own: 1, nodes: [own])
    }
}

extension StoreMutation {
    /// What the first schema has no table for.
    fileprivate var isOmissible: Bool {
        switch self {
        case .putAuditKey, .appendAudit, .addAuditAnchor, .forgetAudit, .putFrontend, .putFleetSecret: true
        default: false
        }
    }
}
