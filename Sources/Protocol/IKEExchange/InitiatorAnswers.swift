import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// The responder's own requests at a member: liveness, Delete and rekey (RFC 7296 1.3, 1.4, 2.4).
extension InitiatorSA {
    func handleRequest(
        _ message: FramedMessage, at now: Moment, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        let header = message.header
        let isNew = header.messageID == peerExpected
        guard isNew ? isEstablished : (isEstablished || isClosed) && header.messageID.next == peerExpected,
            let opened = open(message, isAwaited: isNew, engine)
        else { return [] }
        guard isNew else { return repeatAnswer(to: message, at: now) }
        guard case .whole(let firstInner, let inner) = opened, let next = header.messageID.next else { return [] }
        let verdict = Verdict(header.exchange, firstInner, inner, rekeying.optimized)
        peerExpected = next
        repeats = RepeatBudget()
        if let offer = verdict.rekey { return answerRekey(offer, header.messageID, at: now, engine, &entropy) }
        let effects = reply(header.exchange, verdict.payloads, header.messageID, engine, &entropy)
        guard !isClosed else { return effects }
        return effects + (verdict.gateway.map { [.redirected($0)] } ?? []) + (verdict.closure.map { end($0) } ?? [])
    }

    /// Seals an answer and keeps it for repetition.
    func reply(
        _ exchange: ExchangeType, _ payloads: [Payload], _ messageID: MessageID, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        do throws(CryptoError) {
            lastResponse =
                try channel?.seal(
                    PayloadChain(payloads), exchange, isResponse: true, messageID: messageID, engine: engine,
                    entropy: &entropy) ?? []
        } catch {
            return end(.violated("sealing failed: \(error)"))
        }
        return [.send(lastResponse, path)]
    }

    /// Of a fragmented request only the first fragment asks again (RFC 7383 2.6.1).
    private func repeatAnswer(to message: FramedMessage, at now: Moment) -> [InitiatorEffect] {
        if case .fragment(let fragment) = message.body, fragment.number != 1 { return [] }
        return !lastResponse.isEmpty && repeats.take(at: now) ? [.send(lastResponse, path)] : []
    }
}

/// What a request of the responder is answered, and whether it is the end of the SA.
private struct Verdict {
    var payloads: [Payload] = []
    var closure: InitiatorClosure?
    var gateway: RedirectGateway?
    /// To be decided by the SA.
    var rekey: RekeyOffer?

    init(_ exchange: ExchangeType, _ firstInner: PayloadType, _ inner: [UInt8], _ optimized: NotifyType?) {
        let chain: PayloadChain
        do throws(PayloadError) {
            chain = try PayloadChain(first: firstInner, octets: inner)
        } catch {
            switch error {
            case .malformed: refuse()
            case .unsupportedCritical(let type):
                payloads = [.notify(NotifyPayload(.unsupportedCriticalPayload, data: [type]))]
            }
            return
        }
        guard (try? PayloadRules.check(chain, exchange, isResponse: false, isProtected: true)) != nil else {
            refuse()
            return
        }
        switch exchange {
        case .informational:
            let deletesUs = chain.payloads.contains { payload in
                if case .delete(let delete) = payload { delete.securityProtocol == .ike } else { false }
            }
            if deletesUs { closure = .deletedByPeer }
            gateway = chain.notify(.redirect).flatMap { RedirectGateway(decoding: $0.data, nonce: []) }
        case .createChildSA:
            let request = ChildRequest(chain, optimized: optimized)
            if case .rekeyIKE(let offer) = request {
                rekey = offer
            } else if let refusal = request.refusal {
                payloads = [.notify(refusal)]
            } else {
                refuse()
            }
        default: refuse()
        }
    }

    /// INVALID_SYNTAX is the end of the SA at both ends (RFC 7296 2.21.3).
    private mutating func refuse() {
        payloads = [.notify(NotifyPayload(.invalidSyntax))]
        closure = .violated("a request that breaks the rules")
    }
}
