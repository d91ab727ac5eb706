import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// An IKE_SA_INIT under way. COOKIE and INVALID_KE_PAYLOAD send it back with something changed (RFC 7296 2.6, 1.2).
struct InitAttempt {
    var method: KeyExchangeMethod?
    var spi: IKESPI?
    var nonce: [UInt8] = []
    var cookie: [UInt8]?
    var exchange: KeyExchangeSecret?
    var request: [UInt8] = []
    var round = 0
    /// Times it was begun anew under another SPI; each waits longer before it repeats itself.
    var restarts = 0

    init(method: KeyExchangeMethod?) { self.method = method }
}

extension InitiatorSA {
    func beginInit(
        _ attempt: InitAttempt, at now: Moment, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        var attempt = attempt
        guard let method = attempt.method else { return end(.violated("no key exchange method is configured")) }
        let spi = attempt.spi ?? entropy.newIKESPI()
        attempt.spi = spi
        if attempt.nonce.isEmpty { attempt.nonce = entropy.octets(ExchangeLimits.nonceOctets) }
        let exchange: KeyExchangeSecret
        do throws(CryptoError) {
            if let made = attempt.exchange, made.method == method {
                exchange = made
            } else {
                exchange = try engine.makeKeyExchange(method, entropy: &entropy)
            }
        } catch {
            return end(.violated("key exchange \(method): \(error)"))
        }
        attempt.exchange = exchange
        var payloads: [Payload] = []
        if let cookie = attempt.cookie { payloads.append(.notify(NotifyPayload(.cookie, data: cookie))) }
        payloads += [
            .securityAssociation(configuration.policy.proposals),
            .keyExchange(KeyExchangePayload(method: method, data: exchange.publicValue)), .nonce(attempt.nonce),
        ]
        payloads += InitNotifies.natDetection(spi, .zero, own: local, peer: path.remote, engine)
        payloads += [
            .notify(NotifyPayload(.ikev2FragmentationSupported)), InitNotifies.signatureHashes,
            Redirection.announcement(from: redirectedFrom), .vendorID(ExtensionVendorID.octets),
        ]
        let header = IKEHeader(
            initiatorSPI: spi, responderSPI: .zero, nextPayload: .none, exchange: .ikeSAInit, flags: .initiator,
            messageID: .zero)
        attempt.request = MessageAssembly.clear(header, PayloadChain(payloads))
        state = .awaitingInit(attempt)
        outstanding = Outstanding(
            exchange: .ikeSAInit, messageID: .zero, datagrams: [attempt.request], request: nil,
            next: now + configuration.retransmission.delay(after: 1 + attempt.restarts))
        return [.send([attempt.request], path)]
    }

    private func beginAnew(
        _ attempt: InitAttempt, at now: Moment, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        var fresh = InitAttempt(method: attempt.method)
        fresh.round = attempt.round
        fresh.restarts = attempt.restarts + 1
        return beginInit(fresh, at: now, engine, &entropy)
    }

    func handleInit(
        _ message: FramedMessage, _ datagram: [UInt8], _ attempt: InitAttempt, at now: Moment, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        let header = message.header
        // Nobody has authenticated this: what does not fit is dropped, and we go on waiting (RFC 7296 2.21.1).
        guard case .clear(let reader) = message.body, header.exchange == .ikeSAInit, header.isResponse,
            !header.isFromInitiator, header.initiatorSPI == attempt.spi, header.messageID == .zero,
            let chain = try? PayloadChain(first: header.nextPayload, decoding: reader),
            (try? PayloadRules.check(chain, .ikeSAInit, isResponse: true, isProtected: false)) != nil
        else { return [] }
        var again = attempt
        again.round += 1
        if let cookie = chain.notify(.cookie)?.data, WireLimits.cookieOctets.contains(cookie.count) {
            guard again.round <= ExchangeLimits.initRounds else { return [] }
            // Copies of a request that was repeated may be at several frontends. One wants a cookie; another that did not may
            // have answered already, and its AUTH would be over the request without it. Nobody answers another SPI.
            if let outstanding, outstanding.sent > 1 { return beginAnew(again, at: now, engine, &entropy) }
            again.cookie = cookie
            return beginInit(again, at: now, engine, &entropy)
        }
        if let wanted = chain.notify(.invalidKEPayload)?.data, wanted.count == 2 {
            let method = KeyExchangeMethod(rawValue: UInt16(wanted[0]) << 8 | UInt16(wanted[1]))
            // Only a method we offered, and not the one we just used: else a stranger could lead us about.
            guard configuration.policy.keyExchanges.contains(method), method != attempt.method,
                again.round <= ExchangeLimits.initRounds
            else { return [] }
            again.method = method
            return beginInit(again, at: now, engine, &entropy)
        }
        if let told = chain.notify(.redirect), configuration.followsRedirects {
            // The nonce shows that whoever says this saw our request, and no more (RFC 5685 3): the next gateway proves itself.
            guard let gateway = RedirectGateway(decoding: told.data, nonce: attempt.nonce) else { return [] }
            return [.redirected(gateway)] + end(.redirected)
        }
        if let error = chain.firstError {
            // Anybody could have sent it: take it as a hint only, and let the retransmissions run out.
            return [
                .event(
                    Event(
                        "ike-init-refused", .notice, limitedBy: path.remote.description,
                        [("frontend", path.remote.description), ("notify", "\(error.type)")]))
            ]
        }
        return agree(header, chain, datagram, attempt, at: now, engine, &entropy)
    }

