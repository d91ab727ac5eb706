import AuthorityCore
import GroupModel
import IKEVocabulary
import ReplicatedStore
import Telemetry

extension AuthorityDriver {
    /// Nobody sees the core before this is committed. When the commit fails the core is dropped, and the next leadership tries again.
    func begin(_ operation: OperationID, with fresh: AuthorityCore) async throws {
        let decision = fresh.decide(
            [.newLife(operation, reason: "the log was taken over by one surviving node")], at: clocks.wall())
        guard fresh.hasDone(operation) else {
            throw AuthorityFailure.unusable("no new life can begin: \(name) serves nobody")
        }
        let receipt = try await store.commit(decision.transaction)
        commits = receipt.index
        perform(decision.committed(receipt))
        do {
            try nextLife.remove()
        } catch {
            // Harmless: the operation is known, and the order does nothing a second time.
            log.record(Event("next-life-order-stays", .warning, [("why", "\(error)")]))
        }
    }
}
