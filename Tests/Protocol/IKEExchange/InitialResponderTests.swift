import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import Octets
import TestKit
import Testing

/// IKE_SA_INIT at the responder, against an initiator that shares no code with it.
struct InitialResponderTests {
    static let suites = ProtectionSuite.named.map(\.suite)
    static let methods: [KeyExchangeMethod] = [.curve25519, .ecp256, .ecp384, .ecp521, .modp2048, .modp3072]

    @Test(arguments: suites) func everySuiteCarriesAnExchange(_ suite: ProtectionSuite) throws {
        let harness = ResponderHarness()
        harness.configuration = ResponderConfiguration(
            frontend: "f", own: harness.configuration.own, trust: harness.trust,
            policy: IKEPolicy(
                suites: Self.suites, prfs: [.hmacSHA256, .hmacSHA384, .hmacSHA512], keyExchanges: [.curve25519],
                keyWraps: [.kw5649_256]))
        let forged = try ForgedInitiator(seed: 1)
        let sa = try harness.begin(forged, [ForgedInitiator.proposal(suite, prf: .hmacSHA512)])
        #expect(forged.suite == suite)
        #expect(forged.prf == .hmacSHA512)
        let request = try forged.seal(
            .ikeAuth, 1,
            [.identificationInitiator(Sample.memberName), try forged.sharedKeyProof(Sample.memberName, Sample.key)])
        let opened = try forged.open(harness.deliver(request, to: sa).sent)
        #expect(opened.types == [.identificationResponder, .authentication])
        #expect(try forged.accepts(opened, sharedKey: Sample.key))
    }

