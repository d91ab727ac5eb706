import AuthorityRPC
import Foundation
import GroupModel
import IKEVocabulary
import KeyMaterial
import SwiftProtobuf
import Testing

/// Model to wire to octets to wire to model, and what each mapping refuses.
@Suite struct MappingTests {
    /// Through real octets, so that field numbers and types take part.
    private func carried<Wire: Message>(_ wire: Wire) throws -> Wire {
        let octets: [UInt8] = try wire.serializedBytes()
        return try Wire(serializedBytes: octets)
    }

    @Test func joinKeepsEveryField() throws {
        let request = try Samples.join(1)
        let back = try RegistrationRequest(carried(Gcks_V1_RegistrationRequest(request)), frontend: "frontend-1")
        #expect(back.operation == request.operation)
        #expect(back.member == request.member)
        #expect(back.authentication == .signature)
        #expect(back.group == request.group)
        #expect(back.remote == request.remote)
        #expect(back.frontend == "frontend-1")
        guard case .join(let sent) = request.action, case .join(let got) = back.action else {
            Issue.record("not a join")
            return
        }
        #expect(got.proposals == sent.proposals)
        #expect(got.senderIDs == 3)
        #expect(got.keyWrap == .kw5649_256)
        let isSame = got.gskW.secret.constantTimeEquals(sent.gskW.secret)
        #expect(isSame)
        #expect(got.supportsFragmentation)
    }

    @Test func absentIsNotEmpty() throws {
        let secret = HeldSecret(SecretOctets(copying: [1]))
        for proposals in [nil, []] as [[Proposal]?] {
            for count in [nil, 0] as [UInt32?] {
                let join = JoinRequest(
                    proposals: proposals, senderIDs: count, keyWrap: .kw5649_128, gskW: secret,
                    supportsFragmentation: false)
                let back = try JoinRequest(carried(Gcks_V1_JoinRequest(join)))
                #expect(back.proposals == proposals)
                #expect(back.senderIDs == count)
                #expect(!back.supportsFragmentation)
            }
        }
    }

    @Test func aMemberIsCanonicalWhateverTheFrontendSays() throws {
        var wire = Gcks_V1_RegistrationRequest(try Samples.join(1))
        wire.member = Gcks_V1_Identity(.fqdn("GM1.Example"))
        let request = try RegistrationRequest(try carried(wire), frontend: "fe-1")
        #expect(request.member == .fqdn("gm1.example"))
    }

    @Test func leaveKeepsItsNotify() throws {
        let request = try Samples.leave(2)
        let back = try RegistrationRequest(carried(Gcks_V1_RegistrationRequest(request)), frontend: "f")
        guard case .leave(let notify) = back.action else {
            Issue.record("not a leave")
            return
        }
        #expect(notify == .noProposalChosen)
        #expect(back.authentication == .sharedKey)
        #expect(back.frontend == "f", "the name is the stream's, not the message's")
    }

    @Test func aReportNamesAnSAAndNoGroup() throws {
        let leave = try Samples.leave(2)
        let report = SequenceReport(spi: ESPSPI(rawValue: 0x10_0001), counter: 9, next: 1 << 40, isFinal: true)
        let request = RegistrationRequest(
            operation: leave.operation, member: leave.member, authentication: .signature, group: leave.member,
            action: .report(report), remote: leave.remote, frontend: "f")
        let wire = try carried(Gcks_V1_RegistrationRequest(request))
        let back = try RegistrationRequest(wire, frontend: "f")
        guard case .report(let carriedOver) = back.action else {
            Issue.record("not a report")
            return
        }
        #expect(carriedOver == report && back.group == leave.member && !wire.hasGroup)
        var reserved = wire
        reserved.report.spi = 255
        #expect(throws: ContractError.self) { try RegistrationRequest(reserved, frontend: "f") }
    }

    @Test func answersKeepEveryOutcome() throws {
        let refusals = RegistrationRefusal.Kind.allCases.map {
            RegistrationOutcome.refused(RegistrationRefusal($0, "because \($0.rawValue)"))
        }
        for outcome in [.granted(Samples.grant), .left, .noted, .unavailable("no quorum")] + refusals {
            let answer = RegistrationAnswer(operation: Samples.operation(3), outcome: outcome)
            let back = try RegistrationAnswer(carried(Gcks_V1_RegistrationAnswer(answer)))
            #expect(back.operation == answer.operation)
            #expect(back.outcome == outcome)
        }
    }

