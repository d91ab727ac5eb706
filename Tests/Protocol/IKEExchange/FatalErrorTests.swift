import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

/// INVALID_SYNTAX ends the IKE SA at both ends (RFC 7296 2.21.3); a critical payload nobody knows does not.
struct FatalErrorTests {
    private let join = GroupJoin(group: Sample.group, proposals: nil, senderIDs: nil)
    private let critical = Payload.raw(
        RawPayload(type: PayloadType(rawValue: 200), isCritical: true, body: [1, 2]))

    // MARK: The frontend answers

    @Test func aBadGroupSenderInGSAAuthEndsTheSAItMade() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 80)
        let sa = try harness.begin(forged)
        let effects = harness.deliver(
            try forged.seal(
                .gsaAuth, 1,
                [
                    .identificationInitiator(Sample.memberName),
                    try forged.sharedKeyProof(Sample.memberName, Sample.key), .identificationGroup(Sample.group),
                    .notify(NotifyPayload(.groupSender, data: [1])),
                ]), to: sa)
        #expect(try forged.open(effects.sent).errors == [.invalidSyntax])
        #expect(effects.isClosed && sa.isClosed)
    }

    /// Who leaves AUTH out asks for EAP (RFC 7296 2.16): that is no syntax error.
    @Test(arguments: [ExchangeType.ikeAuth, .gsaAuth]) func whoAsksForEAPFailsToAuthenticate(
        _ exchange: ExchangeType
    ) throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 81)
        let sa = try harness.begin(forged)
        let group: [Payload] = exchange == .gsaAuth ? [.identificationGroup(Sample.group)] : []
        let effects = harness.deliver(
            try forged.seal(exchange, 1, [.identificationInitiator(Sample.memberName)] + group), to: sa)
        #expect(try forged.open(effects.sent).errors == [.authenticationFailed])
        #expect(effects.isClosed)
    }

    // MARK: The member answers

    @Test func theMemberAnswersACriticalPayloadItDoesNotKnowAndStays() throws {
        let harness = InitiatorHarness()
        _ = try harness.establish()
        let effects = harness.deliver([try harness.forge(.informational, 0, [critical], isResponse: false)])
        let said = try harness.open(try #require(effects.sent.first))
        #expect(said == [.notify(NotifyPayload(.unsupportedCriticalPayload, data: [200]))])
        #expect(!harness.member.isClosed)
        let alive = try harness.forge(.informational, 1, [], isResponse: false)
        #expect(try harness.open(try #require(harness.deliver([alive]).sent.first)).isEmpty)
    }

    @Test func theMembersInvalidSyntaxEndsItsSA() throws {
        let requests: [(ExchangeType, [Payload])] = [
            (.informational, [.nonce([UInt8](repeating: 1, count: 16))]), (.gsaInbandRekey, []), (.gsaAuth, []),
            (ExchangeType(rawValue: 240), []),
        ]
        for (exchange, payloads) in requests {
            let harness = InitiatorHarness()
            _ = try harness.establish()
            let effects = harness.deliver([try harness.forge(exchange, 0, payloads, isResponse: false)])
            let said = try harness.open(try #require(effects.sent.first))
            #expect(said == [.notify(NotifyPayload(.invalidSyntax))], "\(exchange)")
            #expect(effects.closures.count == 1 && harness.member.isClosed, "\(exchange)")
        }
    }

    @Test func theMemberRefusesChildSAsAndStays() throws {
        let harness = InitiatorHarness()
        _ = try harness.establish()
        let child = try harness.forge(.createChildSA, 0, [.nonce([UInt8](repeating: 1, count: 16))], isResponse: false)
        let said = try harness.open(try #require(harness.deliver([child]).sent.first))
        #expect(said == [.notify(NotifyPayload(.noAdditionalSAs))])
        #expect(!harness.member.isClosed)
    }

    // MARK: The member is answered

    @Test func theMemberThatIsToldInvalidSyntaxEnds() throws {
        let harness = InitiatorHarness()
        _ = try harness.establish()
        _ = harness.join(join)
        let effects = harness.deliver([
            try harness.forge(.gsaRegistration, 2, [.notify(NotifyPayload(.invalidSyntax))], isResponse: true)
        ])
        #expect(effects.refusals == [.invalidSyntax])
        #expect(effects.closures == [.refused(.invalidSyntax)])
    }

    @Test func otherErrorsLeaveTheMembersSAUp() throws {
        let harness = InitiatorHarness()
        _ = try harness.establish()
        _ = harness.join(join)
        let effects = harness.deliver([
            try harness.forge(
                .gsaRegistration, 2, [.notify(NotifyPayload(.unsupportedCriticalPayload, data: [33]))],
                isResponse: true)
        ])
        #expect(effects.refusals == [.unsupportedCriticalPayload])
        #expect(effects.closures.isEmpty)
    }

    @Test(arguments: [NotifyType.temporaryFailure, .authorizationFailed])
    func aLeaveThatIsRefusedHasNotLeft(_ error: NotifyType) throws {
        let harness = InitiatorHarness()
        _ = try harness.establish()
        _ = harness.leave(Sample.group)
        let effects = harness.deliver([
            try harness.forge(.gsaRegistration, 2, [.notify(NotifyPayload(error))], isResponse: true)
        ])
        #expect(effects.refusals == [error])
        let hasLeft = effects.contains { if case .left = $0 { true } else { false } }
        #expect(!hasLeft)
    }

    /// Without the notify the responder wants SA and TS in IKE_AUTH (RFC 6023 3).
    @Test func aResponderThatIsNotChildlessIsToldApart() throws {
        for opening in [OpeningExchange.ikeAuth, .gsaAuth(join)] {
            let harness = InitiatorHarness(opening: opening)
            let answer = try #require(try harness.respond(harness.start().sent).first)
            let opened = try ForgedInitiator.clear(answer)
            let without = opened.payloads.filter { $0 != .notify(NotifyPayload(.childlessIKEv2Supported)) }
            let effects = harness.deliver([MessageAssembly.clear(opened.header, PayloadChain(without))])
            guard case .ikeAuth = opening else {
                // GSA_AUTH has no Child SA to do without.
                #expect(effects.sent.count == 1)
                continue
            }
            #expect(effects.sent.isEmpty)
            #expect("\(try #require(effects.closures.first))".contains("CHILDLESS_IKEV2_SUPPORTED"))
        }
    }

    /// The responder is of version 2.0, whatever minor version asks (RFC 7296 2.5).
    @Test func theAnswerIsOfOurVersion() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 82)
        var request = forged.initRequest([ForgedInitiator.proposal()])
        request[17] = 0x2f
        guard case .begun(_, let reply, _) = try harness.answerInit(request) else {
            Issue.record("a higher minor version was refused")
            return
        }
        #expect(reply[17] == 0x20)
    }
}
