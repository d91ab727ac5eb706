import AuthorityRPC
import Foundation
import GroupModel
import IKEVocabulary
import KeyMaterial
import SwiftProtobuf
import Testing

/// What a peer could send and the model has no value for: a typed error that names the field.
@Suite struct MalformedInputTests {
    private func refusal(
        of change: (inout Gcks_V1_RegistrationRequest) -> Void
    ) throws -> ContractError? {
        var wire = Gcks_V1_RegistrationRequest(try Samples.join(1))
        change(&wire)
        return #expect(throws: ContractError.self) { try RegistrationRequest(wire, frontend: "f") }
    }

    @Test func registrationRequests() throws {
        let limits: [(String, ContractError.Problem, (inout Gcks_V1_RegistrationRequest) -> Void)] = [
            ("RegistrationRequest.operation", .outOfRange, { $0.operation = Data(count: 7) }),
            ("RegistrationRequest.operation", .tooLong(limit: 40), { $0.operation = Data(count: 41) }),
            ("RegistrationRequest.action", .missing, { $0.action = nil }),
            ("RegistrationRequest.leave", .outOfRange, { $0.leave = 65_536 }),
            ("MemberAuthentication", .unknownValue, { $0.authentication = .unspecified }),
            ("MemberAuthentication", .unknownValue, { $0.authentication = .UNRECOGNIZED(9) }),
            ("Identity.type", .outOfRange, { $0.member.type = 256 }),
            ("Identity.octets", .tooLong(limit: 4096), { $0.group.octets = Data(count: 4097) }),
            ("Endpoint.address", .outOfRange, { $0.remote.address = Data(count: 5) }),
            ("Endpoint.port", .outOfRange, { $0.remote.port = 65_536 }),
            ("JoinRequest.gsk_w", .missing, { $0.join.gskW = Data() }),
            ("JoinRequest.gsk_w", .outOfRange, { $0.join.gskW = Data(count: 65_536) }),
            ("JoinRequest.key_wrap", .outOfRange, { $0.join.keyWrap = 1 << 16 }),
            (
                "JoinRequest.proposals", .tooLong(limit: 64),
                { $0.join.proposals.proposals = Array(repeating: Gcks_V1_Proposal(), count: 65) }
            ),
            (
                "Proposal.transforms", .tooLong(limit: 255),
                { $0.join.proposals.proposals[0].transforms = Array(repeating: Gcks_V1_Transform(), count: 256) }
            ),
            ("Proposal.number", .outOfRange, { $0.join.proposals.proposals[0].number = 256 }),
            ("Proposal.spi", .tooLong(limit: 255), { $0.join.proposals.proposals[0].spi = Data(count: 256) }),
            (
                "TransformAttribute.short", .outOfRange,
                { $0.join.proposals.proposals[0].transforms[0].attributes[0].short = 65_536 }
            ),
            (
                "TransformAttribute.value", .missing,
                { $0.join.proposals.proposals[0].transforms[0].attributes[0].value = nil }
            ),
        ]
        for (field, problem, change) in limits {
            #expect(try refusal(of: change) == ContractError(field, problem))
        }
    }

