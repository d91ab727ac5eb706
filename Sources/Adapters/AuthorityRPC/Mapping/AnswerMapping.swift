import Foundation
package import GroupModel
import IKEVocabulary

extension RegistrationAnswer {
    package init(_ wire: Gcks_V1_RegistrationAnswer) throws(ContractError) {
        let outcome: RegistrationOutcome
        switch wire.outcome {
        case .granted(let grant): outcome = .granted(try RegistrationGrant(grant))
        case .left: outcome = .left
        case .noted: outcome = .noted
        case .refused(let refusal): outcome = .refused(try RegistrationRefusal(refusal))
        case .unavailable(let reason):
            outcome = .unavailable(
                try checkedText(reason, "RegistrationAnswer.unavailable", atMost: Limits.textOctets))
        case nil: throw ContractError("RegistrationAnswer.outcome", .missing)
        }
        self.init(
            operation: try OperationID(wire: wire.operation, "RegistrationAnswer.operation"), outcome: outcome)
    }
}

extension Gcks_V1_RegistrationAnswer {
    package init(_ answer: RegistrationAnswer) {
        self.init()
        operation = Data(answer.operation.octets)
        switch answer.outcome {
        case .granted(let grant): granted = Gcks_V1_RegistrationGrant(grant)
        case .left: left = Gcks_V1_Left()
        case .noted: noted = Gcks_V1_Noted()
        case .refused(let refusal): refused = Gcks_V1_RegistrationRefusal(refusal)
        case .unavailable(let reason): unavailable = reason
        }
    }

    /// About what this answer takes on the wire; decides where a batch is cut.
    var octetEstimate: Int {
        switch outcome {
        case .granted(let grant): 64 + grant.groupSecurityAssociation.count + grant.keyDownload.count
        case .left, .noted, .refused, .unavailable, nil: 64
        }
    }
}

extension RegistrationGrant {
    package init(_ wire: Gcks_V1_RegistrationGrant) throws(ContractError) {
        self.init(
            groupSecurityAssociation: try checkedOctets(
                wire.groupSecurityAssociation, "RegistrationGrant.group_security_association"),
            keyDownload: try checkedOctets(wire.keyDownload, "RegistrationGrant.key_download"),
            notifies: try checkedList(
                wire.notifies, "RegistrationGrant.notifies", atMost: Limits.notifies
            ) { notify throws(ContractError) in
                NotifyType(rawValue: try narrowed(notify, "RegistrationGrant.notifies"))
            })
    }
}

extension Gcks_V1_RegistrationGrant {
    package init(_ grant: RegistrationGrant) {
        self.init()
        groupSecurityAssociation = Data(grant.groupSecurityAssociation)
        keyDownload = Data(grant.keyDownload)
        notifies = grant.notifies.map { UInt32($0.rawValue) }
    }
}

extension RegistrationRefusal {
    package init(_ wire: Gcks_V1_RegistrationRefusal) throws(ContractError) {
        let kind = try closedEnum(
            wire.kind, "RegistrationRefusal.kind", among: Kind.allCases, Gcks_V1_RegistrationRefusal.Kind.init)
        self.init(kind, try checkedText(wire.reason, "RegistrationRefusal.reason", atMost: Limits.textOctets))
    }
}

extension Gcks_V1_RegistrationRefusal {
    package init(_ refusal: RegistrationRefusal) {
        self.init()
        kind = Kind(refusal.kind)
        reason = refusal.reason
    }
}

extension Gcks_V1_RegistrationRefusal.Kind {
    package init(_ kind: RegistrationRefusal.Kind) {
        switch kind {
        case .unknownGroup: self = .unknownGroup
        case .notAuthorised: self = .notAuthorised
        case .notASender: self = .notASender
        case .groupFull: self = .groupFull
        case .senderIDsExhausted: self = .senderIdsExhausted
        case .tooManySenderIDs: self = .tooManySenderIds
        case .noAcceptableTransforms: self = .noAcceptableTransforms
        case .notAMember: self = .notAMember
        case .notTheSender: self = .notTheSender
        case .unknownSA: self = .unknownSa
        case .stepsBack: self = .stepsBack
        }
    }
}

extension RekeyOrder {
    package init(_ wire: Gcks_V1_RekeyOrder) throws(ContractError) {
        let spi = RekeySPI(octets: try checkedOctets(wire.spi, "RekeyOrder.spi", atMost: 16))
        self.init(
            number: wire.number, group: try GroupName(wire: wire.group, "RekeyOrder.group"),
            spi: try required(spi, "RekeyOrder.spi"), messageID: MessageID(rawValue: wire.messageID),
            destination: try Endpoint(wire.destination),
            timeToLive: try narrowed(wire.timeToLive, "RekeyOrder.time_to_live"),
            datagrams: try checkedList(
                wire.datagrams, "RekeyOrder.datagrams", atMost: Limits.datagramsPerOrder
            ) { datagram throws(ContractError) in try checkedOctets(datagram, "RekeyOrder.datagrams") },
            copies: try narrowed(wire.copies, "RekeyOrder.copies"),
            spacing: try checkedDelay(nanoseconds: wire.spacingNanoseconds, "RekeyOrder.spacing_nanoseconds"),
            createdAt: try checkedTime(wire.createdAtMilliseconds, "RekeyOrder.created_at_milliseconds"),
            pace: try checkedDelay(nanoseconds: wire.paceNanoseconds, "RekeyOrder.pace_nanoseconds"))
    }
}

extension Gcks_V1_RekeyOrder {
    package init(_ order: RekeyOrder) {
        self.init()
        number = order.number
        group = order.group.text
        spi = Data(order.spi.octets)
        messageID = order.messageID.rawValue
        destination = Gcks_V1_Endpoint(order.destination)
        timeToLive = UInt32(order.timeToLive)
        datagrams = order.datagrams.map { Data($0) }
        copies = UInt32(order.copies)
        spacingNanoseconds = wireNanoseconds(order.spacing)
        paceNanoseconds = wireNanoseconds(order.pace)
        createdAtMilliseconds = order.createdAt.milliseconds
    }

    var octetEstimate: Int { datagrams.reduce(128) { $0 + $1.count + 4 } }
}
