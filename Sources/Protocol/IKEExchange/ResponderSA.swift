import GroupModel
package import IKECrypto
package import IKEVocabulary
package import IKEWire
package import KeyMaterial
import Octets

/// One IKE SA at a frontend, from the answered IKE_SA_INIT to its end.
///
/// Window of one: the next request has the expected Message ID; the one before it is answered again with the same octets;
/// everything else is silence (RFC 7296 2.1, 2.3).
package final class ResponderSA {
    enum State {
        case awaitingAuth(Handshake)
        case established
        /// Waiting for the authority's answer to the request with the expected Message ID.
        case askingAuthority(PendingAnswer)
        case closed
    }

    /// What only the first protected exchange needs.
    struct Handshake {
        let authentication: AuthenticationContext
        let peerHashes: Set<SignatureHashID>
        let keys: IKEKeys
    }

    /// A response that waits for the authority.
    struct PendingAnswer {
        let operation: OperationID
        let exchange: ExchangeType
        let messageID: MessageID
        /// IDr, CERT and AUTH of a GSA_AUTH response; empty in GSA_REGISTRATION.
        let leading: [Payload]
    }

    package let spiI: IKESPI
    package let spiR: IKESPI
    let chosen: ChosenProposal
    var channel: MessageChannel
    var state: State
    let gskW: HeldSecret?
    private var expected = MessageID(rawValue: 1)
    private var lastResponse: [[UInt8]] = []
    package internal(set) var peer: Identity?
    var authentication = MemberAuthentication.sharedKey
    package private(set) var path: DatagramPath
    /// When the peer was last heard authentically.
    package private(set) var lastHeard: Moment

    init(
        context: IKEKeyContext, keys: IKEKeys, chosen: ChosenProposal, authentication: AuthenticationContext,
        peerHashes: Set<SignatureHashID>, peerReassembles: Bool, path: DatagramPath, at now: Moment,
        fragmentOctets: Int,
        gskW: HeldSecret?
    ) {
        spiI = context.spiI
        spiR = context.spiR
        self.chosen = chosen
        self.path = path
        lastHeard = now
        channel = MessageChannel(
            keys, suite: context.suite, spiI: context.spiI, spiR: context.spiR, isInitiator: false,
            fragmentOctets: fragmentOctets)
        channel.peerReassembles = peerReassembles
        state = .awaitingAuth(Handshake(authentication: authentication, peerHashes: peerHashes, keys: keys))
        self.gskW = gskW
    }

    package var isEstablished: Bool { peer != nil }
    package var isClosed: Bool { if case .closed = state { true } else { false } }

    /// Takes one framed message of this SA.
    package func handle(
        _ message: FramedMessage, path: DatagramPath, at now: Moment, wall: WallTime,
        configuration: ResponderConfiguration, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        let header = message.header
        guard !header.isResponse, header.isFromInitiator else { return [] }
        guard header.messageID == expected || header.messageID.next == expected else { return [] }
        let opened: MessageChannel.Opened
        do throws(CryptoError) {
            opened = try channel.open(message, engine: engine)
        } catch {
            return [.event(Event("ike-not-authentic", .info, limitedBy: path.remote.address.description, fields(path)))]
        }
        lastHeard = now
        guard header.messageID == expected else { return repeatResponse(to: message, on: path) }
        guard !isClosed, case .whole(let firstInner, let inner) = opened else { return [] }
        if case .askingAuthority = state { return [] }
        // Only a new request moves the SA to another address: an old one could have been recorded and sent by anybody.
        self.path = path
        let chain: PayloadChain
        do throws(PayloadError) {
            chain = try PayloadChain(first: firstInner, octets: inner)
        } catch {
            return answerFault(error, header, engine, &entropy)
        }
        do throws(RuleViolation) {
            try PayloadRules.check(chain, header.exchange, isResponse: false, isProtected: true)
        } catch {
            return answerFault(.malformed(.init(.badValue, "\(error)", at: 0)), header, engine, &entropy)
        }
        return dispatch(header, chain, wall, configuration, engine, &entropy)
    }

    private func dispatch(
        _ header: IKEHeader, _ chain: PayloadChain, _ wall: WallTime, _ configuration: ResponderConfiguration,
        _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        switch (state, header.exchange) {
        case (.awaitingAuth(let handshake), .gsaAuth), (.awaitingAuth(let handshake), .ikeAuth):
            return authenticate(handshake, header, chain, wall, configuration, engine, &entropy)
        case (.established, .gsaRegistration):
            return register(header, chain, configuration, engine, &entropy)
        case (.established, .informational):
            return inform(header, chain, engine, &entropy)
        case (.established, .createChildSA):
            // No Child SAs here, and no rekey of the IKE SA: the member makes a new one (RFC 7296 1.3).
            return respond(header, [.notify(NotifyPayload(.noAdditionalSAs))], engine, &entropy)
        case (.awaitingAuth, _):
            // Before AUTH nothing else may come; an answer would be one to a stranger (RFC 7296 2.21.2).
            return []
        default:
            return respond(header, [.notify(NotifyPayload(.invalidSyntax))], engine, &entropy)
        }
    }

    private func inform(
        _ header: IKEHeader, _ chain: PayloadChain, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        // A member that does not believe our AUTH says so here, and the SA is dead (RFC 7296 2.21.2).
        let endsUs = chain.payloads.contains { payload in
            switch payload {
            case .delete(let delete): delete.securityProtocol == .ike
            case .notify(let notify): notify.type == .authenticationFailed
            default: false
            }
        }
        let effects = respond(header, [], engine, &entropy)
        guard endsUs else { return effects }
        state = .closed
        return effects + [.closed]
    }

    // MARK: Answers

    /// Seals a response, keeps it for repetition and moves the window.
    func respond(
        _ header: IKEHeader, _ payloads: [Payload], _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        respond(header.exchange, header.messageID, payloads, engine, &entropy)
    }

    func respond(
        _ exchange: ExchangeType, _ messageID: MessageID, _ payloads: [Payload], _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        guard let next = messageID.next else {
            state = .closed
            return [.closed]
        }
        do throws(CryptoError) {
            lastResponse = try channel.seal(
                PayloadChain(payloads), exchange, isResponse: true, messageID: messageID, engine: engine,
                entropy: &entropy)
        } catch {
            state = .closed
            return [.event(Event("ike-seal-failed", .error, [("why", "\(error)")])), .closed]
        }
        expected = next
        return [.send(lastResponse, path)]
    }

    /// A repeated request gets the same octets, after the end of the SA too; of a fragmented one only the first fragment
    /// asks (RFC 7383 2.6.1).
    private func repeatResponse(to message: FramedMessage, on path: DatagramPath) -> [ResponderEffect] {
        if case .fragment(let fragment) = message.body, fragment.number != 1 { return [] }
        return lastResponse.isEmpty ? [] : [.send(lastResponse, path)]
    }

    /// INVALID_SYNTAX and UNSUPPORTED_CRITICAL_PAYLOAD, protected; before AUTH the SA ends with it (RFC 7296 2.21).
    private func answerFault(
        _ error: PayloadError, _ header: IKEHeader, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        let notify =
            switch error {
            case .malformed: NotifyPayload(.invalidSyntax)
            case .unsupportedCritical(let type): NotifyPayload(.unsupportedCriticalPayload, data: [type])
            }
        let event = Event(
            "ike-violation", .notice, limitedBy: path.remote.address.description, fields(path) + [("why", "\(error)")])
        let wasEstablished = isEstablished
        let effects = respond(header, [.notify(notify)], engine, &entropy) + [.event(event)]
        guard !wasEstablished || notify.type == .invalidSyntax else { return effects }
        state = .closed
        return effects + [.closed]
    }

    func fields(_ path: DatagramPath) -> [(key: String, value: String)] {
        [("spi", spiR.description), ("remote", path.remote.description)]
    }
}
