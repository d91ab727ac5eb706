import Foundation
package import GroupModel
package import IKEVocabulary
import KeyMaterial

extension RegistrationRequest {
    /// The frontend's name is the peer's, never what the message says.
    package init(_ wire: Gcks_V1_RegistrationRequest, frontend: String) throws(ContractError) {
        let action: Action
        switch wire.action {
        case .join(let join): action = .join(try JoinRequest(join))
        case .leave(let notify):
            action = .leave(NotifyType(rawValue: try narrowed(notify, "RegistrationRequest.leave")))
        case .report(let report): action = .report(try SequenceReport(report))
        case nil: throw ContractError("RegistrationRequest.action", .missing)
        }
        let member = try Identity(wire.member)
        let isReport = if case .report = action { true } else { false }
        self.init(
            operation: try OperationID(wire: wire.operation, "RegistrationRequest.operation"),
            member: member, authentication: try MemberAuthentication(wire.authentication),
            group: isReport ? member : try Identity(wire.group), action: action, remote: try Endpoint(wire.remote),
            frontend: frontend)
    }
}

extension Gcks_V1_RegistrationRequest {
    package init(_ request: RegistrationRequest) {
        self.init()
        operation = Data(request.operation.octets)
        member = Gcks_V1_Identity(request.member)
        authentication = Gcks_V1_MemberAuthentication(request.authentication)
        group = Gcks_V1_Identity(request.group)
        switch request.action {
        case .join(let request): join = Gcks_V1_JoinRequest(request)
        case .leave(let notify): leave = UInt32(notify.rawValue)
        case .report(let position):
            report = Gcks_V1_SequenceReport(position)
            clearGroup()
        }
        remote = Gcks_V1_Endpoint(request.remote)
    }
}

extension FailedAuthentication {
    package init(_ wire: Gcks_V1_FailedAuthentication) throws(ContractError) {
        self.init(
            member: try Identity(wire.member), group: wire.hasGroup ? try Identity(wire.group) : nil,
            remote: try Endpoint(wire.remote),
            reason: try checkedText(wire.reason, "FailedAuthentication.reason", atMost: Limits.textOctets))
    }
}

extension Gcks_V1_FailedAuthentication {
    /// The peer chose how long its identity is: what the contract does not carry is cut.
    package init(_ failed: FailedAuthentication) {
        self.init()
        member = Gcks_V1_Identity(failed.member.shortened)
        if let claimed = failed.group { group = Gcks_V1_Identity(claimed.shortened) }
        remote = Gcks_V1_Endpoint(failed.remote)
        reason = String(failed.reason.unicodeScalars.prefix(Limits.nameOctets))
    }
}

extension Identity {
    fileprivate var shortened: Identity { Identity(type: type, octets: Array(octets.prefix(Limits.nameOctets))) }
}

extension JoinRequest {
    package init(_ wire: Gcks_V1_JoinRequest) throws(ContractError) {
        var offered: [Proposal]?
        if wire.hasProposals {
            offered = try checkedList(
                wire.proposals.proposals, "JoinRequest.proposals", atMost: Limits.proposals
            ) { proposal throws(ContractError) in try Proposal(proposal) }
        }
        guard (1...Limits.octetsPerField).contains(wire.gskW.count) else {
            throw ContractError("JoinRequest.gsk_w", wire.gskW.isEmpty ? .missing : .outOfRange)
        }
        self.init(
            proposals: offered, senderIDs: wire.hasSenderIds ? wire.senderIds : nil,
            keyWrap: KeyWrapID(rawValue: try narrowed(wire.keyWrap, "JoinRequest.key_wrap")),
            gskW: HeldSecret(SecretOctets(copying: wire.gskW)), supportsFragmentation: wire.supportsFragmentation)
    }
}

extension Gcks_V1_JoinRequest {
    /// GSK_w leaves its guarded block here: the message lives until it is inside TLS or the Unix socket.
    package init(_ request: JoinRequest) {
        self.init()
        if let offered = request.proposals { proposals.proposals = offered.map(Gcks_V1_Proposal.init) }
        if let count = request.senderIDs { senderIds = count }
        keyWrap = UInt32(request.keyWrap.rawValue)
        gskW = Data(exposing: request.gskW.secret)
        supportsFragmentation = request.supportsFragmentation
    }
}

extension Proposal {
    package init(_ wire: Gcks_V1_Proposal) throws(ContractError) {
        self.init(
            number: try narrowed(wire.number, "Proposal.number"),
            securityProtocol: SecurityProtocol(
                rawValue: try narrowed(wire.securityProtocol, "Proposal.security_protocol")),
            spi: try checkedOctets(wire.spi, "Proposal.spi", atMost: 255),
            transforms: try checkedList(
                wire.transforms, "Proposal.transforms", atMost: Limits.transformsPerProposal
            ) { transform throws(ContractError) in try Transform(transform) })
    }
}

extension Gcks_V1_Proposal {
    package init(_ proposal: Proposal) {
        self.init()
        number = UInt32(proposal.number)
        securityProtocol = UInt32(proposal.securityProtocol.rawValue)
        spi = Data(proposal.spi)
        transforms = proposal.transforms.map(Gcks_V1_Transform.init)
    }
}

extension Transform {
    package init(_ wire: Gcks_V1_Transform) throws(ContractError) {
        self.init(
            type: TransformType(rawValue: try narrowed(wire.type, "Transform.type")),
            id: try narrowed(wire.id, "Transform.id"),
            attributes: try checkedList(
                wire.attributes, "Transform.attributes", atMost: Limits.attributesPerTransform
            ) { attribute throws(ContractError) in try TransformAttribute(attribute) })
    }
}

extension Gcks_V1_Transform {
    package init(_ transform: Transform) {
        self.init()
        type = UInt32(transform.type.rawValue)
        id = UInt32(transform.id)
        attributes = transform.attributes.map(Gcks_V1_TransformAttribute.init)
    }
}

extension TransformAttribute {
    package init(_ wire: Gcks_V1_TransformAttribute) throws(ContractError) {
        let value: Value
        switch wire.value {
        case .short(let number): value = .short(try narrowed(number, "TransformAttribute.short"))
        case .octets(let data): value = .octets(try checkedOctets(data, "TransformAttribute.octets"))
        case nil: throw ContractError("TransformAttribute.value", .missing)
        }
        let type = TransformAttributeType(rawValue: try narrowed(wire.type, "TransformAttribute.type"))
        self.init(type: type, value: value)
    }
}

extension Gcks_V1_TransformAttribute {
    package init(_ attribute: TransformAttribute) {
        self.init()
        type = UInt32(attribute.type.rawValue)
        switch attribute.value {
        case .short(let number): short = UInt32(number)
        case .octets(let octets): self.octets = Data(octets)
        }
    }
}

extension Gcks_V1_RegistrationRequest {
    /// About what this request takes on the wire; decides where a batch is cut.
    var octetEstimate: Int {
        let fixed = 256 + member.octets.count + group.octets.count
        guard case .join(let join) = action, join.hasProposals else { return fixed }
        return join.proposals.proposals.reduce(fixed) { sum, proposal in
            proposal.transforms.reduce(sum + proposal.spi.count + 16) { sum, transform in
                transform.attributes.reduce(sum + 16) { $0 + $1.octets.count + 16 }
            }
        }
    }
}
