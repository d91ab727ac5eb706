import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// GSA_AUTH or IKE_AUTH under way.
struct AuthAttempt {
    let authentication: AuthenticationContext
    let peerHashes: Set<SignatureHashID>
}

extension InitiatorSA {
    func sendAuth(
        _ attempt: AuthAttempt, asksForCertificate: Bool, _ now: Moment, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        let own = configuration.own
        var payloads: [Payload] = [.identificationInitiator(own.identity)]
        let proof: AuthenticationPayload?
        if let signing = own.signing {
            payloads += signing.chain.map { .certificate(CertificatePayload(octets: $0)) }
            proof =
                (try? attempt.authentication.signaturePayload(
                    byInitiator: true, identity: own.identity, key: signing.key, peerHashes: attempt.peerHashes,
                    engine: engine)) ?? nil
        } else if let key = configuration.sharedKey {
            proof = try? attempt.authentication.sharedKeyPayload(
                byInitiator: true, identity: own.identity, key: key, engine: engine)
        } else {
            proof = nil
        }
        guard let proof else { return end(.authenticationFailed("the GCKS takes no proof that we can give")) }
        if asksForCertificate {
            payloads.append(.certificateRequest(CertificatePayload(octets: configuration.trust.authorityKeyIDs)))
        }
        if let expected = configuration.expectedResponder { payloads.append(.identificationResponder(expected)) }
        payloads.append(.authentication(proof))
        let exchange: ExchangeType
        switch opening {
        case .gsaAuth(let join):
            exchange = .gsaAuth
            payloads += join.payloads
        case .ikeAuth: exchange = .ikeAuth
        }
        if let numbers = configuration.optimizedRekey, numbers.maySpeak(toWhoKnows: peerKnowsExtensions) {
            payloads.append(.notify(NotifyPayload(numbers.supported)))
        }
        state = .awaitingAuth(attempt)
        return send(exchange, payloads, nil, now, engine, &entropy)
    }

    func handleAuth(
        _ chain: PayloadChain, _ attempt: AuthAttempt, at now: Moment, wall: WallTime, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        var identity: Identity?
        var proof: AuthenticationPayload?
        var certificates: [[UInt8]] = []
        for payload in chain.payloads {
            switch payload {
            case .identificationResponder(let named): identity = named
            case .authentication(let authentication): proof = authentication
            case .certificate(let certificate) where certificate.encoding == .x509Signature:
                certificates.append(certificate.octets)
            default: continue
            }
        }
        guard let identity, let proof else {
            // An error without AUTH: the SA is dead (RFC 7296 2.21.2).
            guard let error = chain.firstError else { return end(.violated("an AUTH response without AUTH")) }
            return end(
                error.type == .authenticationFailed
                    ? .authenticationFailed("the GCKS does not accept us") : .refused(error.type))
        }
        if let expected = configuration.expectedResponder, expected.canonical != identity.canonical {
            return disbelieve("the GCKS is \(identity), not \(expected)", now, engine, &entropy)
        }
        do throws(AuthenticationRefusal) {
            _ = try attempt.authentication.verify(
                proof, isInitiator: false, identity: identity, certificates: certificates, trust: configuration.trust,
                at: wall, engine: engine)
        } catch {
            return disbelieve(error.reason, now, engine, &entropy)
        }
        state = .established
        if let numbers = configuration.optimizedRekey, numbers.maySpeak(toWhoKnows: peerKnowsExtensions),
            chain.notify(numbers.supported) != nil
        {
            rekeying.optimized = numbers.rekey
        }
        var effects: [InitiatorEffect] = [.established(responder: identity)]
        if case .gsaAuth(let join) = opening { effects += joined(join.group, chain) }
        guard chain.notify(.invalidSyntax) == nil else { return effects + end(.refused(.invalidSyntax)) }
        return effects + sendNext(now, engine, &entropy)
    }

    /// Says once that the SA is dead, so that the other end need not keep it (RFC 7296 2.21.2); no answer is waited for.
    private func disbelieve(
        _ reason: String, _ now: Moment, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        send(.informational, [.notify(NotifyPayload(.authenticationFailed))], nil, now, engine, &entropy)
            + end(.authenticationFailed(reason))
    }
}
