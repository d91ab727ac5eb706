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
}
