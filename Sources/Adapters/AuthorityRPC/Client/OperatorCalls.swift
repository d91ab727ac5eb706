import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GroupModel
import IKEVocabulary

/// One request to one authority: maps it to its method and the answer back.
struct OperatorCalls: Sendable {
    private let stub: Gcks_V1_Operator.Client<HTTP2ClientTransport.Posix>
    private let access: Gcks_V1_Access.Client<HTTP2ClientTransport.Posix>
    let client: GRPCClient<HTTP2ClientTransport.Posix>
    let metadata: Metadata
    let options: CallOptions

    init(client: GRPCClient<HTTP2ClientTransport.Posix>, name: String, wait: Duration) {
        self.client = client
        stub = Gcks_V1_Operator.Client(wrapping: client)
        access = Gcks_V1_Access.Client(wrapping: client)
        metadata = name.isEmpty ? [:] : [operatorNameMetadataKey: .string(name)]
        var options = CallOptions.defaults
        options.timeout = wait
        options.waitForReady = false
        options.maxResponseMessageBytes = Limits.messageOctets
        self.options = options
    }

    func perform(_ request: OperatorRequest) async throws -> OperatorReply {
        switch request {
        case .status:
            let reply = try await stub.status(Gcks_V1_StatusRequest(), metadata: metadata, options: options)
            return .status(try ClusterStatus(reply))
        case .whoAmI:
            let reply = try await access.whoAmI(Gcks_V1_WhoAmIRequest(), metadata: metadata, options: options)
            return .identity(try OperatorIdentity(reply))
        case .groupApply(let definition, let mandate):
            var message = Gcks_V1_GroupApplyRequest()
            message.definition = Gcks_V1_GroupDefinition(definition)
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.groupApply(message, metadata: metadata, options: options))
        case .groupList:
            return try groups(
                try await stub.groupList(Gcks_V1_GroupListRequest(), metadata: metadata, options: options))
        case .groupShow(let group):
            var message = Gcks_V1_GroupShowRequest()
            message.group = group.text
            return try groups(try await stub.groupShow(message, metadata: metadata, options: options))
        case .memberList(let group):
            var message = Gcks_V1_MemberListRequest()
            if let group { message.group = group.text }
            return try members(try await stub.memberList(message, metadata: metadata, options: options))
        case .memberShow(let member, let group):
            var message = Gcks_V1_MemberShowRequest()
            message.member = Gcks_V1_Identity(member)
            if let group { message.group = group.text }
            return try members(try await stub.memberShow(message, metadata: metadata, options: options))
        case .senderList(let group):
            var message = Gcks_V1_SenderListRequest()
            message.group = group.text
            return try senders(try await stub.senderList(message, metadata: metadata, options: options))
        case .senderSequences(let group):
            var message = Gcks_V1_SenderListRequest()
            message.group = group.text
            let reply = try await stub.senderSequences(message, metadata: metadata, options: options)
            return .sequences(
                try checkedList(
                    reply.sequences, "SequencesReply.sequences", atMost: Limits.rows
                ) { status throws(ContractError) in try SequenceStatus(status, of: group) })
        case .rekeyNow(let group, let scope, let mandate):
            var message = Gcks_V1_RekeyNowRequest()
            message.group = group.text
            message.scope = Gcks_V1_RekeyNowRequest.Scope(scope)
            message.mandate = Gcks_V1_Mandate(mandate)
            return try done(try await stub.rekeyNow(message, metadata: metadata, options: options))
        case .control(let request): return try await perform(request)
        case .backup(let request): return try await perform(request)
        case .audit(let request): return try await perform(request)
        case .fleet(let request): return try await perform(request)
        case .upkeep(let request): return try await perform(request)
        case .cluster(let request): return try await perform(request)
        }
    }

    func done(_ reply: Gcks_V1_DoneReply) throws(ContractError) -> OperatorReply {
        .done(
            try checkedList(
                reply.lines, "DoneReply.lines", atMost: Limits.lines
            ) { line throws(ContractError) in
                try checkedText(line, "DoneReply.lines", atMost: Limits.textOctets)
            })
    }

    private func groups(_ reply: Gcks_V1_GroupsReply) throws(ContractError) -> OperatorReply {
        .groups(
            try checkedList(
                reply.groups, "GroupsReply.groups", atMost: Limits.rows
            ) { group throws(ContractError) in try GroupStatus(group) })
    }

    private func members(_ reply: Gcks_V1_MembersReply) throws(ContractError) -> OperatorReply {
        .members(
            try checkedList(
                reply.members, "MembersReply.members", atMost: Limits.rows
            ) { member throws(ContractError) in try MemberStatus(member) })
    }

    private func senders(_ reply: Gcks_V1_SendersReply) throws(ContractError) -> OperatorReply {
        .senders(
            try checkedList(
                reply.senders, "SendersReply.senders", atMost: Limits.rows
            ) { sender throws(ContractError) in try SenderStatus(sender) })
    }
}
