import IKEVocabulary
import IKEWire
import Octets
import TestKit
import Testing

/// The inner payloads of the GSA_REKEY vector: GSA with an ESP policy and delays, KD with one key bag, AUTH with Ed25519.
let rekeyPayloads =
    hex(
        """
        340000540304004400001001071100100000ffffc0000201c00002010711001013881388ef010101ef0101010300000c01000014800e01000000000805000000
        0001000400000e100000000c800100058002000a270000480304004400001001000100380000000000000000b0a564130e354ac2a85863e73eb33712c1af8512
        bd1523f68a03f0ebd62b70ccec08e607e25fb11afdda30af0f1135f2000000500e00000007300506032b6570
        """) + [UInt8](repeating: 0, count: 64)

/// A hand-made IKE_SA_INIT request: SA (AES-GCM-256, HMAC-SHA-256, Curve25519, KW_5649_256), KE, Nonce, a notify, a Vendor ID.
let initRequest: [UInt8] = {
    let transforms = hex("0300000c01000014800e0100 0300000802000005 030000080400001f 000000080d000003")
    let sa = hex("22000030") + hex("0000002c01010004") + transforms
    let ke = hex("28000028001f0000") + [UInt8](repeating: 9, count: 32)
    let nonce = hex("29000024") + [UInt8](repeating: 7, count: 32)
    let notify = hex("2b0000080000402e")
    let vendor = hex("00000008cafebabe")
    let body = sa + ke + nonce + notify + vendor
    let length = UInt32(28 + body.count)
    let header = hex("0102030405060708 0000000000000000 21202208 00000000")
    return header + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) } + body
}()