    private func agree(
        _ header: IKEHeader, _ chain: PayloadChain, _ datagram: [UInt8], _ attempt: InitAttempt, at now: Moment,
        _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) -> [InitiatorEffect] {
        var answer: (proposals: [Proposal], exchange: KeyExchangePayload, nonce: [UInt8])?
        var proposals: [Proposal]?
        var offered: KeyExchangePayload?
        var nonce: [UInt8]?
        for payload in chain.payloads {
            switch payload {
            case .securityAssociation(let chosen): proposals = chosen
            case .keyExchange(let exchange): offered = exchange
            case .nonce(let octets): nonce = octets
            default: continue
            }
        }
        if let proposals, let offered, let nonce { answer = (proposals, offered, nonce) }
        guard let answer, header.responderSPI != .zero, let exchange = attempt.exchange,
            let chosen = configuration.policy.accepted(answer.proposals), answer.exchange.method == exchange.method,
            chosen.keyExchange == exchange.method
        else { return [] }
        let context = IKEKeyContext(
            prf: chosen.prf, suite: chosen.suite, nonceI: attempt.nonce, nonceR: answer.nonce,
            spiI: header.initiatorSPI, spiR: header.responderSPI)
        let keys: IKEKeys
        do throws(CryptoError) {
            keys = try engine.deriveIKEKeys(context, shared: try exchange.agree(with: answer.exchange.data))
            if let keyWrap = chosen.keyWrap {
                gskW = HeldSecret(try engine.gskW(chosen.prf, skD: keys.skD.secret, keyWrap: keyWrap))
            }
            skD = keys.skD
        } catch {
            return []
        }
        if case .ikeAuth = opening, chain.notify(.childlessIKEv2Supported) == nil {
            // Without it the responder wants SA and TS in IKE_AUTH (RFC 6023 3).
            return end(.unsupported("the responder does not announce CHILDLESS_IKEV2_SUPPORTED"))
        }
        self.chosen = chosen
        peerKnowsExtensions = chain.announcesExtensions
        var channel = MessageChannel(
            keys, suite: chosen.suite, spiI: context.spiI, spiR: context.spiR, isInitiator: true,
            fragmentOctets: configuration.fragmentOctets)
        channel.peerReassembles = chain.notify(.ikev2FragmentationSupported) != nil
        self.channel = channel
        moveToEncapsulation(chain, context, engine)
        let authentication = AuthenticationContext(
            prf: chosen.prf, initiatorMessage: attempt.request, responderMessage: datagram, nonceI: attempt.nonce,
            nonceR: answer.nonce, skPi: keys.skPi, skPr: keys.skPr)
        nextMessageID = MessageID(rawValue: 1)
        let log = configuration.logsKeys ? [InitiatorEffect.keyLog(IKEKeyLogRecord(keys, context))] : []
        return log
            + sendAuth(
                AuthAttempt(authentication: authentication, peerHashes: InitNotifies.hashes(of: chain)),
                asksForCertificate: !configuration.trust.authorityKeyIDs.isEmpty, now, engine, &entropy)
    }

    /// From 500 and from 848 alike to 4500, when a NAT is seen or when we are told to (RFC 7296 2.23).
    private func moveToEncapsulation(_ chain: PayloadChain, _ context: IKEKeyContext, _ engine: CryptoEngine) {
        guard !path.isEncapsulated else { return }
        let meetsNAT = InitNotifies.meetsNAT(
            chain, context.spiI, context.spiR, own: local, peer: path.remote, engine)
        guard meetsNAT || configuration.forcesNATTraversal else { return }
        path = OutgoingPath(
            remote: Endpoint(path.remote.address, port: configuration.natTraversalPort), isEncapsulated: true)
    }
}