    @Test(arguments: methods) func everyKeyExchange(_ method: KeyExchangeMethod) throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 2, method: method)
        let sa = try harness.begin(forged, [ForgedInitiator.proposal(method: method)])
        let empty = try forged.seal(
            .ikeAuth, 1,
            [.identificationInitiator(Sample.memberName), try forged.sharedKeyProof(Sample.memberName, Sample.key)])
        #expect(harness.deliver(empty, to: sa).sent.count == 1)
        #expect(sa.isEstablished)
    }

    @Test func anotherMethodIsAskedForAndThenTaken() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 3, method: .ecp384)
        let proposal = Proposal(
            number: 1, securityProtocol: .ike,
            transforms: ProtectionSuite.aesGCM256.transforms + [
                .prf(.hmacSHA256), .keyExchange(.ecp384), .keyExchange(.curve25519), .keyWrap(.kw5649_256),
            ])
        let request = forged.initRequest([proposal])
        guard case .stateless(let reply, _) = try harness.answerInit(request) else {
            Issue.record("the method of the KE payload was taken")
            return
        }
        let opened = try ForgedInitiator.clear(reply)
        #expect(opened.errors == [.invalidKEPayload])
        if case .notify(let notify)? = opened.payloads.first { #expect(notify.data == [0, 31]) }
        #expect(opened.header.responderSPI == .zero)
        #expect(reply.count <= request.count)
        let second = try ForgedInitiator(seed: 3, method: .curve25519)
        _ = try harness.begin(second, [proposal])
        #expect(second.keyWrap == .kw5649_256)
    }

    @Test func proposalsWithKeyWrapArePreferred() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 4)
        _ = try harness.begin(
            forged,
            [
                ForgedInitiator.proposal(.aesGCM256, keyWrap: nil, number: 1),
                ForgedInitiator.proposal(.aesGCM128, keyWrap: .kw5649_128, number: 2),
            ])
        #expect(forged.keyWrap == .kw5649_128)
        #expect(forged.suite == .aesGCM128)
    }

    @Test func nothingAcceptableIsSaid() throws {
        let harness = ResponderHarness()
        let unknownWrap = Proposal(
            number: 1, securityProtocol: .ike,
            transforms: ForgedInitiator.proposal(keyWrap: nil).transforms + [Transform(type: .keyWrapAlgorithm, id: 99)]
        )
        let unknownType = Proposal(
            number: 1, securityProtocol: .ike,
            transforms: ForgedInitiator.proposal().transforms + [
                Transform(type: TransformType(rawValue: 6), id: 36)
            ])
        let wrongProtocol = Proposal(
            number: 1, securityProtocol: .esp, transforms: ForgedInitiator.proposal().transforms)
        let noPRF = Proposal(
            number: 1, securityProtocol: .ike,
            transforms: ForgedInitiator.proposal().transforms.filter { $0.type != .pseudorandomFunction })
        let bareCBC = Proposal(
            number: 1, securityProtocol: .ike,
            transforms: ForgedInitiator.proposal(.aesCBC128SHA256).transforms.filter { $0.type != .integrity })
        for proposal in [unknownWrap, unknownType, wrongProtocol, noPRF, bareCBC] {
            let forged = try ForgedInitiator(seed: 5)
            let request = forged.initRequest([proposal])
            guard case .stateless(let reply, _) = try harness.answerInit(request) else {
                Issue.record("\(proposal) was taken")
                continue
            }
            #expect(try ForgedInitiator.clear(reply).errors == [.noProposalChosen])
            #expect(reply.count <= request.count)
        }
    }

    @Test func badPublicValuesAreSilence() throws {
        let harness = ResponderHarness()
        let lowOrder = KeyExchangePayload(method: .curve25519, data: [UInt8](repeating: 0, count: 32))
        let short = KeyExchangePayload(method: .curve25519, data: [1, 2, 3])
        let long = KeyExchangePayload(method: .curve25519, data: [UInt8](repeating: 7, count: 60_000))
        let empty = KeyExchangePayload(method: .curve25519, data: [])
        for value in [lowOrder, short, long, empty] {
            let forged = try ForgedInitiator(seed: 6)
            let request = forged.initRequest([ForgedInitiator.proposal()], keyExchange: value)
            guard case .silence = try harness.answerInit(request) else {
                Issue.record("\(value.data.count) octets were taken")
                continue
            }
        }
        let offCurve = try ForgedInitiator(seed: 6, method: .ecp256)
        let request = offCurve.initRequest(
            [ForgedInitiator.proposal(method: .ecp256)],
            keyExchange: KeyExchangePayload(method: .ecp256, data: [UInt8](repeating: 5, count: 64)))
        guard case .silence = try harness.answerInit(request) else {
            Issue.record("a point off the curve was taken")
            return
        }
    }

    @Test func versionsAndCriticalPayloads() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 7)
        var request = forged.initRequest([ForgedInitiator.proposal()])
        request[17] = 0x30
        guard case .stateless(let reply, _) = try harness.answerInit(request) else {
            Issue.record("version 3 was not refused")
            return
        }
        #expect(try ForgedInitiator.clear(reply).errors == [.invalidMajorVersion])
        #expect(reply[17] >> 4 == 2)
        let critical = forged.initRequest(
            [ForgedInitiator.proposal()],
            more: [.raw(RawPayload(type: PayloadType(rawValue: 200), isCritical: true, body: [1]))])
        guard case .stateless(let refusal, _) = try harness.answerInit(critical) else {
            Issue.record("a critical unknown payload was not refused")
            return
        }
        let opened = try ForgedInitiator.clear(refusal)
        #expect(opened.errors == [.unsupportedCriticalPayload])
        if case .notify(let notify)? = opened.payloads.first { #expect(notify.data == [200]) }
        let uncritical = forged.initRequest(
            [ForgedInitiator.proposal()],
            more: [.raw(RawPayload(type: PayloadType(rawValue: 200), isCritical: false, body: [1]))])
        guard case .begun = try harness.answerInit(uncritical) else {
            Issue.record("an unknown payload without the critical bit was not ignored")
            return
        }
    }

    @Test func responseAnnouncesWhatWeCan() throws {
        let harness = ResponderHarness(trust: try SharedKeyTrust.certificates())
        let forged = try ForgedInitiator(seed: 8)
        _ = try harness.begin(forged)
        let notifies = forged.responsePayloads.compactMap { payload -> NotifyType? in
            if case .notify(let notify) = payload { notify.type } else { nil }
        }
        for wanted: NotifyType in [
            .natDetectionSourceIP, .natDetectionDestinationIP, .ikev2FragmentationSupported, .signatureHashAlgorithms,
            .childlessIKEv2Supported,
        ] { #expect(notifies.contains(wanted), "\(wanted)") }
        let requests = forged.responsePayloads.compactMap { payload -> [UInt8]? in
            if case .certificateRequest(let request) = payload { request.octets } else { nil }
        }
        #expect(requests.map(\.count) == [20])
        // The constant, from an independent SHA-256 of "gcks G-IKEv2 extensions v1".
        #expect(forged.responsePayloads.contains(.vendorID(hex("14b2d3c17bfe4239b433e835ad58ce27"))))
    }

    // MARK: Cookies

    private static func jar(_ version: UInt8, _ octet: UInt8) -> CookieJar {
        CookieJar(secret(version, octet))
    }

    private static func secret(_ version: UInt8, _ octet: UInt8) -> CookieJar.CookieSecret {
        .init(version: version, key: HeldSecret(SecretOctets(copying: [UInt8](repeating: octet, count: 32))))
    }

    private func cookie(_ outcome: InitialResponder.Outcome) throws -> [UInt8] {
        guard case .stateless(let reply, _) = outcome else { throw ForgedInitiator.Failed(why: "no cookie") }
        for case .notify(let notify) in try ForgedInitiator.clear(reply).payloads where notify.type == .cookie {
            return notify.data
        }
        throw ForgedInitiator.Failed(why: "no cookie")
    }

    @Test func cookieComesBackAndIsTaken() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 9)
        var jar = Self.jar(1, 0xaa)
        let request = forged.initRequest([ForgedInitiator.proposal()])
        let cookie = try cookie(try harness.answerInit(request, cookies: jar))
        #expect((1...64).contains(cookie.count))
        let again = forged.initRequest([ForgedInitiator.proposal()], cookie: cookie)
        guard case .begun(let sa, let reply, _) = try harness.answerInit(again, cookies: jar) else {
            Issue.record("the cookie was not taken")
            return
        }
        // AUTH covers the request with the cookie.
        try forged.takeInit(reply)
        let auth = try forged.seal(
            .ikeAuth, 1,
            [.identificationInitiator(Sample.memberName), try forged.sharedKeyProof(Sample.memberName, Sample.key)])
        _ = harness.deliver(auth, to: sa)
        #expect(sa.isEstablished)
        // Another frontend with the same secrets takes it, one rotation later too, two rotations later not.
        jar.rotate(to: Self.secret(2, 0xbb))
        guard case .begun = try harness.answerInit(again, cookies: jar) else {
            Issue.record("the previous secret must still do")
            return
        }
        jar.rotate(to: Self.secret(3, 0xcc))
        guard case .stateless(_, let why) = try harness.answerInit(again, cookies: jar) else {
            Issue.record("an old cookie was taken")
            return
        }
        #expect(why == "cookie-wrong")
    }

    @Test func cookieIsBoundToSPINonceAndAddress() throws {
        let harness = ResponderHarness()
        let jar = Self.jar(1, 0x11)
        let first = try ForgedInitiator(seed: 10)
        let cookie = try cookie(
            try harness.answerInit(first.initRequest([ForgedInitiator.proposal()]), cookies: jar))
        let second = try ForgedInitiator(seed: 11)
        guard
            case .stateless = try harness.answerInit(
                second.initRequest([ForgedInitiator.proposal()], cookie: cookie), cookies: jar)
        else {
            Issue.record("a cookie of another SPI and nonce was taken")
            return
        }
        let request = first.initRequest([ForgedInitiator.proposal()], cookie: cookie)
        let outcome = InitialResponder.respond(
            to: try FramedMessage(decoding: request), datagram: request, path: Sample.otherPath,
            configuration: harness.configuration, cookies: jar, at: harness.now, engine: harness.engine,
            entropy: &harness.entropy)
        guard case .stateless = outcome else {
            Issue.record("a cookie of another address was taken")
            return
        }
        var flipped = cookie
        flipped[flipped.count - 1] ^= 1
        guard
            case .stateless = try harness.answerInit(
                first.initRequest([ForgedInitiator.proposal()], cookie: flipped), cookies: jar)
        else {
            Issue.record("a flipped cookie was taken")
            return
        }
    }

    // MARK: Octets from anybody

    @Test func everyPrefixAndEveryCorruptionOfARequest() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 12)
        let request = forged.initRequest([ForgedInitiator.proposal()])
        var answered = 0
        for count in 0..<request.count {
            if let message = try? FramedMessage(decoding: Array(request.prefix(count))) {
                Issue.record("\(count) octets made \(message.header)")
            }
        }
        for index in request.indices {
            for flip: UInt8 in [0x01, 0x80, 0xff] {
                var bad = request
                bad[index] ^= flip
                guard let message = try? FramedMessage(decoding: bad) else { continue }
                let outcome = InitialResponder.respond(
                    to: message, datagram: bad, path: Sample.memberPath, configuration: harness.configuration,
                    cookies: nil, at: harness.now, engine: harness.engine, entropy: &harness.entropy)
                if case .stateless(let reply, _) = outcome {
                    answered += 1
                    #expect(reply.count <= bad.count)
                }
            }
        }
        #expect(answered > 0)
        _ = try harness.begin(try ForgedInitiator(seed: 13))
    }
}
