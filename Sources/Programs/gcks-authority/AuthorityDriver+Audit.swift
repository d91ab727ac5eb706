import AuthorityCore
import AuthorityRPC
import GroupModel
import ReplicatedStore

extension AuthorityDriver {
    /// A page of the trail, from the store: what was committed, not what is being decided.
    func readAudit(_ query: AuditQuery, by peer: PeerIdentity) async throws(OperatorFailure) -> AuditPage {
        if let refusal = OperatorRequest.audit(.read(query)).refusal(to: OperatorActor(peer, at: name)) {
            throw refusal
        }
        do {
            var page = try await store.audit(query.start, atMost: query.atMost)
            page.records = page.records.filter(query.filter.matches)
            return page
        } catch {
            throw .unavailable("the trail cannot be read: \(error)")
        }
    }

    /// Records something outside the core: a node that drains, a backup, a transfer. It is in the trail when it was committed; with
    /// a leadership that is lost before, it is not.
    func recordAudit(_ entry: AuditEntry) {
        guard core != nil else { return }
        enqueue([.audit(entry)])
    }
}
