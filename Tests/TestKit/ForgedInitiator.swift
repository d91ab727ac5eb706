package import IKECrypto
package import IKEVocabulary
package import IKEWire
package import KeyMaterial

/// An IKEv2 initiator that does what a test tells it, good or bad. It shares the codec and the primitives with the house but
/// no line of IKEExchange, so it is a witness of its own for key schedule, AUTH and framing.
package final class ForgedInitiator {
    package struct Failed: Error {
        package let why: String
        package init(why: String) { self.why = why }
    }

    package struct Opened {
        package let header: IKEHeader
        package let payloads: [Payload]

        package var errors: [NotifyType] {
            payloads.compactMap { payload in
                if case .notify(let notify) = payload, notify.type.isError { notify.type } else { nil }
            }
        }
        package var types: [PayloadType] { payloads.map(\.type) }
    }

    package let engine = CryptoEngine()
    package var entropy: SeededEntropy
    package let spiI: IKESPI
    package private(set) var spiR = IKESPI.zero
    package let nonce: [UInt8]
    package private(set) var nonceR: [UInt8] = []
    package let exchange: KeyExchangeSecret
    package private(set) var request: [UInt8] = []
    package private(set) var response: [UInt8] = []
    package private(set) var responsePayloads: [Payload] = []
    package private(set) var keys: IKEKeys?
    package private(set) var suite = ProtectionSuite.aesGCM256
    package private(set) var prf = PRFID.hmacSHA256
    package private(set) var keyWrap: KeyWrapID?
    private var sealed: UInt64 = 0
    /// What IKE_SA_INIT says besides, when nothing else is asked for.
    package var announced = ForgedInitiator.announcements

    package init(seed: UInt64, method: KeyExchangeMethod = .curve25519) throws {
        entropy = SeededEntropy(seed: seed)
        spiI = IKESPI(rawValue: entropy.uint64() | 1)
        nonce = entropy.octets(32)
        exchange = try engine.makeKeyExchange(method, entropy: &entropy)
    }

    /// One proposal with one transform of each type.
    package static func proposal(
        _ suite: ProtectionSuite = .aesGCM256, prf: PRFID = .hmacSHA256, method: KeyExchangeMethod = .curve25519,
        keyWrap: KeyWrapID? = .kw5649_256, number: UInt8 = 1
    ) -> Proposal {
        let wrap = keyWrap.map { [Transform.keyWrap($0)] } ?? []
        return Proposal(
            number: number, securityProtocol: .ike,
            transforms: suite.transforms + [.prf(prf), .keyExchange(method)] + wrap)
    }

    // MARK: CREATE_CHILD_SA

    private init(
        after old: ForgedInitiator, seed: UInt64, spiI: IKESPI, spiR: IKESPI, nonce: [UInt8], nonceR: [UInt8],
        _ chosen: Proposal, _ value: KeyExchangePayload
    ) throws {
        (self.spiI, self.spiR, self.nonce, self.nonceR) = (spiI, spiR, nonce, nonceR)
        (entropy, exchange) = (SeededEntropy(seed: seed), old.exchange)
        try read(chosen)
        guard let former = old.keys else { throw Failed(why: "no keys") }
        let context = IKEKeyContext(
            prf: prf, suite: suite, nonceI: nonce, nonceR: nonceR, spiI: spiI, spiR: spiR)
        keys = try engine.deriveRekeyedIKEKeys(
            context, oldPRF: old.prf, oldSKD: former.skD.secret, shared: try exchange.agree(with: value.data))
    }

    /// SA, Ni, KEi of an IKE SA rekey; the exchange value is the one of IKE_SA_INIT.
    package func rekeyPayloads(
        spi: [UInt8], nonce: [UInt8] = [UInt8](repeating: 7, count: 32),
        _ proposal: Proposal = ForgedInitiator.proposal(), value: KeyExchangePayload? = nil
    ) -> [Payload] {
        let named = Proposal(
            number: proposal.number, securityProtocol: .ike, spi: spi, transforms: proposal.transforms)
        let own = KeyExchangePayload(method: exchange.method, data: exchange.publicValue)
        return [.securityAssociation([named]), .nonce(nonce), .keyExchange(value ?? own)]
    }

    /// The SA that an answered rekey made; Message IDs begin with 0.
    package func rekeyed(
        by answer: Opened, spi: IKESPI, nonce: [UInt8] = [UInt8](repeating: 7, count: 32), seed: UInt64
    ) throws -> ForgedInitiator {
        var value: KeyExchangePayload?
        var chosen: Proposal?
        var nonceR: [UInt8] = []
        for payload in answer.payloads {
            switch payload {
            case .securityAssociation(let proposals) where proposals.count == 1: chosen = proposals[0]
            case .keyExchange(let exchange): value = exchange
            case .nonce(let octets): nonceR = octets
            default: continue
            }
        }
        guard let value, let chosen, chosen.spi.count == 8, !nonceR.isEmpty else {
            throw Failed(why: "incomplete answer to a rekey: \(answer.errors)")
        }
        let spiR = IKESPI(rawValue: chosen.spi.reduce(0) { $0 << 8 | UInt64($1) })
        return try ForgedInitiator(
            after: self, seed: seed, spiI: spi, spiR: spiR, nonce: nonce, nonceR: nonceR, chosen, value)
    }

    /// GSK_w of this SA (RFC 9838 2.2.1).
    package func gskW() throws -> [UInt8] {
        guard let keys, let keyWrap else { throw Failed(why: "no KWA") }
        return try engine.gskW(prf, skD: keys.skD.secret, keyWrap: keyWrap).exposed()
    }

    // MARK: IKE_SA_INIT

    /// The usual notifies: everything a modern peer announces, without NAT detection.
    package static let announcements: [Payload] = [
        .notify(NotifyPayload(.ikev2FragmentationSupported)),
        .notify(NotifyPayload(.signatureHashAlgorithms, data: [0, 2, 0, 3, 0, 4, 0, 5])),
    ]

    package func initRequest(
        _ proposals: [Proposal], cookie: [UInt8]? = nil, more: [Payload]? = nil,
        keyExchange: KeyExchangePayload? = nil
    ) -> [UInt8] {
        let first = cookie.map { [Payload.notify(NotifyPayload(.cookie, data: $0))] } ?? []
        let value = keyExchange ?? KeyExchangePayload(method: exchange.method, data: exchange.publicValue)
        let payloads =
            first + [.securityAssociation(proposals), .keyExchange(value), .nonce(nonce)] + (more ?? announced)
        request = MessageAssembly.clear(
            IKEHeader(
                initiatorSPI: spiI, responderSPI: .zero, nextPayload: .none, exchange: .ikeSAInit, flags: .initiator,
                messageID: .zero), PayloadChain(payloads))
        return request
    }

    package static func clear(_ datagram: [UInt8]) throws -> Opened {
        let message = try FramedMessage(decoding: datagram)
        guard case .clear(let reader) = message.body else { throw Failed(why: "protected") }
        let chain = try PayloadChain(first: message.header.nextPayload, decoding: reader)
        return Opened(header: message.header, payloads: chain.payloads)
    }

    /// Takes a full IKE_SA_INIT response and makes the keys.
    package func takeInit(_ datagram: [UInt8]) throws {
        let opened = try Self.clear(datagram)
        response = datagram
        responsePayloads = opened.payloads
        spiR = opened.header.responderSPI
        var value: KeyExchangePayload?
        var chosen: Proposal?
        for payload in opened.payloads {
            switch payload {
            case .securityAssociation(let proposals) where proposals.count == 1: chosen = proposals[0]
            case .keyExchange(let exchange): value = exchange
            case .nonce(let octets): nonceR = octets
            default: continue
            }
        }
        guard let value, let chosen, value.method == exchange.method, !nonceR.isEmpty else {
            throw Failed(why: "incomplete IKE_SA_INIT response")
        }
        try read(chosen)
        let context = IKEKeyContext(
            prf: prf, suite: suite, nonceI: nonce, nonceR: nonceR, spiI: spiI, spiR: spiR)
        keys = try engine.deriveIKEKeys(context, shared: try exchange.agree(with: value.data))
    }

    private func read(_ chosen: Proposal) throws {
        var cipher: Transform?
        var integrity = IntegrityID.none
        keyWrap = nil
        for transform in chosen.transforms {
            switch transform.type {
            case .encryption: cipher = transform
            case .integrity: integrity = IntegrityID(rawValue: transform.id)
            case .pseudorandomFunction: prf = PRFID(rawValue: transform.id)
            case .keyWrapAlgorithm: keyWrap = KeyWrapID(rawValue: transform.id)
            default: continue
            }
        }
        guard let cipher,
            let suite = ProtectionSuite(
                encryption: EncryptionID(rawValue: cipher.id), keyBits: cipher.keyBits, integrity: integrity)
        else { throw Failed(why: "unknown suite") }
        self.suite = suite
    }

    // MARK: Protected messages

    package func seal(
        _ exchange: ExchangeType, _ messageID: UInt32, _ payloads: [Payload], isResponse: Bool = false,
        fragmentOctets: Int? = nil
    ) throws -> [[UInt8]] {
        let chain = PayloadChain(payloads)
        return try seal(
            exchange, messageID, firstInner: chain.first, inner: chain.encode(), isResponse: isResponse,
            fragmentOctets: fragmentOctets)
    }

    /// Any octets as inner payloads, well-formed or not. `fragmentOctets` counts plain octets per fragment.
    package func seal(
        _ exchange: ExchangeType, _ messageID: UInt32, firstInner: PayloadType, inner: [UInt8],
        isResponse: Bool = false, fragmentOctets: Int? = nil, flags: IKEFlags? = nil
    ) throws -> [[UInt8]] {
        let header = IKEHeader(
            initiatorSPI: spiI, responderSPI: spiR, nextPayload: .encrypted, exchange: exchange,
            flags: flags ?? (isResponse ? [.initiator, .response] : .initiator),
            messageID: MessageID(rawValue: messageID))
        guard let fragmentOctets else {
            let prefix = MessageAssembly.encryptedPrefix(
                header, firstInner: firstInner, sealedOctets: suite.sealedOctets(for: inner.count))
            return [prefix + (try protect(inner, prefix))]
        }
        let total = max((inner.count + fragmentOctets - 1) / fragmentOctets, 1)
        return try (0..<total).map { index in
            let part = Array(inner[index * fragmentOctets..<min((index + 1) * fragmentOctets, inner.count)])
            let prefix = MessageAssembly.fragmentPrefix(
                header, firstInner: firstInner, number: UInt16(index + 1), total: UInt16(total),
                sealedOctets: suite.sealedOctets(for: part.count))
            return prefix + (try protect(part, prefix))
        }
    }

    private func protect(_ plain: [UInt8], _ prefix: [UInt8]) throws -> [UInt8] {
        guard let keys else { throw Failed(why: "no keys") }
        sealed += 1
        let count = sealed
        let iv =
            suite.isAEAD
            ? (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * UInt64($0))) } : entropy.octets(16)
        return try engine.seal(
            suite, key: keys.skEi.secret, integrityKey: keys.skAi.secret, iv: iv, associatedData: prefix,
            plaintext: plain)
    }

    /// Opens one message of the responder: a whole one, or all its fragments in order.
    package func open(_ datagrams: [[UInt8]]) throws -> Opened {
        guard let keys else { throw Failed(why: "no keys") }
        var inner: [UInt8] = []
        var first = PayloadType.none
        var header: IKEHeader?
        for datagram in datagrams {
            let message = try FramedMessage(decoding: datagram)
            header = header ?? message.header
            switch message.body {
            case .clear: throw Failed(why: "in the clear")
            case .encrypted(let body):
                first = body.firstInner
                inner += try engine.open(
                    suite, key: keys.skEr.secret, integrityKey: keys.skAr.secret, associatedData: body.associatedData,
                    sealed: body.sealed)
            case .fragment(let body):
                if body.number == 1 { first = body.firstInner }
                inner += try engine.open(
                    suite, key: keys.skEr.secret, integrityKey: keys.skAr.secret, associatedData: body.associatedData,
                    sealed: body.sealed)
            }
        }
        guard let header else { throw Failed(why: "nothing to open") }
        return Opened(header: header, payloads: try PayloadChain(first: first, octets: inner).payloads)
    }

    // MARK: AUTH (RFC 7296 2.15)

    package func signedOctets(_ identity: Identity) throws -> [UInt8] {
        guard let keys else { throw Failed(why: "no keys") }
        return request + nonceR + (try engine.prf(prf, key: keys.skPi.secret, identity.payloadBody).exposed())
    }

    package func sharedKeyProof(_ identity: Identity, _ key: HeldSecret) throws -> Payload {
        .authentication(
            AuthenticationPayload(
                method: .sharedKey,
                octets: try engine.sharedKeyAuthentication(
                    prf, sharedSecret: key.secret, signedOctets: try signedOctets(identity))))
    }

    package func signatureProof(_ identity: Identity, _ key: SigningKey, _ scheme: SignatureScheme) throws -> Payload {
        let data = DigitalSignatureData(
            algorithmIdentifier: scheme.algorithmIdentifier,
            signature: try key.sign(try signedOctets(identity), scheme))
        return .authentication(AuthenticationPayload(method: .digitalSignature, octets: data.encode()))
    }

    /// True when IDr and AUTH of an opened response are right, by shared key or by the key given.
    package func accepts(_ opened: Opened, sharedKey: HeldSecret? = nil, key: VerifyingKey? = nil) throws -> Bool {
        guard let keys else { throw Failed(why: "no keys") }
        var identity: Identity?
        var proof: AuthenticationPayload?
        for payload in opened.payloads {
            switch payload {
            case .identificationResponder(let id): identity = id
            case .authentication(let auth): proof = auth
            default: continue
            }
        }
        guard let identity, let proof else { return false }
        let covered =
            response + nonce + (try engine.prf(prf, key: keys.skPr.secret, identity.payloadBody).exposed())
        if let sharedKey {
            let expected = try engine.sharedKeyAuthentication(
                prf, sharedSecret: sharedKey.secret, signedOctets: covered)
            return proof.method == .sharedKey && proof.octets == expected
        }
        guard let key, proof.method == .digitalSignature else { return false }
        let data = try DigitalSignatureData(decoding: proof.octets)
        guard let scheme = SignatureScheme(algorithmIdentifier: data.algorithmIdentifier) else { return false }
        try key.verify(covered, signature: data.signature, scheme)
        return true
    }
}
