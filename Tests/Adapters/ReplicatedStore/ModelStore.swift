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
        var trail: [AuditRecord] = []
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
                        guard let group = row.group else { continue }
                        let given = GivenSenderID(group: group, id: id)
                        guard next.givenSenderIDs.insert(given).inserted else {
                            return .failure(.constraint("sender id"))
                        }
                    }
                case .sending(.resetSenderIDs(let name)):
                    next.givenSenderIDs = next.givenSenderIDs.filter { $0.group != name }
                case .appendAudit(let record): next.trail.append(record)
                case .forgetAudit(let place): next.trail.removeAll { $0.seq <= place.seq }
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

    func audit(_ start: AuditQuery.Start, atMost limit: Int) async throws(StoreFailure) -> AuditPage {
        inside.withLock { inside in
            let state = inside.state.audit
            let after =
                switch start {
                case .after(let seq): max(seq, state.floor.seq)
                case .newest(let count): max(state.head.seq - Int64(count), state.floor.seq)
                }
            let records = Array(inside.trail.filter { $0.seq > after }.prefix(limit))
            let through = records.last?.seq ?? after
            let first = after <= state.floor.seq ? state.floor.seq : after + 1
            return AuditPage(
                key: state.key?.key, records: records,
                anchors: state.anchors.filter {
                    (first...max(first, through)).contains($0.place.seq) && $0.place.seq <= through
                },
                lookedThrough: through, head: state.head.seq, floor: state.floor.seq)
        }
    }

    func nodes() async throws(StoreFailure) -> [StoreNode] { [StoreNode(id: 1, name: "authority-1")] }
    func formCluster() async throws(StoreFailure) {}
    func yieldLeadership() async throws(StoreFailure) { throw .unavailable("there is no other voter") }
    func transferLeadership(to name: String) async throws(StoreFailure) {
        throw .unavailable("\(name) is no other voter")
    }
    func removeNode(id: UInt64) async throws(StoreFailure) {}
    func view() async throws(StoreFailure) -> ClusterView { ClusterView(own: 1) }
}
