import GRPCCore
import GroupModel
import IKEVocabulary

/// GroupControl: exclusion, rekeys by hand, the rules explained.
struct ControlEndpoint: Gcks_V1_GroupControl.ServiceProtocol, OperatorAnswering {
    let listener: AuthorityListener
    let service: any AuthorityService

    func memberEvict(
        request: ServerRequest<Gcks_V1_MemberBarRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await bar(request, context) { .evict($0.members, group: $0.group, $0.mandate) }
    }

    func memberDeny(
        request: ServerRequest<Gcks_V1_MemberBarRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await bar(request, context) { .deny($0.members, group: $0.group, $0.mandate) }
    }

    func memberAllow(
        request: ServerRequest<Gcks_V1_MemberBarRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await bar(request, context) { .allow($0.members, group: $0.group, $0.mandate) }
    }

    private func bar(
        _ request: ServerRequest<Gcks_V1_MemberBarRequest>, _ context: ServerContext,
        _ make: (MemberBar) -> ControlRequest
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context, { message throws(ContractError) in .control(make(try MemberBar(message))) },
            with: Self.done)
    }

    func rekeyEmergency(
        request: ServerRequest<Gcks_V1_RekeyEmergencyRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let mandate = try Mandate(message.hasMandate, message.mandate, "RekeyEmergencyRequest.mandate")
                let group = try GroupName(wire: message.group, "RekeyEmergencyRequest.group")
                return .control(.emergency(group, mandate))
            }, with: Self.done)
    }

    func rekeySchedules(
        request: ServerRequest<Gcks_V1_RekeySchedulesRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_RekeySchedulesReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .control(
                    .schedules(
                        message.hasGroup ? try GroupName(wire: message.group, "RekeySchedulesRequest.group") : nil))
            },
            with: { reply in
                guard case .schedules(let schedules) = reply else { return nil }
                var wire = Gcks_V1_RekeySchedulesReply()
                wire.schedules = schedules.map(Gcks_V1_RekeyScheduleStatus.init)
                return wire
            })
    }

    func rekeyScheduleSet(
        request: ServerRequest<Gcks_V1_RekeyScheduleSetRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let mandate = try Mandate(message.hasMandate, message.mandate, "RekeyScheduleSetRequest.mandate")
                let group = try GroupName(wire: message.group, "RekeyScheduleSetRequest.group")
                return .control(
                    .setSchedule(group, try RekeySchedule(message.schedule), mandate))
            }, with: Self.done)
    }

    func rekeyPause(
        request: ServerRequest<Gcks_V1_RekeyPauseRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_DoneReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let mandate = try Mandate(message.hasMandate, message.mandate, "RekeyPauseRequest.mandate")
                let group = try GroupName(wire: message.group, "RekeyPauseRequest.group")
                return .control(.pause(group, message.paused, mandate))
            }, with: Self.done)
    }

    func rekeyHistory(
        request: ServerRequest<Gcks_V1_RekeyHistoryRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_RekeyHistoryReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                let group = message.hasGroup ? try GroupName(wire: message.group, "RekeyHistoryRequest.group") : nil
                return .control(.history(group, after: message.after))
            },
            with: { reply in
                guard case .history(let rows) = reply else { return nil }
                var wire = Gcks_V1_RekeyHistoryReply()
                wire.entries = rows.map(Gcks_V1_RekeyHistoryEntry.init)
                return wire
            })
    }

    func policyTest(
        request: ServerRequest<Gcks_V1_PolicyTestRequest>, context: ServerContext
    ) async throws -> ServerResponse<Gcks_V1_PolicyTestReply> {
        try await answer(
            request, context,
            { message throws(ContractError) in
                .control(
                    .policyTest(
                        try Identity(message.identity),
                        group: try GroupName(wire: message.group, "PolicyTestRequest.group"),
                        senderIDs: message.hasSenderIds ? message.senderIds : nil))
            },
            with: { reply in if case .verdict(let verdict) = reply { Gcks_V1_PolicyTestReply(verdict) } else { nil } })
    }
}
