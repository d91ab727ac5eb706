import GroupModel
package import IKECrypto
package import IKEVocabulary
import IKEWire
package import KeyMaterial

/// Rekey of an IKE SA at the frontend, by the member or by us (RFC 7296 1.3.2, 2.8, 2.25).
///
/// The SA that is made stands by itself; this one lives on until whoever asked for the rekey deletes it.
extension ResponderSA {
    /// A rekey that the peer asked for and that nobody decided on yet.
    struct PendingRekey {
        let offer: RekeyOffer
        let header: IKEHeader
    }

    private var basis: RekeyBasis {
        RekeyBasis(chosen: chosen, skD: skD, peerSPI: peerSPI, optimized: rekeying.optimized)
    }

    // MARK: The peer asks

    func createChild(
        _ header: IKEHeader, _ chain: PayloadChain, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        let request = ChildRequest(chain, optimized: rekeying.optimized)
        guard case .rekeyIKE(let offer) = request else {
            guard let refusal = request.refusal else { return refuseSyntax(header, engine, &entropy) }
            return respond(header, [.notify(refusal)], engine, &entropy)
        }
        // An SA that is being closed, or was rekeyed already, is not rekeyed (RFC 7296 2.8.2, 2.25.2).
        guard case .established = state, rekeying.isOpen else {
            return respond(header, [.notify(NotifyPayload(.temporaryFailure))], engine, &entropy)
        }
        state = .askedToRekey(PendingRekey(offer: offer, header: header))
        return [.rekeyAsked]
    }

    /// Not now: TEMPORARY_FAILURE, before any public-key work.
    package func postponeRekey(engine: CryptoEngine, entropy: inout some EntropySource) -> [ResponderEffect] {
        guard case .askedToRekey(let pending) = state else { return [] }
        state = .established
        return respond(pending.header, [.notify(NotifyPayload(.temporaryFailure))], engine, &entropy)
    }

    /// - Parameter spi: ours for the new SA.
    package func answerRekey(
        with spi: IKESPI, at now: Moment, configuration: ResponderConfiguration, engine: CryptoEngine,
        entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        guard case .askedToRekey(let pending) = state else { return [] }
        state = .established
        switch pending.offer.answer(basis, configuration.policy, spi: spi, engine, &entropy) {
        case .refused(let notify): return respond(pending.header, [.notify(notify)], engine, &entropy)
        case .invalid: return refuseSyntax(pending.header, engine, &entropy)
        case .rekeyed(let payloads, let keys):
            let effects = respond(pending.header, payloads, engine, &entropy)
            guard !isClosed else { return effects }
            let fresh = ResponderSA(after: self, keys, at: now)
            let log = keyLog(keys, configuration)
            guard case .rekey? = ownRequest?.purpose else { return effects + log + settle(on: fresh) }
            rekeying.candidate = (fresh, keys)
            return effects + log + [.candidate(fresh)]
        }
    }

    // MARK: We ask

    /// Asks the peer for a rekey; nothing while another request of ours is under way.
    ///
    /// - Parameter spi: ours for the new SA.
    package func rekey(
        with spi: IKESPI, at now: Moment, configuration: ResponderConfiguration, engine: CryptoEngine,
        entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        guard case .established = state, ownRequest == nil, rekeying.isOpen else { return [] }
        do throws(CryptoError) {
            let attempt = try RekeyAttempt(
                basis, configuration.policy, spi: spi, isOptimized: rekeying.optimized != nil, engine, &entropy)
            return ask(attempt.payloads(basis), .rekey(attempt), now, configuration, engine, &entropy)
        } catch {
            return [.event(Event("ike-seal-failed", .error, [("why", "\(error)")])), .rekeyRefused(.noProposalChosen)]
        }
    }

    func rekeyAnswered(
        _ attempt: RekeyAttempt, _ chain: PayloadChain, _ now: Moment, _ configuration: ResponderConfiguration,
        _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        let isRuly = (try? PayloadRules.check(chain, .createChildSA, isResponse: true, isProtected: true)) != nil
        switch isRuly ? attempt.outcome(chain, basis, engine) : .violated("payloads") {
        case .again(let method):
            return askAgain(attempt, method, now, configuration, engine, &entropy)
        case .refused(let type):
            let effects = rekeying.candidate.map { settle(on: $0.sa) } ?? [.rekeyRefused(type)]
            return effects + sayDeferredDelete(now, configuration, engine, &entropy)
        case .violated(let why):
            let event = Event(
                "ike-violation", .notice, limitedBy: path.remote.address.description, fields(path) + [("why", why)])
            state = .deleting
            return [.event(event)] + settle(on: rekeying.candidate?.sa)
                + sayDeferredDelete(now, configuration, engine, &entropy)
        case .rekeyed(let keys):
            let own = ResponderSA(after: self, keys, at: now)
            let log = keyLog(keys, configuration)
            if let candidate = rekeying.candidate, isLosing(keys, candidate.keys) {
                return log + [.redundant(own)] + settle(on: candidate.sa)
                    + sayDeferredDelete(now, configuration, engine, &entropy)
            }
            if case .deleting = state {
                return log + [.redundant(own)] + sayDeferredDelete(now, configuration, engine, &entropy)
            }
            // A question to the authority is answered over the SA it came by; then the end of this SA is a matter of time.
            if case .established = state { state = .deleting }
            return log + settle(on: own) + sayDeferredDelete(now, configuration, engine, &entropy)
        }
    }

    private func isLosing(_ own: RekeyedKeys, _ other: RekeyedKeys) -> Bool {
        if case .deleting = state { true } else { own.loses(to: other) }
    }

    private func askAgain(
        _ attempt: RekeyAttempt, _ method: KeyExchangeMethod?, _ now: Moment, _ configuration: ResponderConfiguration,
        _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        guard case .established = state, rekeying.isOpen,
            let again = try? RekeyAttempt(
                basis, configuration.policy, spi: attempt.spi, method: method, isOptimized: false,
                round: attempt.round + 1, engine, &entropy)
        else {
            let effects = rekeying.candidate.map { settle(on: $0.sa) } ?? [.rekeyRefused(.invalidKEPayload)]
            return effects + sayDeferredDelete(now, configuration, engine, &entropy)
        }
        return ask(again.payloads(basis), .rekey(again), now, configuration, engine, &entropy)
    }

    /// `heir` takes the place of this SA; once only, and nothing without one.
    func settle(on heir: ResponderSA?) -> [ResponderEffect] {
        guard let heir, rekeying.settles(heirIsClosed: heir.isClosed) else { return [] }
        return [.succeeded(by: heir)]
    }

    private func keyLog(_ keys: RekeyedKeys, _ configuration: ResponderConfiguration) -> [ResponderEffect] {
        configuration.logsKeys ? [.keyLog(IKEKeyLogRecord(keys.keys, keys.context))] : []
    }
}
