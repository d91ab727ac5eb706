import GroupModel
import IKEVocabulary
import ReplicatedStore
import Synchronization
import TestKit

/// The replicated store as plain values in memory: what the engine must look like from outside.
final class ModelStore: ReplicatedStoring {
    private struct Inside {
        var state = StoredState(term: LeadershipTerm(rawValue: 0))
        var commits: Int64 = 0
        /// Message IDs stay used while their Rekey SA lives, Sender-IDs for ever.
        var usedMessageIDs: Set<UsedMessageID> = []
        var givenSenderIDs: Set<GivenSenderID> = []
    }

    private struct UsedMessageID: Hashable {
        let spi: RekeySPI
        let id: MessageID
    }

    private struct GivenSenderID: Hashable {
        let group: GroupName
        let id: SenderID
    }

    private let inside = Mutex(Inside())

    func leader() async throws(StoreFailure) -> StoreLeader? { StoreLeader(id: 1, name: "authority-1", isOurs: true) }

    func lead() async throws(StoreFailure) -> StoredState {
        inside.withLock { inside in
            inside.state.term = LeadershipTerm(rawValue: inside.state.term.rawValue + 1)
            return inside.state
        }
    }

    func commit(_ transaction: StoreTransaction) async throws(StoreFailure) -> CommitReceipt {
        let result = inside.withLock { inside -> Result<CommitReceipt, StoreFailure> in
            var next = inside
            do throws(StateRefusal) {
                try next.state.apply(transaction)
            } catch {
                return .failure(error == .fenced ? .fenced : .constraint("\(error)"))
            }
            for mutation in transaction.mutations {
                switch mutation {
                case .addRekeyOrder(let order):
                    let used = UsedMessageID(spi: order.spi, id: order.messageID)
                    guard next.usedMessageIDs.insert(used).inserted else { return .failure(.constraint("message id")) }
                case .removeRekeySA(let spi): next.usedMessageIDs = next.usedMessageIDs.filter { $0.spi != spi }
                case .recordOperation(let row):
                    for id in row.senderIDs {
                        let given = GivenSenderID(group: row.group, id: id)
                        guard next.givenSenderIDs.insert(given).inserted else {
                            return .failure(.constraint("sender id"))
                        }
                    }
                default: break
                }
            }
            next.commits += 1
            inside = next
            return .success(CommitReceipt(term: transaction.term, index: next.commits))
        }
        return try result.get()
    }

    func outcome(of operation: OperationID) async throws(StoreFailure) -> OperationRow? {
        inside.withLock { $0.state.operations.first { $0.operation == operation } }
    }

    func nodes() async throws(StoreFailure) -> [StoreNode] { [StoreNode(id: 1, name: "authority-1")] }
    func formCluster() async throws(StoreFailure) {}
    func yieldLeadership() async throws(StoreFailure) { throw .unavailable("there is no other voter") }
    func removeNode(id: UInt64) async throws(StoreFailure) {}
}