@Suite struct WireVectorTests {
    @Test func theRekeyVectorDecodesToWhatItSays() throws {
        let chain = try PayloadChain(first: .groupSecurityAssociation, octets: rekeyPayloads)
        #expect(chain.payloads.map(\.type) == [.groupSecurityAssociation, .keyDownload, .authentication])
        guard case .groupSecurityAssociation(let gsa) = chain.payloads[0], let policy = gsa.policies.first else {
            Issue.record("no GSA")
            return
        }
        #expect(policy.securityProtocol == .esp)
        #expect(policy.spi == hex("00001001"))
        #expect(policy.source.description == "192.0.2.1 udp any")
        #expect(policy.destination.description == "239.1.1.1 udp 5000")
        #expect(policy.transforms == [.encryption(.aesGCM16, keyBits: 256), .sequenceNumbers(.sequential32)])
        #expect(policy.attributes == [GroupAttribute(type: 1, value: .octets(hex("00000e10")))])
        #expect(
            gsa.groupWide == [GroupAttribute(type: 1, value: .short(5)), GroupAttribute(type: 2, value: .short(10))])
        guard case .authentication(let auth) = chain.payloads[2] else { return }
        let data = try DigitalSignatureData(decoding: auth.octets)
        #expect(data.algorithmIdentifier == hex("300506032b6570"))
        #expect(data.signature.count == 64)
        #expect(chain.encode() == rekeyPayloads)
    }

    @Test func theInitRequestDecodesAndEncodesAlike() throws {
        let message = try FramedMessage(decoding: initRequest)
        #expect(message.header.exchange == .ikeSAInit)
        #expect(message.header.flags == .initiator)
        guard case .clear(let reader) = message.body else { return }
        let chain = try PayloadChain(first: message.header.nextPayload, decoding: reader)
        #expect(chain.payloads.map(\.type) == [.securityAssociation, .keyExchange, .nonce, .notify, .vendorID])
        guard case .securityAssociation(let proposals) = chain.payloads[0] else { return }
        #expect(
            proposals == [
                Proposal(
                    number: 1, securityProtocol: .ike,
                    transforms: [
                        .encryption(.aesGCM16, keyBits: 256), .prf(.hmacSHA256), .keyExchange(.curve25519),
                        .keyWrap(.kw5649_256),
                    ])
            ])
        #expect(chain.notify(.ikev2FragmentationSupported) != nil)
        #expect(MessageAssembly.clear(message.header, chain) == initRequest)
    }

    @Test func deletesInAllTheirForms() throws {
        let forms: [(String, DeletePayload)] = [
            ("01000000", .ikeSA), ("00000000", .wholeGroup),
            ("0304000200001001000010ff", .esp([ESPSPI(rawValue: 0x1001), ESPSPI(rawValue: 0x10ff)])),
            ("0304000100000000", .esp([ESPSPI(rawValue: 0)])),
            (
                "0610000100000000000000000000000000000000",
                .rekey([RekeySPI(initiatorHalf: .zero, responderHalf: .zero)])
            ),
        ]
        for (text, expected) in forms {
            let body = hex(text)
            let whole = [0, 0, 0, UInt8(4 + body.count)] + body
            let chain = try PayloadChain(first: .delete, octets: whole)
            #expect(chain.payloads == [.delete(expected)])
            #expect(chain.encode() == whole)
        }
        for text in ["0300000100001001", "0308000100001001", "06040001000000ff", "030400020000100100", "0100000100"] {
            let body = hex(text)
            #expect(throws: PayloadError.self) {
                try PayloadChain(first: .delete, octets: [0, 0, 0, UInt8(4 + body.count)] + body)
            }
        }
    }

    @Test func unknownNumbersSurviveARoundTrip() throws {
        let proposal = Proposal(
            number: 200, securityProtocol: SecurityProtocol(rawValue: 222), spi: [1, 2, 3],
            transforms: [
                Transform(
                    type: TransformType(rawValue: 99), id: 0xabcd,
                    attributes: [
                        TransformAttribute(type: TransformAttributeType(rawValue: 77), value: .octets([1, 2])),
                        TransformAttribute(type: TransformAttributeType(rawValue: 78), value: .short(5)),
                    ])
            ])
        let chain = PayloadChain([
            .securityAssociation([proposal]), .raw(RawPayload(type: PayloadType(rawValue: 201), body: [1, 2, 3])),
            .notify(NotifyPayload(NotifyType(rawValue: 50_000), data: [9], securityProtocol: .esp, spi: [1, 2, 3, 4])),
            .trafficSelectorsInitiator(
                TrafficSelectorPayload([.unknown(TrafficSelectorType(rawValue: 10), ipProtocol: 3, octets: [4, 5])])),
            .groupSecurityAssociation(
                GSAPayload(policies: [], groupWide: [GroupAttribute(type: 0x7abc, value: .short(1))])),
            .keyDownload(
                KeyDownloadPayload([.member(MemberKeyBag(attributes: [GroupAttribute(type: 999, value: .octets([1]))]))]
                )),
        ])
        #expect(try PayloadChain(first: chain.first, octets: chain.encode()) == chain)
    }

    @Test func theCriticalBitOfAnUnknownPayload() throws {
        let critical = PayloadChain([.raw(RawPayload(type: PayloadType(rawValue: 201), isCritical: true, body: [1]))])
        #expect(throws: PayloadError.unsupportedCritical(201)) {
            try PayloadChain(first: critical.first, octets: critical.encode())
        }
        // On a payload that is known the bit is ignored (RFC 7296 3.2).
        let nonce = [0, 0x80, 0, 20] + [UInt8](repeating: 1, count: 16)
        #expect(try PayloadChain(first: .nonce, octets: nonce).payloads == [.nonce([UInt8](repeating: 1, count: 16))])
    }

    @Test func lengthsBelowTheirHeadersAreRefused() throws {
        for octets in [hex("00000003"), hex("00000000"), hex("0000ffff")] {
            #expect(throws: PayloadError.self) { try PayloadChain(first: .nonce, octets: octets) }
        }
        #expect(throws: WireError.self) { try GSAPayload(body: hex("03040003")) }
        #expect(throws: WireError.self) { try KeyDownloadPayload(body: hex("00000003")) }
        #expect(throws: WireError.self) { try WrappedKey(decoding: [1, 2, 3, 4, 5, 6, 7]) }
        #expect(throws: WireError.self) { try DigitalSignatureData(decoding: [5, 1, 2, 3, 4, 5]) }
        #expect(throws: WireError.self) { try DigitalSignatureData(decoding: [0, 1]) }
    }

    @Test(arguments: [PayloadType.identificationInitiator, .identificationResponder, .identificationGroup])
    func identitiesAreBounded(_ type: PayloadType) throws {
        func body(_ count: Int) -> [UInt8] { [0, 0, 0, 0, 11, 0, 0, 0] + [UInt8](repeating: 7, count: count) }
        func whole(_ count: Int) -> [UInt8] {
            var octets = body(count)
            (octets[2], octets[3]) = (UInt8(octets.count >> 8), UInt8(octets.count & 255))
            return octets
        }
        #expect(try PayloadChain(first: type, octets: whole(1024)).payloads.count == 1)
        #expect(throws: PayloadError.self) { try PayloadChain(first: type, octets: whole(1025)) }
        #expect(throws: PayloadError.self) { try PayloadChain(first: type, octets: whole(60_000)) }
    }

    @Test func tooManyPayloadsAreRefused() {
        let many = PayloadChain([Payload](repeating: .vendorID([1]), count: WireLimits.payloads + 1))
        #expect(throws: PayloadError.self) { try PayloadChain(first: .vendorID, octets: many.encode()) }
    }
}

