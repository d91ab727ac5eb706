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
        /// The peer asked for a rekey; whoever owns this SA decides at once.
        case askedToRekey(PendingRekey)
        /// Our Delete is not answered yet; nothing new is begun.
        case deleting
        case closed
    }

    /// What only the first protected exchange needs.
    struct Handshake {
        let authentication: AuthenticationContext
        let peerHashes: Set<SignatureHashID>
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
    /// The one of the two that this end made: the initiator's, when this end asked for the rekey that made the SA.
    package let ownSPI: IKESPI
    package let peerSPI: IKESPI
    let chosen: ChosenProposal
    var channel: MessageChannel
    var state: State
    let gskW: HeldSecret?
    let skD: HeldSecret
    private var expected: MessageID
    private var lastResponse: [[UInt8]] = []
    private var repeats = RepeatBudget()
    var nextOwnID = MessageID.zero
    var ownRequest: OwnRequest?
    /// The member says that it has no other SA with us (RFC 7296 2.4).
    package internal(set) var saysInitialContact = false
    package internal(set) var peer: Identity?
    var authentication = MemberAuthentication.sharedKey
    /// The member follows REDIRECT (RFC 5685).
    package let supportsRedirect: Bool
    var rekeying = RekeyStanding<ResponderSA>()
    /// The member announced our Vendor ID.
    let knowsExtensions: Bool
    var reports = RepeatBudget()
    package private(set) var path: DatagramPath
    /// Messages and fragments of the peer whose integrity was proved.
    package internal(set) var proofs: UInt64 = 0
    /// When the peer last said something new.
    package internal(set) var lastHeard: Moment

    init(
        context: IKEKeyContext, keys: IKEKeys, chosen: ChosenProposal, authentication: AuthenticationContext,
        peerHashes: Set<SignatureHashID>, peerReassembles: Bool, supportsRedirect: Bool, knowsExtensions: Bool,
        path: DatagramPath, at now: Moment, fragmentOctets: Int, gskW: HeldSecret?
    ) {
        (spiI, spiR) = (context.spiI, context.spiR)
        (ownSPI, peerSPI) = (context.spiR, context.spiI)
        skD = keys.skD
        expected = MessageID(rawValue: 1)
        self.chosen = chosen
        self.path = path
        self.supportsRedirect = supportsRedirect
        self.knowsExtensions = knowsExtensions
        lastHeard = now
        channel = MessageChannel(
            keys, suite: context.suite, spiI: context.spiI, spiR: context.spiR, isInitiator: false,
            fragmentOctets: fragmentOctets)
        channel.peerReassembles = peerReassembles
        state = .awaitingAuth(Handshake(authentication: authentication, peerHashes: peerHashes))
        self.gskW = gskW
    }

    /// The SA that a rekey put beside `old`: same peer, same path, new keys, Message IDs from 0.
    init(after old: ResponderSA, _ rekeyed: RekeyedKeys, at now: Moment) {
        let context = rekeyed.context
        (spiI, spiR) = (context.spiI, context.spiR)
        (ownSPI, peerSPI) = rekeyed.isInitiator ? (context.spiI, context.spiR) : (context.spiR, context.spiI)
        (chosen, skD, gskW) = (rekeyed.chosen, rekeyed.keys.skD, rekeyed.gskW)
        (path, supportsRedirect, peer, authentication) = (
            old.path, old.supportsRedirect, old.peer, old.authentication
        )
        (knowsExtensions, reports) = (old.knowsExtensions, old.reports)
        expected = .zero
        lastHeard = now
        state = .established
        rekeying.optimized = old.rekeying.optimized
        channel = MessageChannel(
            rekeyed.keys, suite: context.suite, spiI: context.spiI, spiR: context.spiR,
            isInitiator: rekeyed.isInitiator, fragmentOctets: old.channel.fragmentOctets)
        channel.peerReassembles = old.channel.peerReassembles
        channel.reassemblyOctets = ExchangeLimits.reassemblyOctets
    }

    package var isEstablished: Bool { peer != nil }
    package var isClosed: Bool { if case .closed = state { true } else { false } }
    /// True when the peer has to hear of the end.
    package var canBeDeleted: Bool {
        switch state {
        case .established, .askingAuthority, .askedToRekey: true
        case .awaitingAuth, .deleting, .closed: false
        }
    }

    /// Takes one framed message of this SA.
    package func handle(
        _ message: FramedMessage, path: DatagramPath, at now: Moment, wall: WallTime,
        configuration: ResponderConfiguration, engine: CryptoEngine, entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        let header = message.header
        guard header.isFromInitiator != channel.isInitiator else { return [] }
        if header.isResponse { return handleAnswer(message, now, configuration, engine, &entropy) }
        // A request that was answered could have been recorded: it is heard from the address that is known only. By which of
        // our frontends it comes does not matter: its answer goes to that address all the same.
        let isNew = header.messageID == expected
        guard isNew || (header.messageID.next == expected && path.remote == self.path.remote) else { return [] }
        let opened: MessageChannel.Opened
        do throws(CryptoError) {
            opened = try channel.open(message, isAwaited: isNew, engine: engine)
        } catch {
            return [.event(Event("ike-not-authentic", .info, limitedBy: path.remote.address.description, fields(path)))]
        }
        proofs &+= 1
        guard isNew else { return repeatResponse(to: message, over: path, at: now) }
        guard !isClosed, case .whole(let firstInner, let inner) = opened else { return [] }
        lastHeard = now
        switch state {
        case .askingAuthority, .askedToRekey: return []
        default: break
        }
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
        case (.established, .informational), (.deleting, .informational):
            return inform(header, chain, configuration, engine, &entropy)
        case (.established, .createChildSA), (.deleting, .createChildSA):
            return createChild(header, chain, engine, &entropy)
        case (.awaitingAuth, _):
            // Before AUTH nothing else may come; an answer would be one to a stranger (RFC 7296 2.21.2).
            return []
        case (.deleting, _): return []
        default: return refuseSyntax(header, engine, &entropy)
        }
    }

    private func inform(
        _ header: IKEHeader, _ chain: PayloadChain, _ configuration: ResponderConfiguration, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        // A member that does not believe our AUTH says so here, and the SA is dead (RFC 7296 2.21.2).
        let endsUs = chain.payloads.contains { payload in
            switch payload {
            case .delete(let delete): delete.securityProtocol == .ike
            case .notify(let notify): notify.type == .authenticationFailed
            default: false
            }
        }
        if !endsUs, let asked = report(header, chain, configuration, engine, &entropy) { return asked }
        let effects = respond(header, [], engine, &entropy)
        return endsUs ? effects + close() : effects
    }

    /// The end; once only.
    func close() -> [ResponderEffect] {
        guard !isClosed else { return [] }
        state = .closed
        ownRequest = nil
        // Our own rekey comes to nothing, and the peer's stands.
        return settle(on: rekeying.candidate?.sa) + [.closed]
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
        guard let next = messageID.next else { return close() }
        do throws(CryptoError) {
            lastResponse = try channel.seal(
                PayloadChain(payloads), exchange, isResponse: true, messageID: messageID, engine: engine,
                entropy: &entropy)
        } catch {
            return [.event(Event("ike-seal-failed", .error, [("why", "\(error)")]))] + close()
        }
        expected = next
        repeats = RepeatBudget()
        return [.send(lastResponse, path)]
    }

    /// A repeated request gets the same octets, after the end of the SA too; of a fragmented one only the first fragment
    /// asks (RFC 7383 2.6.1).
    private func repeatResponse(
        to message: FramedMessage, over path: DatagramPath, at now: Moment
    ) -> [ResponderEffect] {
        if case .fragment(let fragment) = message.body, fragment.number != 1 { return [] }
        return !lastResponse.isEmpty && repeats.take(at: now) ? [.send(lastResponse, path)] : []
    }

    /// INVALID_SYNTAX is the end of the SA at both ends (RFC 7296 2.21.3).
    func refuseSyntax(
        _ header: IKEHeader, leading: [Payload] = [], _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        respond(header, leading + [.notify(NotifyPayload(.invalidSyntax))], engine, &entropy) + close()
    }

    /// INVALID_SYNTAX and UNSUPPORTED_CRITICAL_PAYLOAD, protected; before AUTH the SA ends with both (RFC 7296 2.21.2).
    private func answerFault(
        _ error: PayloadError, _ header: IKEHeader, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [ResponderEffect] {
        let event = ResponderEffect.event(
            Event(
                "ike-violation", .notice, limitedBy: path.remote.address.description,
                fields(path) + [("why", "\(error)")]))
        switch error {
        case .malformed: return refuseSyntax(header, engine, &entropy) + [event]
        case .unsupportedCritical(let type):
            let wasEstablished = isEstablished
            let notify = NotifyPayload(.unsupportedCriticalPayload, data: [type])
            let effects = respond(header, [.notify(notify)], engine, &entropy) + [event]
            return wasEstablished ? effects : effects + close()
        }
    }

    func fields(_ path: DatagramPath) -> [(key: String, value: String)] {
        [("spi", ownSPI.description), ("remote", path.remote.description)]
    }
}
