import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// GSA_AUTH and IKE_AUTH at the frontend (RFC 9838 2.3.1, RFC 7296 1.2, RFC 6023).
extension ResponderSA {
    func authenticate(
        _ handshake: Handshake, _ header: IKEHeader, _ chain: PayloadChain, _ wall: WallTime,
        _ configuration: ResponderConfiguration, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        let request = AuthRequest(chain)
        guard let identity = request.identity, let proof = request.authentication else {
            return fail(header, request, "no AUTH: EAP is not offered", engine, &entropy)
        }
        do throws(AuthenticationRefusal) {
            authentication = try handshake.authentication.verify(
                proof, isInitiator: true, identity: identity, certificates: request.certificates,
                trust: configuration.trust, at: wall, engine: engine)
        } catch {
            return fail(header, request, error.reason, engine, &entropy)
        }
        guard var leading = proveOurselves(handshake, to: identity, configuration, engine) else {
            return fail(header, request, "\(identity) accepts no way of ours to authenticate", engine, &entropy)
        }
        peer = identity.canonical
        saysInitialContact = chain.notify(.initialContact) != nil
        state = .established
        channel.reassemblyOctets = ExchangeLimits.reassemblyOctets
        if let numbers = configuration.optimizedRekey, numbers.maySpeak(toWhoKnows: knowsExtensions),
            chain.notify(numbers.supported) != nil
        {
            rekeying.optimized = numbers.rekey
            leading.append(.notify(NotifyPayload(numbers.supported)))
        }
        let event = ResponderEffect.event(
            Event(
                "ike-established", .info,
                fields(path) + [("member", identity.description), ("by", authentication.rawValue)]))
        guard header.exchange == .gsaAuth, let group = request.group else {
            // A Child SA is not for this house: its failure leaves the IKE SA up (RFC 7296 1.2).
            let refusal = request.asksForChild ? [Payload.notify(NotifyPayload(.tsUnacceptable))] : []
            return respond(header, leading + refusal, engine, &entropy) + [event]
        }
        return ask(group, chain, header, leading: leading, configuration, engine, &entropy) + [event]
    }

    /// IDr, CERT and AUTH in the way the member used: a shared key answers a shared key, a signature a signature.
    private func proveOurselves(
        _ handshake: Handshake, to peer: Identity, _ configuration: ResponderConfiguration, _ engine: CryptoEngine
    ) -> [Payload]? {
        let own = configuration.own
        let proof: AuthenticationPayload?
        var certificates: [Payload] = []
        switch authentication {
        case .sharedKey:
            guard let key = configuration.trust.sharedKey(with: peer.canonical) else { return nil }
            proof = try? handshake.authentication.sharedKeyPayload(
                byInitiator: false, identity: own.identity, key: key, engine: engine)
        case .signature:
            guard let signing = own.signing else { return nil }
            proof =
                (try? handshake.authentication.signaturePayload(
                    byInitiator: false, identity: own.identity, key: signing.key, peerHashes: handshake.peerHashes,
                    engine: engine)) ?? nil
            certificates = signing.chain.map { .certificate(CertificatePayload(octets: $0)) }
        }
        guard let proof else { return nil }
        return [.identificationResponder(own.identity)] + certificates + [.authentication(proof)]
    }

    /// AUTHENTICATION_FAILED without AUTH: the SA is dead (RFC 7296 2.21.2). The reason stays here.
    private func fail(
        _ header: IKEHeader, _ request: AuthRequest, _ reason: String, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        let effects = respond(header, [.notify(NotifyPayload(.authenticationFailed))], engine, &entropy)
        let end = close()
        let event = Event(
            "ike-authentication-failed", .notice, limitedBy: path.remote.address.description,
            fields(path) + [("reason", reason)])
        let unproved = request.identity.map {
            ResponderEffect.unproved(
                FailedAuthentication(member: $0, group: request.group, remote: path.remote, reason: reason))
        }
        return effects + [.event(event)] + (unproved.map { [$0] } ?? []) + end
    }
}

/// The payloads of GSA_AUTH and IKE_AUTH requests that matter here.
private struct AuthRequest {
    var identity: Identity?
    var group: Identity?
    var authentication: AuthenticationPayload?
    var certificates: [[UInt8]] = []
    var asksForChild = false

    init(_ chain: PayloadChain) {
        for payload in chain.payloads {
            switch payload {
            case .identificationInitiator(let identity): self.identity = identity
            case .identificationGroup(let group): self.group = group
            case .authentication(let authentication): self.authentication = authentication
            case .certificate(let certificate) where certificate.encoding == .x509Signature:
                certificates.append(certificate.octets)
            case .trafficSelectorsInitiator: asksForChild = true
            default: continue
            }
        }
    }
}
