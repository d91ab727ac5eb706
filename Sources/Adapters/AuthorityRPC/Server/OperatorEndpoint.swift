import GRPCCore
import GroupModel
import IKEVocabulary

/// Operator: each method maps its message, asks the service and maps the reply.
struct OperatorEndpoint: Gcks_V1_Operator.ServiceProtocol, OperatorAnswering {
    let listener: AuthorityListener
    let service: any AuthorityService

    func status(
        request: ServerRequest<Gcks_V1_StatusRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_ClusterStatus> {
        try await answer(request, context) { _ in
            .status
        } with: { reply in
            if case .status(let status) = reply { Gcks_V1_ClusterStatus(status) } else { nil }
        }
    }

    func groupApply(
        request: ServerRequest<Gcks_V1_GroupApplyRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                guard message.hasDefinition else { throw ContractError("GroupApplyRequest.definition", .missing) }
                let mandate = try Mandate(message.hasMandate, message.mandate, "GroupApplyRequest.mandate")
                return .groupApply(try GroupDefinition(message.definition), mandate)
            }, with: Self.done)
    }

    func groupList(
        request: ServerRequest<Gcks_V1_GroupListRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_GroupsReply> {
        try await answer(request, context, { _ in .groupList }, with: Self.groups)
    }

    func groupShow(
        request: ServerRequest<Gcks_V1_GroupShowRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_GroupsReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .groupShow(try GroupName(wire: message.group, "GroupShowRequest.group"))
            }, with: Self.groups)
    }

    func memberList(
        request: ServerRequest<Gcks_V1_MemberListRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_MembersReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .memberList(message.hasGroup ? try GroupName(wire: message.group, "MemberListRequest.group") : nil)
            }, with: Self.members)
    }

    func memberShow(
        request: ServerRequest<Gcks_V1_MemberShowRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_MembersReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .memberShow(
                    try Identity(message.member),
                    group: message.hasGroup ? try GroupName(wire: message.group, "MemberShowRequest.group") : nil)
            }, with: Self.members)
    }

    func senderList(
        request: ServerRequest<Gcks_V1_SenderListRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_SendersReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .senderList(try GroupName(wire: message.group, "SenderListRequest.group"))
            },
            with: { reply in
                guard case .senders(let senders) = reply else { return nil }
                var wire = Gcks_V1_SendersReply()
                wire.senders = senders.map(Gcks_V1_SenderStatus.init)
                return wire
            })
    }

    func senderSequences(
        request: ServerRequest<Gcks_V1_SenderListRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_SequencesReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .senderSequences(try GroupName(wire: message.group, "SenderListRequest.group"))
            },
            with: { reply in
                guard case .sequences(let sequences) = reply else { return nil }
                var wire = Gcks_V1_SequencesReply()
                wire.sequences = sequences.map(Gcks_V1_SequenceStatus.init)
                return wire
            })
    }

    func rekeyNow(
        request: ServerRequest<Gcks_V1_RekeyNowRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let mandate = try Mandate(message.hasMandate, message.mandate, "RekeyNowRequest.mandate")
                return .rekeyNow(
                    try GroupName(wire: message.group, "RekeyNowRequest.group"),
                    scope: try RekeyScope(message.scope), mandate)
            }, with: Self.done)
    }

    private static func groups(_ reply: OperatorReply) -> Gcks_V1_GroupsReply? {
        guard case .groups(let groups) = reply else { return nil }
        var wire = Gcks_V1_GroupsReply()
        wire.groups = groups.map(Gcks_V1_GroupStatus.init)
        return wire
    }

    private static func members(_ reply: OperatorReply) -> Gcks_V1_MembersReply? {
        guard case .members(let members) = reply else { return nil }
        var wire = Gcks_V1_MembersReply()
        wire.members = members.map(Gcks_V1_MemberStatus.init)
        return wire
    }
}

/// grpc.health.v1: what load balancers and monitors ask. No role is needed beyond an accepted connection.
struct HealthEndpoint: Grpc_Health_V1_Health.SimpleServiceProtocol {
    let service: any AuthorityService
    let services: Set<String>

    func check(
        request: Grpc_Health_V1_HealthCheckRequest, context: ServerContext
    ) async throws -> Grpc_Health_V1_HealthCheckResponse {
        guard request.service.isEmpty || services.contains(request.service) else {
            throw RPCError(code: .notFound, message: "unknown service")
        }
        var reply = Grpc_Health_V1_HealthCheckResponse()
        reply.status = await service.isServing() ? .serving : .notServing
        return reply
    }
}
