import GRPCCore
import GroupModel

/// Membership: which nodes the log has.
struct MembershipEndpoint: Gcks_V1_Membership.ServiceProtocol, OperatorAnswering {
    let listener: AuthorityListener
    let service: any AuthorityService

    func tokenCreate(
        request: ServerRequest<Gcks_V1_TokenCreateRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_TokenReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let hash = try checkedOctets(
                    message.secretHash, "TokenCreateRequest.secret_hash", atMost: UpkeepFields.hashOctets)
                return .upkeep(
                    .tokenCreate(
                        node: try checkedText(message.node, "TokenCreateRequest.node"), seconds: message.validSeconds,
                        secretHash: hash,
                        try Mandate(message.hasMandate, message.mandate, "TokenCreateRequest.mandate")))
            },
            with: { reply in
                if case .upkeep(.token(let grant)) = reply { Gcks_V1_TokenReply(grant) } else { nil }
            })
    }

    func join(
        request: ServerRequest<Gcks_V1_NodeJoinRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_NodeJoinReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .upkeep(
                    .join(
                        try NodeJoin(message),
                        try Mandate(message.hasMandate, message.mandate, "NodeJoinRequest.mandate")))
            },
            with: { reply in
                if case .upkeep(.joined(let joined)) = reply { Gcks_V1_NodeJoinReply(joined) } else { nil }
            })
    }

    func addVoter(
        request: ServerRequest<Gcks_V1_AddVoterRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .upkeep(
                    .addVoter(
                        node: try checkedText(message.node, "AddVoterRequest.node"),
                        store: try checkedText(
                            message.store, "AddVoterRequest.store", atMost: UpkeepLimits.storeOctets),
                        id: message.hasID ? message.id : nil,
                        try Mandate(message.hasMandate, message.mandate, "AddVoterRequest.mandate")))
            }, with: Self.done)
    }

    func promote(
        request: ServerRequest<Gcks_V1_NodeChangeRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let (node, mandate) = try Self.change(message)
                return .upkeep(.promote(node: node, mandate))
            }, with: Self.done)
    }

    func remove(
        request: ServerRequest<Gcks_V1_NodeChangeRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let (node, mandate) = try Self.change(message)
                return .upkeep(.remove(node: node, mandate))
            }, with: Self.done)
    }

    private static func change(_ message: Gcks_V1_NodeChangeRequest) throws(ContractError) -> (String, Mandate) {
        (
            try checkedText(message.node, "NodeChangeRequest.node"),
            try Mandate(message.hasMandate, message.mandate, "NodeChangeRequest.mandate")
        )
    }
}
