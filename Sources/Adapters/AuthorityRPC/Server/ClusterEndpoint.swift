import GRPCCore
import GroupModel

/// Cluster: who leads, which nodes there are and how they are.
struct ClusterEndpoint: Gcks_V1_Cluster.ServiceProtocol, OperatorAnswering {
    let listener: AuthorityListener
    let service: any AuthorityService

    func node(
        request: ServerRequest<Gcks_V1_NodeRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_NodeReport> {
        try await answer(
            request, context, { _ in .cluster(.node) },
            with: { reply in
                if case .cluster(.node(let report)) = reply { Gcks_V1_NodeReport(report) } else { nil }
            })
    }

    func transfer(
        request: ServerRequest<Gcks_V1_TransferRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let mandate = try Mandate(message.hasMandate, message.mandate, "TransferRequest.mandate")
                return .cluster(
                    .transfer(
                        to: message.hasTo ? try checkedText(message.to, "TransferRequest.to") : nil,
                        mandate))
            }, with: Self.done)
    }

    func stepDown(
        request: ServerRequest<Gcks_V1_StepDownRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let mandate = try Mandate(message.hasMandate, message.mandate, "StepDownRequest.mandate")
                return .cluster(.stepDown(mandate))
            }, with: Self.done)
    }

    func drain(
        request: ServerRequest<Gcks_V1_DrainRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let mandate = try Mandate(message.hasMandate, message.mandate, "DrainRequest.mandate")
                return .cluster(
                    .drain(
                        node: try checkedText(message.node, "DrainRequest.node", atMost: Limits.nodeNameOctets),
                        isDrained: message.drained, mandate))
            }, with: Self.done)
    }

    func outcome(
        request: ServerRequest<Gcks_V1_OutcomeRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_OutcomeReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .cluster(.outcome(try OperationID(wire: message.operation, "OutcomeRequest.operation")))
            },
            with: { reply in
                if case .cluster(.outcome(let outcome)) = reply { Gcks_V1_OutcomeReply(outcome) } else { nil }
            })
    }
}