@Suite struct PayloadRuleTests {
    private let ke = Payload.keyExchange(KeyExchangePayload(method: .curve25519, data: []))
    private let nonce = Payload.nonce([UInt8](repeating: 1, count: 32))
    private let auth = Payload.authentication(AuthenticationPayload(method: .sharedKey, octets: []))
    private let idi = Payload.identificationInitiator(.fqdn("a"))
    private let idg = Payload.identificationGroup(.keyID("g"))
    private let sa = Payload.securityAssociation([])

    @Test func goodMessagesPass() throws {
        let good: [(ExchangeType, Bool, [Payload])] = [
            (.ikeSAInit, false, [sa, ke, nonce]), (.gsaAuth, false, [idi, auth, idg, sa]),
            (.ikeAuth, false, [idi, auth]),
            // Without AUTH the initiator asks for EAP (RFC 7296 2.16): for the exchange to refuse, not for the table.
            (.ikeAuth, false, [idi]), (.gsaAuth, false, [idi, idg]),
            (.gsaRegistration, false, [idg]), (.informational, false, []), (.informational, true, []),
            (.gsaRekey, false, [.delete(.ikeSA), auth]),
            (.gsaAuth, false, [idi, auth, idg, .raw(RawPayload(type: PayloadType(rawValue: 200), body: []))]),
        ]
        for (exchange, isResponse, payloads) in good {
            try PayloadRules.check(
                PayloadChain(payloads), exchange, isResponse: isResponse, isProtected: exchange != .ikeSAInit)
        }
    }

    @Test func badMessagesAreRefused() {
        let bad: [(ExchangeType, Bool, [Payload])] = [
            (.ikeSAInit, false, [sa, ke]), (.ikeSAInit, false, [sa, ke, nonce, nonce]),
            (.ikeSAInit, false, [sa, ke, nonce, auth]),
            (.gsaAuth, false, [idi, auth]), (.gsaAuth, false, [idi, auth, auth, idg]),
            (.gsaAuth, false, [auth, idg]), (.gsaAuth, false, [idi, auth, idg, idg]),
            (.gsaAuth, false, [idi, auth, idg, ke]), (.gsaRegistration, false, [idg, auth]),
            (.gsaRegistration, false, []), (.informational, false, [nonce]), (.gsaRekey, true, []),
            (ExchangeType(rawValue: 200), false, []),
        ]
        for (exchange, isResponse, payloads) in bad {
            #expect(throws: RuleViolation.self, "\(exchange) \(payloads.map(\.type))") {
                try PayloadRules.check(
                    PayloadChain(payloads), exchange, isResponse: isResponse, isProtected: exchange != .ikeSAInit)
            }
        }
        #expect(throws: RuleViolation.self) {
            try PayloadRules.check(PayloadChain([sa, ke, nonce]), .ikeSAInit, isResponse: false, isProtected: true)
        }
        #expect(throws: RuleViolation.self) {
            try PayloadRules.check(PayloadChain([idg]), .gsaRegistration, isResponse: false, isProtected: false)
        }
    }
}
