import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

/// The member's end of an IKE SA against answers that are good, forged, damaged or late.
struct InitiatorTests {
    private let join = GroupJoin(group: Sample.group, proposals: nil, senderIDs: nil)

    // MARK: Proof of both ends

    @Test(arguments: MemberPKI.Kind.allCases, [MemberPKI.Kind.ecdsaP256, .ed25519, .rsaPSS])
    func certificatesBothWays(_ member: MemberPKI.Kind, _ frontend: MemberPKI.Kind) throws {
        let harness = try InitiatorHarness(member: member, frontend: frontend, opening: .gsaAuth(join))
        let effects = try harness.establish()
        #expect(effects.isEstablished)
        #expect(effects.refusals == [.registrationFailed])
        #expect(harness.responderSA?.peer == Identity.fqdn("\(member.rawValue).members.test").canonical)
    }

    @Test func frontendThatIsNotTheExpectedOneIsNotBelieved() throws {
        let other = try InitiatorHarness(member: .ed25519, frontend: .ed25519)
        other.configuration.expectedResponder = .fqdn("other.gcks.test")
        #expect(isAuthenticationFailure(try other.establish()))
        // The right identity with a certificate for another name.
        let named = try InitiatorHarness(member: .ed25519, frontend: .ed25519)
        let pki = try MemberPKI.shared()
        let wrong = try pki.frontend(.ecdsaP256)
        named.responder.configuration = ResponderConfiguration(
            frontend: "f",
            own: OwnCredentials(
                identity: .fqdn("ed25519.gcks.test"), signing: (key: wrong.key, chain: wrong.chain)),
            trust: try SharedKeyTrust.certificates())
        #expect(isAuthenticationFailure(try named.establish()))
        // A chain that no anchor of the member signed.
        let stranger = try InitiatorHarness(member: .ed25519, frontend: .ed25519)
        stranger.configuration.trust = SharedKeyTrust()
        #expect(isAuthenticationFailure(try stranger.establish()))
        // A frontend with another shared key.
        let keyed = InitiatorHarness()
        (keyed.configuration.trust as? SharedKeyTrust)?.keys[Sample.frontendName] = Sample.otherKey
        let effects = try keyed.establish()
        #expect(isAuthenticationFailure(effects))
        // The other end hears of it and ends its SA too.
        #expect(keyed.responderSA?.isClosed == false)
        _ = try keyed.respond(effects.sent)
        #expect(keyed.responderSA?.isClosed == true)
    }

    private func isAuthenticationFailure(_ effects: [InitiatorEffect]) -> Bool {
        guard case .authenticationFailed? = effects.closures.first else { return false }
        return !effects.isEstablished && effects.closures.count == 1
    }

    // MARK: IKE_SA_INIT that nobody authenticated

    @Test func strangersCannotEndOrSteerIKESAInit() throws {
        let harness = InitiatorHarness()
        let request = try #require(harness.start().sent.first)
        let spi = try FramedMessage(decoding: request).header.initiatorSPI
        let answer = try #require(try harness.respond([request]).first)
        func forged(_ payloads: [Payload], spiR: IKESPI = .zero) -> [UInt8] {
            MessageAssembly.clear(
                IKEHeader(
                    initiatorSPI: spi, responderSPI: spiR, nextPayload: .none, exchange: .ikeSAInit, flags: .response,
                    messageID: .zero), PayloadChain(payloads))
        }
        let good = try ForgedInitiator.clear(answer)
        let weaker = good.payloads.map { payload -> Payload in
            guard case .securityAssociation(let chosen) = payload else { return payload }
            return .securityAssociation([
                Proposal(
                    number: chosen[0].number, securityProtocol: .ike,
                    transforms: chosen[0].transforms.filter { $0.type != .encryption } + [
                        .encryption(.null, keyBits: nil)
                    ])
            ])
        }
        let twoOfAKind = good.payloads.map { payload -> Payload in
            guard case .securityAssociation(let chosen) = payload else { return payload }
            return .securityAssociation([
                Proposal(
                    number: chosen[0].number, securityProtocol: .ike,
                    transforms: chosen[0].transforms + [.keyExchange(.ecp256)])
            ])
        }
        let nonsense: [[UInt8]] = [
            forged([.notify(NotifyPayload(.noProposalChosen))]),
            forged([.notify(NotifyPayload(.authenticationFailed))]),
            forged([.notify(NotifyPayload(.invalidKEPayload, data: [0, 2]))]),
            forged([.notify(NotifyPayload(.invalidKEPayload, data: [0, 31]))]),
            forged([.notify(NotifyPayload(.invalidKEPayload, data: []))]),
            forged([.notify(NotifyPayload(.cookie, data: []))]),
            forged([.notify(NotifyPayload(.cookie, data: [UInt8](repeating: 1, count: 65)))]),
            forged([]), forged(weaker, spiR: IKESPI(rawValue: 9)), forged(twoOfAKind, spiR: IKESPI(rawValue: 9)),
            forged(good.payloads, spiR: .zero),
        ]
        for datagram in nonsense {
            let effects = harness.deliver([datagram])
            #expect(effects.sent.isEmpty && effects.closures.isEmpty)
        }
        let auth = harness.deliver([answer])
        #expect(auth.sent.count == 1)
        #expect(harness.deliver(try harness.respond(auth.sent)).isEstablished)
    }

