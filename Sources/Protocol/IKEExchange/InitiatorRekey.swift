import GroupModel
package import IKECrypto
package import IKEVocabulary
import IKEWire
package import KeyMaterial

/// Rekey of an IKE SA at a member, by us or by the frontend (RFC 7296 1.3.2, 2.8, 2.25).
///
/// Requests that wait move to the SA that stays. This one answers what comes for it until it is deleted.
extension InitiatorSA {
    /// Asks for new keys once what is under way was answered; nothing when a rekey is under way or done.
    package func rekey(
        at now: Moment, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        guard isEstablished, rekeying.isOpen, !isUndecided, attempt == nil, !queue.contains(.rekey) else { return [] }
        return ask(.rekey, now, engine, &entropy)
    }

    private var basis: RekeyBasis? {
        guard let chosen, let skD, let channel else { return nil }
        let peer = channel.isInitiator ? channel.spiR : channel.spiI
        return RekeyBasis(chosen: chosen, skD: skD, peerSPI: peer, optimized: rekeying.optimized)
    }

    // MARK: We ask

    func sendRekey(
        after last: RekeyAttempt? = nil, method: KeyExchangeMethod? = nil, _ now: Moment, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        guard let basis else { return [] }
        let spi = last?.spi ?? entropy.newIKESPI()
        do throws(CryptoError) {
            let fresh = try RekeyAttempt(
                basis, configuration.policy, spi: spi, method: method,
                isOptimized: last == nil && rekeying.optimized != nil, round: (last?.round ?? -1) + 1, engine, &entropy)
            attempt = fresh
            return send(.createChildSA, fresh.payloads(basis), .rekey, now, engine, &entropy)
        } catch {
            return [.rekeyRefused(.noProposalChosen)]
        }
    }

    func rekeyAnswered(
        _ chain: PayloadChain, _ now: Moment, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        guard let asked = attempt, let basis else { return [] }
        attempt = nil
        switch asked.outcome(chain, basis, engine) {
        case .again(let method) where rekeying.isOpen:
            return sendRekey(after: asked, method: method, now, engine, &entropy)
        case .again:
            let settled = settle(on: rekeying.candidate?.sa, now)
            return settled.isEmpty ? [.rekeyRefused(.temporaryFailure)] : settled
        case .refused(let type):
            let settled = settle(on: rekeying.candidate?.sa, now)
            return settled.isEmpty ? [.rekeyRefused(type)] : settled
        case .violated(let why): return end(.violated(why))
        case .rekeyed(let keys):
            let own = InitiatorSA(after: self, keys)
            if let candidate = rekeying.candidate, keys.loses(to: candidate.keys) {
                return keyLog(keys) + [.redundant(own)] + own.close(at: now, engine: engine, entropy: &entropy)
                    + settle(on: candidate.sa, now)
            }
            // The frontend deletes its own, unless it never heard that we made it.
            rekeying.candidate?.sa.deleteAt = now + ExchangeLimits.replacedLife
            return keyLog(keys) + settle(on: own, now)
                + send(.informational, [.delete(.ikeSA)], .delete, now, engine, &entropy)
        }
    }

    // MARK: The frontend asks

    func answerRekey(
        _ offer: RekeyOffer, _ messageID: MessageID, at now: Moment, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        // What was asked over this SA is to be answered over it, and an SA that ends or has ended is not rekeyed.
        guard let basis, rekeying.isOpen, !isUndecided, rekeyableFrom <= now, !isBusy else {
            return reply(.createChildSA, [.notify(NotifyPayload(.temporaryFailure))], messageID, engine, &entropy)
        }
        switch offer.answer(basis, configuration.policy, spi: entropy.newIKESPI(), engine, &entropy) {
        case .refused(let notify):
            return reply(.createChildSA, [.notify(notify)], messageID, engine, &entropy)
        case .invalid:
            let notify = Payload.notify(NotifyPayload(.invalidSyntax))
            return reply(.createChildSA, [notify], messageID, engine, &entropy)
                + end(.violated("a key exchange value that is no good"))
        case .rekeyed(let payloads, let keys):
            let effects = reply(.createChildSA, payloads, messageID, engine, &entropy) + keyLog(keys)
            guard !isClosed else { return effects }
            let fresh = InitiatorSA(after: self, keys)
            fresh.rekeyableFrom = now + ExchangeLimits.rekeyPause
            guard attempt != nil else { return effects + settle(on: fresh, now) }
            fresh.isUndecided = true
            rekeying.candidate = (fresh, keys)
            return effects + [.candidate(fresh)]
        }
    }

    private var isBusy: Bool {
        if queue.contains(.delete) { return true }
        return switch outstanding?.request {
        case .join, .leave, .report, .delete: true
        case .liveness, .rekey, nil: false
        }
    }

    // MARK: The one that stays

    /// `heir` takes the place of this SA, with what was not asked yet; once only, and nothing without one.
    func settle(on heir: InitiatorSA?, _ now: Moment?) -> [InitiatorEffect] {
        guard let heir, rekeying.settles(heirIsClosed: heir.isClosed) else { return [] }
        if let now { deleteAt = now + ExchangeLimits.replacedLife }
        heir.isUndecided = false
        heir.queue = queue.filter { $0 != .rekey }
        queue = []
        return [.succeeded(by: heir)]
    }

    /// Asks what the SA of before had not asked yet: for whoever takes up an heir.
    package func resume(
        at now: Moment, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        sendNext(now, engine, &entropy)
    }

    private func keyLog(_ keys: RekeyedKeys) -> [InitiatorEffect] {
        configuration.logsKeys ? [.keyLog(IKEKeyLogRecord(keys.keys, keys.context))] : []
    }
}