    @Test func orderKeepsEveryField() throws {
        let order = try Samples.order(41)
        #expect(try RekeyOrder(carried(Gcks_V1_RekeyOrder(order))) == order)
    }

    @Test func definitionKeepsEveryField() throws {
        var definition = try Samples.definition()
        #expect(try GroupDefinition(carried(Gcks_V1_GroupDefinition(definition))) == definition)
        for mode in SAMode.allCases {
            for authentication in RekeyAuthentication.allCases {
                for (_, suite) in ProtectionSuite.named {
                    definition.mode = mode
                    definition.rekey.authentication = authentication
                    definition.rekey.suite = suite
                    #expect(try GroupDefinition(carried(Gcks_V1_GroupDefinition(definition))) == definition)
                }
            }
        }
        for senders in SenderModel.allCases {
            for permission in AuthorisationRule.Permission.allCases {
                definition.data[0].senders = senders
                definition.rules[0].permission = permission
                #expect(try GroupDefinition(carried(Gcks_V1_GroupDefinition(definition))) == definition)
            }
        }
    }

    @Test func statusKeepsEveryField() throws {
        for leader in ["auth-2", nil] {
            let status = try Samples.cluster(leader: leader)
            let back = try ClusterStatus(carried(Gcks_V1_ClusterStatus(status)))
            #expect(back.nodes == status.nodes)
            #expect(back.leader == leader)
            #expect(back.term == 14 && back.commits == 182_441)
            #expect(back.frontends == status.frontends)
            #expect(back.broadcasters == status.broadcasters)
            let (group, expected) = (try #require(back.groups.first), try Samples.group())
            #expect(group.definition == expected.definition)
            #expect(group.generation == expected.generation)
            #expect(group.members == 12_480 && group.senders == 14 && group.senderIDsGiven == 17)
            #expect(group.rekeySA == expected.rekeySA)
            #expect(group.dataSAs == expected.dataSAs)
        }
    }

    @Test func memberAndSenderKeepEveryField() throws {
        let member = try Samples.member()
        let back = try MemberStatus(carried(Gcks_V1_MemberStatus(member)))
        #expect(back.group == member.group && back.identity == member.identity)
        #expect(back.state == "refused" && back.role == "sender" && back.reason == "the group is full")
        #expect(back.senderIDs == member.senderIDs && back.since == member.since && back.remote == member.remote)
        #expect(back.frontend == "frontend-2" && back.authentication == .sharedKey)
        #expect(try SenderStatus(carried(Gcks_V1_SenderStatus(Samples.sender))) == Samples.sender)
    }

    @Test func scopesAndFailuresKeepTheirKind() throws {
        for scope in RekeyScope.allCases {
            #expect(try RekeyScope(Gcks_V1_RekeyNowRequest.Scope(scope)) == scope)
        }
        let fault = DefinitionFault(path: "data[1].source", problem: "two families", valid: "one family")
        let failures: [OperatorFailure] = [
            .notFound("no group x"), .invalid([fault]), .conflict("busy"), .notAuthorised("no"), .notLeader("auth-3"),
            .notLeader(nil), .unavailable("no quorum"), .unknownOutcome(Samples.operation(4)),
        ]
        for failure in failures { #expect(try OperatorFailure(carried(Gcks_V1_Failure(failure))) == failure) }
    }

    @Test func unknownFieldsOfANewerContractAreIgnored() throws {
        let request = try Samples.join(5)
        var octets: [UInt8] = try Gcks_V1_RegistrationRequest(request).serializedBytes()
        // Field 1000, length-delimited, "new".
        octets += [0xc2, 0x3e, 0x03] + Array("new".utf8)
        let wire = try Gcks_V1_RegistrationRequest(serializedBytes: octets)
        #expect(try RegistrationRequest(wire, frontend: "f").operation == request.operation)
        #expect(!wire.unknownFields.data.isEmpty)
    }
}