    @Test func cookiesAndMethodsAreFollowedOnlySoOften() throws {
        let harness = InitiatorHarness()
        var request = try #require(harness.start().sent.first)
        let spi = try FramedMessage(decoding: request).header.initiatorSPI
        var followed = 0
        for round in 0..<20 {
            let cookie = NotifyPayload(.cookie, data: [UInt8(round), 1])
            let answer = MessageAssembly.clear(
                IKEHeader(
                    initiatorSPI: spi, responderSPI: .zero, nextPayload: .none, exchange: .ikeSAInit, flags: .response,
                    messageID: .zero), PayloadChain([.notify(cookie)]))
            guard let next = harness.deliver([answer]).sent.first else { break }
            let payloads = try ForgedInitiator.clear(next).payloads
            #expect(payloads.first == .notify(cookie))
            // The same SPI, nonce and KE: only the cookie is new (RFC 7296 2.6).
            #expect(
                Array(payloads.drop { $0.type == .notify }.prefix(3)) == originals(try ForgedInitiator.clear(request)))
            followed += 1
            request = next
        }
        #expect(followed == 5)
    }

    /// Two frontends behind one balancer: what one asks for after a repetition may be about a request the other has answered.
    @Test func aCookieForARepeatedRequestBeginsAnewUnderAnotherSPI() throws {
        let harness = InitiatorHarness()
        let first = try #require(harness.start().sent.first)
        let spi = try FramedMessage(decoding: first).header.initiatorSPI
        let early = try harness.respond([first])
        harness.now = harness.now + .milliseconds(500)
        #expect(harness.member.tick(at: harness.now).sent == [first])
        let answer = MessageAssembly.clear(
            IKEHeader(
                initiatorSPI: spi, responderSPI: .zero, nextPayload: .none, exchange: .ikeSAInit, flags: .response,
                messageID: .zero), PayloadChain([.notify(NotifyPayload(.cookie, data: [1, 2, 3]))]))
        let fresh = try #require(harness.deliver([answer]).sent.first)
        let opened = try ForgedInitiator.clear(fresh)
        #expect(opened.header.initiatorSPI != spi)
        #expect(!opened.payloads.contains { if case .notify(let told) = $0 { told.type == .cookie } else { false } })
        // The answer to the first one comes too late.
        #expect(harness.deliver(early).isEmpty)
        // It waits longer before it repeats itself.
        #expect(harness.member.tick(at: harness.now + .milliseconds(999)).isEmpty)
        #expect(harness.member.tick(at: harness.now + .seconds(1)).sent == [fresh])
    }

    private func originals(_ opened: ForgedInitiator.Opened) -> [Payload] {
        Array(opened.payloads.drop { $0.type == .notify }.prefix(3))
    }

    // MARK: Time

    @Test func requestsAreRepeatedOctetByOctetThenGivenUp() throws {
        let harness = InitiatorHarness()
        let first = harness.start().sent
        var times: [Duration] = []
        var closures: [InitiatorClosure] = []
        while let deadline = harness.member.nextDeadline {
            harness.now = deadline
            let effects = harness.member.tick(at: deadline)
            closures += effects.closures
            guard !effects.sent.isEmpty else { continue }
            #expect(effects.sent == first)
            times.append(deadline.since(Sample.start))
        }
        #expect(
            times == [
                .milliseconds(500), .milliseconds(1500), .milliseconds(3500), .milliseconds(7500),
                .milliseconds(15_500), .milliseconds(23_500),
            ])
        #expect(closures == [.noAnswer])
        #expect(harness.now.since(Sample.start) == .milliseconds(31_500))
        #expect(harness.deliver(try harness.respond(first)).isEmpty)
    }

    @Test func timerIsQuietBeforeItsTime() throws {
        let harness = InitiatorHarness()
        _ = harness.start()
        let deadline = try #require(harness.member.nextDeadline)
        #expect(harness.member.tick(at: Moment(nanoseconds: deadline.nanoseconds - 1)).isEmpty)
        #expect(harness.member.tick(at: deadline).sent.count == 1)
    }

    // MARK: Damage

    @Test func everyPrefixAndEveryCorruptionOfEachAnswer() throws {
        let harness = InitiatorHarness(opening: .gsaAuth(join))
        var answer = try harness.respond(harness.start().sent)
        attack(answer[0], harness, isProtected: false)
        let auth = harness.deliver(answer)
        answer = try harness.respond(auth.sent)
        attack(answer[0], harness, isProtected: true)
        let effects = harness.deliver(answer)
        #expect(effects.isEstablished)
        #expect(effects.refusals == [.registrationFailed])
        #expect(harness.deliver(answer).isEmpty)
        let next = try harness.respond(harness.join(join).sent)
        attack(next[0], harness, isProtected: true)
        #expect(harness.deliver(next).refusals == [.registrationFailed])
    }

    private func attack(_ datagram: [UInt8], _ harness: InitiatorHarness, isProtected: Bool) {
        for count in datagram.indices {
            #expect(harness.deliver([Array(datagram.prefix(count))]).isEmpty)
        }
        // A damaged IKE_SA_INIT answer may be taken: AUTH finds it out. What is protected is found out at once.
        guard isProtected else { return }
        for index in datagram.indices {
            for flip: UInt8 in [0x01, 0x80, 0xff] {
                var bad = datagram
                bad[index] ^= flip
                #expect(harness.deliver([bad]).isEmpty, "octet \(index) ^ \(flip)")
            }
        }
    }

    /// AUTH covers the IKE_SA_INIT messages: whoever changed one octet of them is found out at the latest there.
    @Test func damageToIKESAInitNeverEndsInAnEstablishedSA() throws {
        let reference = InitiatorHarness()
        let size = try #require(try reference.respond(reference.start().sent).first).count
        for index in 28..<size {
            let harness = InitiatorHarness()
            var answer = try #require(try harness.respond(harness.start().sent).first)
            answer[index] ^= 0x40
            let auth = harness.deliver([answer])
            guard !auth.sent.isEmpty else { continue }
            let effects = harness.deliver(try harness.respond(auth.sent))
            #expect(!effects.isEstablished, "octet \(index)")
        }
    }

    @Test func fragmentsOfAnAnswerInAnyOrder() throws {
        for seed: UInt64 in 0..<5 {
            let harness = try InitiatorHarness(member: .rsa, frontend: .rsa)
            harness.configuration.fragmentOctets = 300
            harness.responder.configuration = ResponderConfiguration(
                frontend: "f", own: harness.responder.configuration.own, trust: harness.responder.configuration.trust,
                fragmentOctets: 300)
            let auth = harness.deliver(try harness.respond(harness.start().sent))
            #expect(auth.sent.count > 4)
            #expect(auth.sent.allSatisfy { $0.count <= 300 })
            var order = SeededEntropy(seed: seed)
            let answer = try harness.respond(auth.sent.shuffled(using: &order))
            #expect(answer.count > 4)
            // One is lost; the member asks again, the responder repeats the same octets.
            #expect(harness.deliver(Array(answer.dropFirst())).isEmpty)
            harness.now = try #require(harness.member.nextDeadline)
            let again = try harness.respond(harness.member.tick(at: harness.now).sent)
            #expect(again == answer)
            #expect(harness.deliver((again + again).shuffled(using: &order)).isEstablished)
        }
    }

    // MARK: Answers that are authentic and wrong

    @Test func wrongAnswersToAUTHEndTheSA() throws {
        let cases: [([Payload], InitiatorClosure)] = [
            ([.notify(NotifyPayload(.authenticationFailed))], .authenticationFailed("the GCKS does not accept us")),
            ([.notify(NotifyPayload(.temporaryFailure))], .refused(.temporaryFailure)),
            ([], .violated("an AUTH response without AUTH")),
            ([.identificationGroup(Sample.group)], .violated("a response that breaks the rules")),
        ]
        for (payloads, closure) in cases {
            let harness = InitiatorHarness()
            _ = harness.deliver(try harness.respond(harness.start().sent))
            let effects = harness.deliver([try harness.forge(.ikeAuth, 1, payloads, isResponse: true)])
            #expect(effects.closures == [closure])
            #expect(!effects.isEstablished)
        }
    }

    @Test func answersToSomethingElseAreIgnored() throws {
        let harness = InitiatorHarness()
        _ = try harness.establish()
        let request = harness.join(join).sent
        for (exchange, id): (ExchangeType, UInt32) in [
            (.gsaRegistration, 1), (.gsaRegistration, 3), (.informational, 2), (.gsaAuth, 2), (.gsaRegistration, .max),
        ] {
            let other = try harness.forge(
                exchange, id, [.notify(NotifyPayload(.invalidGroupID))], isResponse: true)
            #expect(harness.deliver([other]).isEmpty, "\(exchange) \(id)")
        }
        #expect(harness.deliver(try harness.respond(request)).refusals == [.registrationFailed])
    }

    @Test func requestsWaitForTheOneUnderWay() throws {
        let harness = InitiatorHarness()
        _ = try harness.establish()
        let first = harness.join(join).sent
        #expect(first.count == 1)
        #expect(harness.join(join).sent.isEmpty)
        let second = harness.deliver(try harness.respond(first))
        #expect(second.refusals == [.registrationFailed])
        #expect(second.sent.count == 1)
        #expect(harness.deliver(try harness.respond(second.sent)).refusals == [.registrationFailed])
        // The queue has an end.
        var accepted = 0
        for _ in 0..<200 { accepted += harness.join(join).sent.count }
        #expect(accepted == 1)
    }

    // MARK: Requests of the responder

    @Test func respondersRequestsAreAnsweredAndRepeated() throws {
        let harness = InitiatorHarness()
        _ = try harness.establish()
        let alive = try harness.forge(.informational, 0, [], isResponse: false)
        let answer = harness.deliver([alive]).sent
        #expect(try harness.open(try #require(answer.first)).isEmpty)
        #expect(harness.deliver([alive]).sent == answer)
        #expect(harness.deliver([try harness.forge(.informational, 5, [], isResponse: false)]).isEmpty)
        let child = try harness.forge(.createChildSA, 1, [.nonce([UInt8](repeating: 1, count: 16))], isResponse: false)
        let refusal = try harness.open(try #require(harness.deliver([child]).sent.first))
        #expect(refusal.count == 1)
        let delete = try harness.forge(.informational, 2, [.delete(.ikeSA)], isResponse: false)
        let effects = harness.deliver([delete])
        #expect(effects.sent.count == 1)
        #expect(effects.closures == [.deletedByPeer])
        #expect(harness.member.isClosed)
    }

    @Test func respondersRequestsBeforeAUTHAreIgnored() throws {
        let harness = InitiatorHarness()
        let auth = harness.deliver(try harness.respond(harness.start().sent))
        let delete = try harness.forge(.informational, 0, [.delete(.ikeSA)], isResponse: false)
        #expect(harness.deliver([delete]).isEmpty)
        #expect(harness.deliver(try harness.respond(auth.sent)).isEstablished)
    }
}
