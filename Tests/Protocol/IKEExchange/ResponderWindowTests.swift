import GroupModel
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

/// Message IDs, repetition, exchanges in the wrong state, and octets from anybody, at the responder.
struct ResponderWindowTests {
    private func join(_ forged: ForgedInitiator, _ id: UInt32, fragmentOctets: Int? = nil) throws -> [[UInt8]] {
        try forged.seal(
            .gsaRegistration, id,
            [
                .identificationGroup(Sample.group),
                .securityAssociation([
                    Proposal(
                        number: 1, securityProtocol: .esp,
                        transforms: ProtectionSuite.aesGCM128.transforms + [.sequenceNumbers(.sequential32)])
                ]),
            ], fragmentOctets: fragmentOctets)
    }

    private func auth(_ forged: ForgedInitiator, fragmentOctets: Int? = nil) throws -> [[UInt8]] {
        try forged.seal(
            .ikeAuth, 1,
            [.identificationInitiator(Sample.memberName), try forged.sharedKeyProof(Sample.memberName, Sample.key)],
            fragmentOctets: fragmentOctets)
    }

    @Test func repeatedRequestGetsTheSameOctetsAndOldOrFarOnesNone() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 30)
        let sa = try harness.begin(forged)
        let first = try auth(forged)
        let answer = harness.deliver(first, to: sa).sent
        #expect(answer.count == 1)
        #expect(harness.deliver(first, to: sa).sent == answer)
        #expect(harness.deliver(first, to: sa).sent == answer)
        let second = try forged.seal(.informational, 2, [])
        let empty = harness.deliver(second, to: sa).sent
        #expect(try forged.open(empty).payloads.isEmpty)
        #expect(harness.deliver(second, to: sa).sent == empty)
        #expect(harness.deliver(first, to: sa).isEmpty)
        #expect(harness.deliver(try forged.seal(.informational, 4, []), to: sa).isEmpty)
        #expect(harness.deliver(try forged.seal(.informational, 0, []), to: sa).isEmpty)
        #expect(harness.deliver(try forged.seal(.informational, .max, []), to: sa).isEmpty)
        // A response and a message without the initiator flag are not requests of this member.
        #expect(harness.deliver(try forged.seal(.informational, 3, [], isResponse: true), to: sa).isEmpty)
        #expect(
            harness.deliver(
                try forged.seal(.informational, 3, firstInner: .none, inner: [], flags: []), to: sa
            ).isEmpty)
        #expect(harness.deliver(try forged.seal(.informational, 3, []), to: sa).sent.count == 1)
    }

    @Test func lastAnswerIsRepeatedAfterTheEnd() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 31)
        let sa = try harness.established(forged)
        let delete = try forged.seal(.informational, 2, [.delete(.ikeSA)])
        let effects = harness.deliver(delete, to: sa)
        #expect(effects.isClosed)
        #expect(effects.sent.count == 1)
        let again = harness.deliver(delete, to: sa)
        #expect(again.sent == effects.sent)
        #expect(!again.isClosed)
        #expect(harness.deliver(try forged.seal(.informational, 3, []), to: sa).isEmpty)

        let refused = try ForgedInitiator(seed: 32)
        let failing = try harness.begin(refused)
        let bad = try refused.seal(
            .ikeAuth, 1,
            [
                .identificationInitiator(Sample.memberName),
                try refused.sharedKeyProof(Sample.memberName, Sample.otherKey),
            ])
        let failure = harness.deliver(bad, to: failing).sent
        #expect(try refused.open(failure).errors == [.authenticationFailed])
        #expect(harness.deliver(bad, to: failing).sent == failure)
        #expect(harness.deliver(try refused.seal(.informational, 2, []), to: failing).isEmpty)
    }

    @Test func memberThatDoesNotBelieveUsEndsTheSA() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 33)
        let sa = try harness.established(forged)
        let effects = harness.deliver(
            try forged.seal(.informational, 2, [.notify(NotifyPayload(.authenticationFailed))]), to: sa)
        #expect(effects.isClosed)
        #expect(try forged.open(effects.sent).payloads.isEmpty)
    }

    /// An old datagram that somebody recorded must not lead the answer elsewhere.
    @Test func replayDoesNotMoveTheSA() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 34)
        let sa = try harness.begin(forged)
        let first = try auth(forged)
        _ = harness.deliver(first, to: sa)
        let request = try join(forged, 2)
        let asked = try #require(harness.deliver(request, to: sa).asked.first)
        _ = harness.deliver(first, to: sa, path: Sample.otherPath)
        _ = harness.deliver(request, to: sa, path: Sample.otherPath)
        for effect in harness.answer(.granted(Sample.grant), asked, to: sa) {
            if case .send(_, let path) = effect { #expect(path == Sample.memberPath) }
        }
        // A new request from a new address does move it (RFC 7296 2.23).
        for effect in harness.deliver(try forged.seal(.informational, 3, []), to: sa, path: Sample.otherPath) {
            if case .send(_, let path) = effect { #expect(path == Sample.otherPath) }
        }
        #expect(sa.path == Sample.otherPath)
    }

    // MARK: Every exchange in every state

    static let exchanges: [ExchangeType] = [
        .ikeSAInit, .ikeAuth, .createChildSA, .informational, .ikeSessionResume, .gsaAuth, .gsaRegistration, .gsaRekey,
        .gsaInbandRekey, .ikeIntermediate, .ikeFollowupKE, ExchangeType(rawValue: 0), ExchangeType(rawValue: 240),
    ]

    @Test(arguments: exchanges) func beforeAuthenticationNothingButAUTH(_ exchange: ExchangeType) throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 35)
        let sa = try harness.begin(forged)
        let bodies: [[Payload]] = [
            [], [.identificationGroup(Sample.group)], [.delete(.ikeSA)], [.nonce([UInt8](repeating: 1, count: 16))],
        ]
        for body in bodies {
            let effects = harness.deliver(try forged.seal(exchange, 1, body), to: sa)
            #expect(effects.asked.isEmpty, "\(exchange) \(body)")
            #expect(!sa.isEstablished)
            if sa.isClosed {
                #expect(try forged.open(effects.sent).types == [.notify])
                return
            }
        }
        // What was ignored did no harm.
        _ = harness.deliver(try auth(forged), to: sa)
        #expect(sa.isEstablished)
    }

    @Test(arguments: exchanges) func onAnEstablishedSAEachHasItsAnswer(_ exchange: ExchangeType) throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 36)
        let sa = try harness.established(forged)
        let effects = harness.deliver(try forged.seal(exchange, 2, []), to: sa)
        let opened = try forged.open(effects.sent)
        #expect(opened.header.exchange == exchange)
        #expect(opened.header.messageID == MessageID(rawValue: 2))
        #expect(effects.asked.isEmpty)
        switch exchange {
        case .informational: #expect(opened.payloads.isEmpty)
        case .createChildSA: #expect(opened.errors == [.noAdditionalSAs])
        // Fatal at both ends (RFC 7296 2.21.3).
        default: #expect(opened.errors == [.invalidSyntax] && effects.isClosed, "\(exchange)")
        }
    }

    @Test(arguments: exchanges) func whileTheAuthorityThinksNothingElseIsTaken(_ exchange: ExchangeType) throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 37)
        let sa = try harness.established(forged)
        let asked = try #require(harness.deliver(try join(forged, 2), to: sa).asked.first)
        for id: UInt32 in [2, 3] {
            let effects = harness.deliver(try forged.seal(exchange, id, []), to: sa)
            #expect(effects.sent.isEmpty && effects.asked.isEmpty && !effects.isClosed, "\(exchange) \(id)")
        }
        let refusal = RegistrationRefusal(.groupFull, "full")
        #expect(try forged.open(harness.answer(.refused(refusal), asked, to: sa).sent).errors == [.registrationFailed])
    }

    @Test func reauthenticationOnAnSAIsRefused() throws {
        let harness = ResponderHarness()
        for exchange: ExchangeType in [.ikeAuth, .gsaAuth] {
            let forged = try ForgedInitiator(seed: 38)
            let sa = try harness.established(forged)
            let group: [Payload] = exchange == .gsaAuth ? [.identificationGroup(Sample.group)] : []
            let other = Identity.fqdn("other.members.test")
            harness.trust.keys[other] = Sample.key
            let effects = harness.deliver(
                try forged.seal(
                    exchange, 2,
                    [.identificationInitiator(other), try forged.sharedKeyProof(other, Sample.key)] + group),
                to: sa)
            #expect(try forged.open(effects.sent).errors == [.invalidSyntax])
            #expect(effects.asked.isEmpty)
            #expect(sa.peer == Sample.memberName)
        }
    }

    @Test func leaveIsAskedForAndAnsweredEmpty() throws {
        let harness = ResponderHarness()
        for notify: NotifyType in [.registrationFailed, .noProposalChosen] {
            let forged = try ForgedInitiator(seed: 39)
            let sa = try harness.established(forged)
            let request = try forged.seal(
                .gsaRegistration, 2, [.identificationGroup(Sample.group), .notify(NotifyPayload(notify))])
            let asked = try #require(harness.deliver(request, to: sa).asked.first)
            guard case .leave(let why) = asked.action else {
                Issue.record("not a leave")
                continue
            }
            #expect(why == notify)
            #expect(try forged.open(harness.answer(.left, asked, to: sa).sent).payloads.isEmpty)
        }
    }

    @Test func badInnerPayloadsHaveTheirAnswers() throws {
        let harness = ResponderHarness()
        let group = PayloadChain([.identificationGroup(Sample.group)]).encode()
        let cases: [(String, PayloadType, [UInt8], NotifyType, closes: Bool)] = [
            ("length beyond the message", .identificationGroup, [0, 0, 0, 99, 11, 0, 0, 0], .invalidSyntax, true),
            ("octets after the last payload", .identificationGroup, group + [1], .invalidSyntax, true),
            ("IDg twice", .identificationGroup, [50] + group.dropFirst() + group, .invalidSyntax, true),
            (
                "GROUP_SENDER of two octets", .identificationGroup,
                PayloadChain([
                    .identificationGroup(Sample.group), .notify(NotifyPayload(.groupSender, data: [0, 1])),
                ]).encode(), .invalidSyntax, true
            ),
            (
                "unknown critical payload", PayloadType(rawValue: 200), [0, 0x80, 0, 4], .unsupportedCriticalPayload,
                false
            ),
        ]
        for (what, first, inner, notify, closes) in cases {
            let forged = try ForgedInitiator(seed: 40)
            let sa = try harness.established(forged)
            let effects = harness.deliver(
                try forged.seal(.gsaRegistration, 2, firstInner: first, inner: inner), to: sa)
            #expect(try forged.open(effects.sent).errors == [notify], "\(what)")
            #expect(effects.isClosed == closes, "\(what)")
            #expect(effects.asked.isEmpty, "\(what)")
        }
    }

    // MARK: Octets from anybody

    @Test func everyPrefixAndEveryCorruptionOfProtectedMessages() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 41)
        let sa = try harness.begin(forged)
        let first = try auth(forged)
        attack(first[0], sa, harness)
        #expect(!sa.isEstablished && !sa.isClosed)
        #expect(harness.deliver(first, to: sa).sent.count == 1)
        let fragments = try join(forged, 2, fragmentOctets: 40)
        for fragment in fragments { attack(fragment, sa, harness) }
        let asked = try #require(harness.deliver(fragments, to: sa).asked.first)
        attack(fragments[0], sa, harness)
        #expect(harness.answer(.granted(Sample.grant), asked, to: sa).sent.count == 1)
        #expect(!sa.isClosed)
    }

    /// Nothing of this is authentic, so nothing may be said and nothing may change.
    private func attack(_ datagram: [UInt8], _ sa: ResponderSA, _ harness: ResponderHarness) {
        for count in datagram.indices { #expect(harness.deliver([Array(datagram.prefix(count))], to: sa).sent.isEmpty) }
        for index in datagram.indices {
            for flip: UInt8 in [0x01, 0x80, 0xff] {
                var bad = datagram
                bad[index] ^= flip
                let effects = harness.deliver([bad], to: sa, path: Sample.otherPath)
                #expect(effects.sent.isEmpty && effects.asked.isEmpty && !effects.isClosed, "octet \(index) ^ \(flip)")
            }
        }
        #expect(sa.path == Sample.memberPath)
    }

    /// Authentic nonsense: every prefix and single-octet corruption of the inner payloads, each on an SA of its own.
    @Test func authenticNonsenseNeverTrapsAndIsAnswered() throws {
        let harness = ResponderHarness()
        let inner = PayloadChain([
            .identificationGroup(Sample.group),
            .securityAssociation([ForgedInitiator.proposal()]),
            .notify(NotifyPayload(.groupSender, data: [0, 0, 0, 1])), .delete(.ikeSA),
        ]).encode()
        let variants =
            inner.indices.map { Array(inner.prefix($0)) }
            + inner.indices.map { index in
                var bad = inner
                bad[index] ^= 0xff
                return bad
            }
        for exchange: ExchangeType in [.gsaRegistration, .informational] {
            let forged = try ForgedInitiator(seed: 42)
            var sa = try harness.established(forged)
            var id: UInt32 = 2
            for variant in variants {
                let effects = harness.deliver(
                    try forged.seal(exchange, id, firstInner: .identificationGroup, inner: variant), to: sa)
                #expect(effects.sent.count + effects.asked.count == 1)
                for request in effects.asked { _ = harness.answer(.left, request, to: sa) }
                id += 1
                if sa.isClosed {
                    sa = try harness.established(forged)
                    id = 2
                }
            }
        }
    }
}
