import GRPCCore
import GroupModel
import IKEVocabulary

/// Fleet: frontends as operators see and drain them.
struct FleetEndpoint: Gcks_V1_Fleet.ServiceProtocol, OperatorAnswering {
    let listener: AuthorityListener
    let service: any AuthorityService

    func frontendList(
        request: ServerRequest<Gcks_V1_FrontendListRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_FrontendsReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .fleet(.list(message.hasName ? try checkedText(message.name, "FrontendListRequest.name") : nil))
            },
            with: { reply in
                guard case .frontends(let frontends) = reply else { return nil }
                var wire = Gcks_V1_FrontendsReply()
                wire.frontends = frontends.map(Gcks_V1_FrontendStatus.init)
                return wire
            })
    }

    func frontendDrain(
        request: ServerRequest<Gcks_V1_FrontendDrainRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let mandate = try Mandate(message.hasMandate, message.mandate, "FrontendDrainRequest.mandate")
                var deadline: Lifetime?
                if message.hasDeadlineSeconds {
                    guard message.deadlineSeconds <= FleetLimits.deadlineSecondsMost else {
                        throw ContractError("FrontendDrainRequest.deadline_seconds", .outOfRange)
                    }
                    deadline = Lifetime(seconds: message.deadlineSeconds)
                }
                return .fleet(
                    .drain(
                        try checkedText(message.name, "FrontendDrainRequest.name"),
                        redirectTo: message.hasRedirectTo
                            ? try checkedText(message.redirectTo, "FrontendDrainRequest.redirect_to") : nil,
                        deadline: deadline, mandate))
            }, with: Self.done)
    }

    func frontendUndrain(
        request: ServerRequest<Gcks_V1_FrontendUndrainRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let mandate = try Mandate(message.hasMandate, message.mandate, "FrontendUndrainRequest.mandate")
                return .fleet(
                    .undrain(
                        try checkedText(message.name, "FrontendUndrainRequest.name"), mandate))
            }, with: Self.done)
    }
}
