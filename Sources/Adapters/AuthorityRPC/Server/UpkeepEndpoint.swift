import GRPCCore
import GroupModel

/// Upkeep: the store's schema and the root key.
struct UpkeepEndpoint: Gcks_V1_Upkeep.ServiceProtocol, OperatorAnswering {
    let listener: AuthorityListener
    let service: any AuthorityService

    func program(
        request: ServerRequest<Gcks_V1_ProgramRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_ProgramStatus> {
        try await answer(
            request, context, { _ in .upkeep(.program) },
            with: { reply in
                if case .upkeep(.program(let status)) = reply { Gcks_V1_ProgramStatus(status) } else { nil }
            })
    }

    func upgradeFinalize(
        request: ServerRequest<Gcks_V1_UpgradeFinalizeRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .upkeep(
                    .upgradeFinalize(
                        schema: message.schema,
                        known: try checkedCounters(message.known, "UpgradeFinalizeRequest.known"),
                        try Mandate(
                            message.hasMandate, message.mandate, "UpgradeFinalizeRequest.mandate")))
            }, with: Self.done)
    }

    func rootKey(
        request: ServerRequest<Gcks_V1_RootKeyRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_RootKeyStatus> {
        try await answer(
            request, context, { _ in .upkeep(.rootKey) },
            with: { reply in
                if case .upkeep(.rootKey(let status)) = reply { Gcks_V1_RootKeyStatus(status) } else { nil }
            })
    }

    func rootKeyRotate(
        request: ServerRequest<Gcks_V1_RootKeyRotateRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let holders = try checkedList(
                    message.holders, "RootKeyRotateRequest.holders", atMost: UpkeepFields.nodes
                ) { (name) throws(ContractError) in try checkedText(name, "RootKeyRotateRequest.holders") }
                return .upkeep(
                    .rootKeyRotate(
                        target: message.target, holders: Set(holders),
                        try Mandate(
                            message.hasMandate, message.mandate, "RootKeyRotateRequest.mandate")))
            }, with: Self.done)
    }
}
