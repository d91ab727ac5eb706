import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GroupModel
import IKEVocabulary

extension OperatorCalls {
    func perform(_ request: AuditRequest) async throws -> OperatorReply {
        let stub = Gcks_V1_Audit.Client(wrapping: client)
        switch request {
        case .read(let query):
            let page = try await stub.read(Gcks_V1_AuditReadRequest(query), metadata: metadata, options: options)
            return .audit(try AuditPage(page))
        case .anchor(let mandate):
            var message = Gcks_V1_AuditAnchorRequest()
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.anchor(message, metadata: metadata, options: options))
        }
    }

    func perform(_ request: ControlRequest) async throws -> OperatorReply {
        let stub = Gcks_V1_GroupControl.Client(wrapping: client)
        switch request {
        case .evict(let members, let group, let mandate):
            let message = Gcks_V1_MemberBarRequest(MemberBar(members: members, group: group, mandate: mandate))
            return try done(try await stub.memberEvict(message, metadata: metadata, options: options))
        case .deny(let members, let group, let mandate):
            let message = Gcks_V1_MemberBarRequest(MemberBar(members: members, group: group, mandate: mandate))
            return try done(try await stub.memberDeny(message, metadata: metadata, options: options))
        case .allow(let members, let group, let mandate):
            let message = Gcks_V1_MemberBarRequest(MemberBar(members: members, group: group, mandate: mandate))
            return try done(try await stub.memberAllow(message, metadata: metadata, options: options))
        case .emergency(let group, let mandate):
            var message = Gcks_V1_RekeyEmergencyRequest()
            message.group = group.text
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.rekeyEmergency(message, metadata: metadata, options: options))
        case .schedules(let group):
            var message = Gcks_V1_RekeySchedulesRequest()
            if let group { message.group = group.text }
            let reply = try await stub.rekeySchedules(message, metadata: metadata, options: options)
            return .schedules(
                try checkedList(
                    reply.schedules, "RekeySchedulesReply.schedules", atMost: Limits.rows
                ) { status throws(ContractError) in try RekeyScheduleStatus(status) })
        case .setSchedule(let group, let schedule, let mandate):
            var message = Gcks_V1_RekeyScheduleSetRequest()
            message.group = group.text
            message.schedule = Gcks_V1_RekeySchedule(schedule)
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.rekeyScheduleSet(message, metadata: metadata, options: options))
        case .pause(let group, let isPaused, let mandate):
            var message = Gcks_V1_RekeyPauseRequest()
            message.group = group.text
            message.paused = isPaused
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.rekeyPause(message, metadata: metadata, options: options))
        case .history(let group, let after):
            var message = Gcks_V1_RekeyHistoryRequest()
            if let group { message.group = group.text }
            message.after = after
            let reply = try await stub.rekeyHistory(message, metadata: metadata, options: options)
            return .history(
                try checkedList(
                    reply.entries, "RekeyHistoryReply.entries", atMost: Limits.rows
                ) { entry throws(ContractError) in try RekeyHistoryRow(entry) })
        case .policyTest(let identity, let group, let senderIDs):
            var message = Gcks_V1_PolicyTestRequest()
            message.identity = Gcks_V1_Identity(identity)
            message.group = group.text
            if let senderIDs { message.senderIds = senderIDs }
            return .verdict(try PolicyVerdict(try await stub.policyTest(message, metadata: metadata, options: options)))
        }
    }
}
