import GroupModel
package import IKECrypto
package import IKEVocabulary
import IKEWire
package import KeyMaterial

/// Requests of the frontend on an established SA: a question for a sign of life, REDIRECT, Delete (RFC 7296 1.4, 2.4), and the
/// rekey of the SA.
///
/// Our Message IDs count from 0; one request is under way at a time, and nothing is kept while there is none.
extension ResponderSA {
    /// A request that is not answered yet.
    struct OwnRequest {
        enum Purpose {
            /// A question, or a word that needs no answer but that it was heard.
            case question
            case delete
            case rekey(RekeyAttempt)

            var exchange: ExchangeType { if case .rekey = self { .createChildSA } else { .informational } }
        }

        let messageID: MessageID
        let datagrams: [[UInt8]]
        let purpose: Purpose
        var sent = 1
        var next: Moment
    }

    /// When `tick` has something to do.
    package var nextDeadline: Moment? { ownRequest?.next }

    /// Asks the member whether it lives. No answer is the end of the SA.
    package func probe(
        at now: Moment, configuration: ResponderConfiguration, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        guard case .established = state, ownRequest == nil else { return [] }
        return ask([], .question, now, configuration, engine, &entropy)
    }

    /// Asks the member to go to another frontend (RFC 5685 5). Its answer says only that it heard.
    package func redirect(
        to gateway: RedirectGateway, at now: Moment, configuration: ResponderConfiguration, engine: CryptoEngine,
        entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        guard case .established = state, ownRequest == nil, supportsRedirect else { return [] }
        let notify = Payload.notify(NotifyPayload(.redirect, data: gateway.octets))
        return ask([notify], .question, now, configuration, engine, &entropy)
    }

    /// Says Delete and waits for its answer; a question to the authority is forgotten. After a probe that is under way.
    package func delete(
        at now: Moment, configuration: ResponderConfiguration, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        switch state {
        case .established, .askingAuthority, .askedToRekey: state = .deleting
        case .awaitingAuth, .deleting, .closed: return []
        }
        return ownRequest == nil ? sayDelete(now, configuration, engine, &entropy) : []
    }

    /// Sends again what was not answered, or gives up.
    package func tick(at now: Moment, configuration: ResponderConfiguration) -> [ResponderEffect] {
        guard !isClosed, var request = ownRequest, request.next <= now else { return [] }
        guard request.sent < configuration.retransmission.tries else {
            let event = Event("ike-no-answer", .info, fields(path) + [("member", peer?.description ?? "-")])
            return [.event(event)] + close()
        }
        request.sent += 1
        request.next = now + configuration.retransmission.delay(after: request.sent)
        ownRequest = request
        return [.send(request.datagrams, path)]
    }

    /// Takes a response; one to something else is nothing.
    func handleAnswer(
        _ message: FramedMessage, _ now: Moment, _ configuration: ResponderConfiguration, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        let header = message.header
        guard !isClosed, let request = ownRequest, header.messageID == request.messageID,
            header.exchange == request.purpose.exchange,
            let opened = try? channel.open(message, isAwaited: true, engine: engine)
        else { return [] }
        proofs &+= 1
        guard case .whole(let firstInner, let inner) = opened else { return [] }
        lastHeard = now
        ownRequest = nil
        let chain = try? PayloadChain(first: firstInner, octets: inner)
        // INVALID_SYNTAX ends the SA at both ends (RFC 7296 2.21.3).
        guard let chain, chain.notify(.invalidSyntax) == nil else { return close() }
        switch request.purpose {
        case .delete: return close()
        case .rekey(let attempt): return rekeyAnswered(attempt, chain, now, configuration, engine, &entropy)
        case .question: return sayDeferredDelete(now, configuration, engine, &entropy)
        }
    }

    /// What had to wait for another request of ours.
    func sayDeferredDelete(
        _ now: Moment, _ configuration: ResponderConfiguration, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        guard case .deleting = state, ownRequest == nil else { return [] }
        return sayDelete(now, configuration, engine, &entropy)
    }

    private func sayDelete(
        _ now: Moment, _ configuration: ResponderConfiguration, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        ask([.delete(.ikeSA)], .delete, now, configuration, engine, &entropy)
    }

    func ask(
        _ payloads: [Payload], _ purpose: OwnRequest.Purpose, _ now: Moment, _ configuration: ResponderConfiguration,
        _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        guard let following = nextOwnID.next else { return close() }
        let datagrams: [[UInt8]]
        do throws(CryptoError) {
            datagrams = try channel.seal(
                PayloadChain(payloads), purpose.exchange, isResponse: false, messageID: nextOwnID, engine: engine,
                entropy: &entropy)
        } catch {
            return [.event(Event("ike-seal-failed", .error, [("why", "\(error)")]))] + close()
        }
        ownRequest = OwnRequest(
            messageID: nextOwnID, datagrams: datagrams, purpose: purpose,
            next: now + configuration.retransmission.delay(after: 1))
        nextOwnID = following
        return [.send(datagrams, path)]
    }
}
