import GroupModel
package import IKECrypto
package import IKEVocabulary
package import IKEWire
package import KeyMaterial

/// Answers IKE_SA_INIT without keeping anything until it has to (RFC 7296 1.2, 2.6, 2.7).
package enum InitialResponder {
    package enum Outcome {
        /// Nothing to answer: the reason is counted.
        case silence(String)
        /// An answer that needs no memory: a cookie, another KE method, or a refusal.
        case stateless([UInt8], String)
        case begun(ResponderSA, reply: [UInt8], keyLog: IKEKeyLogRecord?)
    }

    /// Answers one request.
    ///
    /// - Parameters:
    ///   - datagram: the whole message; AUTH covers it.
    ///   - cookies: nil when no cookie is asked for now.
    ///   - addressProof: asks for a cookie when the full answer would be larger than the request, before any public-key work.
    ///   - admits: asked last before public-key work; false is silence.
    ///   - mark: makes a responder SPI of random octets.
    package static func respond(
        to message: FramedMessage, datagram: [UInt8], path: DatagramPath, configuration: ResponderConfiguration,
        cookies: CookieJar?, addressProof: CookieJar? = nil, admits: () -> Bool = { true },
        mark: (IKESPI) -> IKESPI = { $0 }, at now: Moment,
        engine: CryptoEngine, entropy: inout some EntropySource
    ) -> Outcome {
        guard case .clear(let reader) = message.body else { return .silence("protected-init") }
        let header = message.header
        guard header.initiatorSPI != .zero else { return .silence("zero-spi") }
        guard header.majorVersion == 2 else {
            return .stateless(answer(header, .invalidMajorVersion), "major-version")
        }
        let chain: PayloadChain
        do throws(PayloadError) {
            chain = try PayloadChain(first: header.nextPayload, decoding: reader)
        } catch {
            switch error {
            case .malformed: return .silence("malformed")
            case .unsupportedCritical(let type):
                return .stateless(answer(header, .unsupportedCriticalPayload, [type]), "critical-payload")
            }
        }
        do throws(RuleViolation) {
            try PayloadRules.check(chain, .ikeSAInit, isResponse: false, isProtected: false)
        } catch {
            return .silence("rules")
        }
        guard let offer = InitOffer(chain) else { return .silence("malformed") }
        if let cookies, let answer = demandCookie(cookies, header, offer, chain, path, engine) { return answer }
        guard let chosen = configuration.policy.choose(from: offer.proposals) else {
            return .stateless(answer(header, .noProposalChosen), "no-proposal")
        }
        guard offer.keyExchange.method == chosen.keyExchange else {
            let method = chosen.keyExchange.rawValue
            return .stateless(
                answer(header, .invalidKEPayload, [UInt8(method >> 8), UInt8(truncatingIfNeeded: method)]), "ke-method")
        }
        if let addressProof, cookies == nil, datagram.count < replyOctets(chosen, configuration),
            let answer = demandCookie(addressProof, header, offer, chain, path, engine)
        {
            return answer
        }
        guard admits() else { return .silence("source-rate") }
        return begin(
            header, datagram, offer, chain, chosen, path, configuration, mark, now, engine, &entropy)
    }

    /// Nil when the request brought a good cookie.
    private static func demandCookie(
        _ jar: CookieJar, _ header: IKEHeader, _ offer: InitOffer, _ chain: PayloadChain, _ path: DatagramPath,
        _ engine: CryptoEngine
    ) -> Outcome? {
        let given = chain.notify(.cookie)?.data ?? []
        guard !jar.accepts(given, nonce: offer.nonce, spi: header.initiatorSPI, peer: path.remote, engine: engine)
        else { return nil }
        let cookie = jar.make(nonce: offer.nonce, spi: header.initiatorSPI, peer: path.remote, engine: engine) ?? []
        return .stateless(answer(header, .cookie, cookie), given.isEmpty ? "cookie-sent" : "cookie-wrong")
    }

    /// The size of the full answer, known without making it: KE and nonce have fixed sizes, NAT hashes 20 octets each.
    private static func replyOctets(_ chosen: ChosenProposal, _ configuration: ResponderConfiguration) -> Int {
        let (generic, notify) = (4, 8)
        let transforms = chosen.proposal.transforms.reduce(0) { $0 + 8 + 4 * $1.attributes.count }
        return IKEHeader.octetCount + configuration.announcementOctets + generic + 8 + transforms + generic + 4
            + (chosen.keyExchange.publicOctets ?? 0) + generic + ExchangeLimits.nonceOctets + 2 * (notify + 20)
    }

    private static func begin(
        _ header: IKEHeader, _ datagram: [UInt8], _ offer: InitOffer, _ chain: PayloadChain, _ chosen: ChosenProposal,
        _ path: DatagramPath, _ configuration: ResponderConfiguration, _ mark: (IKESPI) -> IKESPI, _ now: Moment,
        _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> Outcome {
        let spiR = mark(entropy.newIKESPI())
        let nonceR = entropy.octets(ExchangeLimits.nonceOctets)
        let context = IKEKeyContext(
            prf: chosen.prf, suite: chosen.suite, nonceI: offer.nonce, nonceR: nonceR, spiI: header.initiatorSPI,
            spiR: spiR)
        let keys: IKEKeys
        let exchange: KeyExchangeSecret
        var gskW: HeldSecret?
        do throws(CryptoError) {
            exchange = try engine.makeKeyExchange(chosen.keyExchange, entropy: &entropy)
            keys = try engine.deriveIKEKeys(context, shared: try exchange.agree(with: offer.keyExchange.data))
            if let keyWrap = chosen.keyWrap {
                gskW = HeldSecret(try engine.gskW(chosen.prf, skD: keys.skD.secret, keyWrap: keyWrap))
            }
        } catch {
            // A peer value that is no good: RFC 7296 2.21.1 lets us drop it; an answer would only help a prober.
            return .silence("ke-value")
        }
        var payloads: [Payload] = [
            .securityAssociation([chosen.proposal]),
            .keyExchange(KeyExchangePayload(method: chosen.keyExchange, data: exchange.publicValue)),
            .nonce(nonceR),
        ]
        payloads += InitNotifies.natDetection(
            header.initiatorSPI, spiR, own: path.local, peer: path.remote, engine)
        payloads += configuration.announcements
        let replyHeader = IKEHeader(
            initiatorSPI: header.initiatorSPI, responderSPI: spiR, nextPayload: .none, exchange: .ikeSAInit,
            flags: .response, messageID: header.messageID)
        let reply = MessageAssembly.clear(replyHeader, PayloadChain(payloads))
        let authentication = AuthenticationContext(
            prf: chosen.prf, initiatorMessage: datagram, responderMessage: reply, nonceI: offer.nonce, nonceR: nonceR,
            skPi: keys.skPi, skPr: keys.skPr)
        let sa = ResponderSA(
            context: context, keys: keys, chosen: chosen, authentication: authentication,
            peerHashes: InitNotifies.hashes(of: chain),
            peerReassembles: chain.notify(.ikev2FragmentationSupported) != nil,
            supportsRedirect: Redirection.isSupported(chain), knowsExtensions: chain.announcesExtensions, path: path,
            at: now,
            fragmentOctets: configuration.fragmentOctets, gskW: gskW)
        return .begun(sa, reply: reply, keyLog: configuration.logsKeys ? IKEKeyLogRecord(keys, context) : nil)
    }

    /// A response that carries one notify and no SPI of ours (RFC 7296 2.6, 2.21.1).
    static func answer(_ request: IKEHeader, _ type: NotifyType, _ data: [UInt8] = []) -> [UInt8] {
        var header = request
        header.flags = .response
        header.majorVersion = 2
        header.minorVersion = 0
        return MessageAssembly.clear(header, PayloadChain([.notify(NotifyPayload(type, data: data))]))
    }
}

/// The three payloads an IKE_SA_INIT request stands on.
private struct InitOffer {
    var proposals: [Proposal] = []
    var keyExchange: KeyExchangePayload
    var nonce: [UInt8]

    init?(_ chain: PayloadChain) {
        var exchange: KeyExchangePayload?
        var nonce: [UInt8]?
        for payload in chain.payloads {
            switch payload {
            case .securityAssociation(let offered): proposals = offered
            case .keyExchange(let offered): exchange = offered
            case .nonce(let octets): nonce = octets
            default: continue
            }
        }
        guard let exchange, let nonce, !proposals.isEmpty else { return nil }
        keyExchange = exchange
        self.nonce = nonce
    }
}

extension EntropySource {
    /// Random and never zero.
    package mutating func newIKESPI() -> IKESPI {
        while true {
            let spi = IKESPI(rawValue: uint64())
            if spi != .zero { return spi }
        }
    }
}