    @Test func answersAndOrders() throws {
        let answer = RegistrationAnswer(operation: Samples.operation(1), outcome: .granted(Samples.grant))
        var wire = Gcks_V1_RegistrationAnswer(answer)
        wire.granted.notifies = [65_536]
        #expect(throws: ContractError("RegistrationGrant.notifies", .outOfRange)) { try RegistrationAnswer(wire) }
        wire.outcome = nil
        #expect(throws: ContractError("RegistrationAnswer.outcome", .missing)) { try RegistrationAnswer(wire) }
        wire.refused.kind = .UNRECOGNIZED(99)
        #expect(throws: ContractError("RegistrationRefusal.kind", .unknownValue)) { try RegistrationAnswer(wire) }

        let changes: [(ContractError, (inout Gcks_V1_RekeyOrder) -> Void)] = [
            (ContractError("RekeyOrder.group", .outOfRange), { $0.group = "UPPER" }),
            (ContractError("RekeyOrder.spi", .outOfRange), { $0.spi = Data(count: 15) }),
            (ContractError("RekeyOrder.time_to_live", .outOfRange), { $0.timeToLive = 256 }),
            (ContractError("RekeyOrder.copies", .outOfRange), { $0.copies = 256 }),
            (ContractError("RekeyOrder.spacing_nanoseconds", .outOfRange), { $0.spacingNanoseconds = -1 }),
            (ContractError("RekeyOrder.spacing_nanoseconds", .outOfRange), { $0.spacingNanoseconds = .max }),
            (ContractError("RekeyOrder.created_at_milliseconds", .outOfRange), { $0.createdAtMilliseconds = .min }),
            (
                ContractError("RekeyOrder.datagrams", .tooLong(limit: 65_535)),
                { $0.datagrams = [Data(count: 65_536)] }
            ),
            (
                ContractError("RekeyOrder.datagrams", .tooLong(limit: 1024)),
                { $0.datagrams = Array(repeating: Data([1]), count: 1025) }
            ),
        ]
        for (expected, change) in changes {
            var wire = Gcks_V1_RekeyOrder(try Samples.order(1))
            change(&wire)
            #expect(throws: expected) { try RekeyOrder(wire) }
        }
    }

    @Test func definitions() throws {
        let changes: [(ContractError, (inout Gcks_V1_GroupDefinition) -> Void)] = [
            (ContractError("GroupDefinition.name", .outOfRange), { $0.name = "" }),
            (ContractError("GroupDefinition.mode", .unknownValue), { $0.mode = .unspecified }),
            (ContractError("GroupDefinition.rekey", .missing), { $0.clearRekey() }),
            (ContractError("GroupDefinition.sender_id_bits", .outOfRange), { $0.senderIDBits = 33 }),
            (
                ContractError("GroupDefinition.activation_time_delay_seconds", .outOfRange),
                { $0.activationTimeDelaySeconds = 65_536 }
            ),
            (ContractError("ProtectionSuite", .outOfRange), { $0.rekey.suite.keyBits = 192 }),
            (ContractError("TrafficSelector", .outOfRange), { $0.data[0].source.first = Data(count: 16) }),
            (ContractError("TrafficSelector.last", .outOfRange), { $0.data[0].source.last = Data(count: 3) }),
            (ContractError("DataSADefinition.senders", .unknownValue), { $0.data[0].senders = .unspecified }),
            (ContractError("AuthorisationRule.pattern", .outOfRange), { $0.rules[0].pattern = "nonsense" }),
            (ContractError("AuthorisationRule.permission", .unknownValue), { $0.rules[0].permission = .unspecified }),
        ]
        for (expected, change) in changes {
            var wire = Gcks_V1_GroupDefinition(try Samples.definition())
            change(&wire)
            #expect(throws: expected) { try GroupDefinition(wire) }
        }
    }

    @Test func everyPrefixAndEveryCorruptOctetIsDecodedOrRefused() throws {
        var batch = Gcks_V1_RegistrationBatch()
        batch.requests = [Gcks_V1_RegistrationRequest(try Samples.join(1))]
        let octets: [UInt8] = try batch.serializedBytes()
        var accepted = 0
        func take(_ octets: [UInt8]) {
            guard let wire = try? Gcks_V1_RegistrationBatch(serializedBytes: octets) else { return }
            for request in wire.requests where (try? RegistrationRequest(request, frontend: "f")) != nil {
                accepted += 1
            }
        }
        for length in octets.indices { take(Array(octets[..<length])) }
        #expect(accepted == 0, "a cut request is never taken for a whole one")
        for index in octets.indices {
            for value in [0, 0x7f, 0x80, 0xff, octets[index] ^ 1, octets[index] &+ 1] as [UInt8] {
                var corrupt = octets
                corrupt[index] = value
                take(corrupt)
            }
        }
        take(octets)
        #expect(accepted > 0)
    }

    @Test func errorsNameTheirField() {
        #expect("\(ContractError("A.b", .missing))" == "A.b: missing")
        #expect("\(ContractError("A.b", .tooLong(limit: 3)))" == "A.b: longer than 3")
        #expect("\(ContractError("A.b", .outOfRange))" == "A.b: out of range")
        #expect("\(ContractError("A.b", .unknownValue))" == "A.b: unknown value")
    }
}
