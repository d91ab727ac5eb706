import GRPCCore
import GroupModel

/// Access: who asks, and what this authority says of itself.
struct AccessEndpoint: Gcks_V1_Access.ServiceProtocol, OperatorAnswering {
    let listener: AuthorityListener
    let service: any AuthorityService

    func whoAmI(
        request: ServerRequest<Gcks_V1_WhoAmIRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_WhoAmIReply> {
        try await answer(request, context) { _ in
            .whoAmI
        } with: { reply in
            if case .identity(let identity) = reply { Gcks_V1_WhoAmIReply(identity) } else { nil }
        }
    }
}
