import GRPCCore
import GroupModel
import IKEVocabulary

/// Audit: reading the trail, and signing its head on demand.
struct AuditEndpoint: Gcks_V1_Audit.ServiceProtocol, OperatorAnswering {
    let listener: AuthorityListener
    let service: any AuthorityService

    func read(
        request: ServerRequest<Gcks_V1_AuditReadRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_AuditPage> {
        try await answer(
            request, context, { message throws(ContractError) in .audit(.read(try AuditQuery(message))) },
            with: { reply in if case .audit(let page) = reply { Gcks_V1_AuditPage(page) } else { nil } })
    }

    func anchor(
        request: ServerRequest<Gcks_V1_AuditAnchorRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let mandate = try Mandate(message.hasMandate, message.mandate, "AuditAnchorRequest.mandate")
                return .audit(.anchor(mandate))
            }, with: Self.done)
    }
}
