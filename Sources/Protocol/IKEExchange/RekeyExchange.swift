import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// What an IKE SA hands to the one that follows it.
struct RekeyBasis {
    let chosen: ChosenProposal
    let skD: HeldSecret
    let peerSPI: IKESPI
    /// OPTIMIZED_REKEY, when both ends announced it.
    let optimized: NotifyType?
}

/// An IKE SA made by CREATE_CHILD_SA. Whoever asked for it is its original initiator; Message IDs begin with 0
/// (RFC 7296 2.8, 2.18).
struct RekeyedKeys {
    let context: IKEKeyContext
    let keys: IKEKeys
    let chosen: ChosenProposal
    /// From the new SK_d (RFC 9838 2.2.1).
    let gskW: HeldSecret?
    let isInitiator: Bool

    /// Of two rekeys that crossed, the SA with the lowest of the four nonces goes; a nonce that ends first is the lower one
    /// (RFC 7296 2.8.1).
    func loses(to other: RekeyedKeys) -> Bool { lowestNonce.lexicographicallyPrecedes(other.lowestNonce) }

    private var lowestNonce: [UInt8] {
        context.nonceI.lexicographicallyPrecedes(context.nonceR) ? context.nonceI : context.nonceR
    }

    fileprivate init(
        _ basis: RekeyBasis, _ chosen: ChosenProposal, _ exchange: KeyExchangeSecret, with peer: [UInt8],
        nonces: (i: [UInt8], r: [UInt8]), spis: (i: IKESPI, r: IKESPI), isInitiator: Bool, _ engine: CryptoEngine
    ) throws(CryptoError) {
        context = IKEKeyContext(
            prf: chosen.prf, suite: chosen.suite, nonceI: nonces.i, nonceR: nonces.r, spiI: spis.i, spiR: spis.r)
        let shared = try exchange.agree(with: peer)
        keys = try engine.deriveRekeyedIKEKeys(
            context, oldPRF: basis.chosen.prf, oldSKD: basis.skD.secret, shared: shared)
        if let keyWrap = chosen.keyWrap {
            gskW = HeldSecret(try engine.gskW(chosen.prf, skD: keys.skD.secret, keyWrap: keyWrap))
        } else {
            gskW = nil
        }
        self.chosen = chosen
        self.isInitiator = isInitiator
    }
}

extension IKEPolicy {
    /// What may follow an SA: group keys need KWA again, and a peer that knew no KWA knows none now (fact sheet B.4-27).
    fileprivate func successor(of chosen: ChosenProposal) -> IKEPolicy {
        var policy = self
        policy.offersPlainIKE = false
        if chosen.keyWrap == nil { policy.keyWraps = [] }
        return policy
    }
}

/// Our rekey of an IKE SA, not answered yet.
struct RekeyAttempt {
    let spi: IKESPI
    let nonce: [UInt8]
    let exchange: KeyExchangeSecret
    /// Without SA payload.
    let isOptimized: Bool
    /// Times it was asked anew: another form, another key exchange method.
    let round: Int
    private let policy: IKEPolicy

    init(
        _ basis: RekeyBasis, _ policy: IKEPolicy, spi: IKESPI, method: KeyExchangeMethod? = nil,
        isOptimized: Bool, round: Int = 0, _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) throws(CryptoError) {
        self.policy = policy.successor(of: basis.chosen)
        let used = basis.chosen.keyExchange
        let own = policy.keyExchanges.contains(used) || isOptimized ? used : policy.keyExchanges.first
        guard let method = method ?? own else { throw .unsupportedAlgorithm }
        self.spi = spi
        self.isOptimized = isOptimized
        self.round = round
        nonce = entropy.octets(ExchangeLimits.nonceOctets)
        exchange = try engine.makeKeyExchange(method, entropy: &entropy)
    }

    func payloads(_ basis: RekeyBasis) -> [Payload] {
        let first: Payload
        if isOptimized, let type = basis.optimized {
            first = .notify(NotifyPayload(type, data: spi.octets))
        } else {
            first = .securityAssociation(policy.proposals.map { $0.naming(spi) })
        }
        return [
            first, .nonce(nonce),
            .keyExchange(KeyExchangePayload(method: exchange.method, data: exchange.publicValue)),
        ]
    }

    enum Outcome {
        case rekeyed(RekeyedKeys)
        /// Ask again: in the regular form, or with this method.
        case again(KeyExchangeMethod?)
        case refused(NotifyType)
        /// An authenticated peer that breaks the rules.
        case violated(String)
    }

    func outcome(_ chain: PayloadChain, _ basis: RekeyBasis, _ engine: CryptoEngine) -> Outcome {
        if let error = chain.firstError { return refused(error) }
        var proposals: [Proposal]?
        var answered: KeyExchangePayload?
        var nonceR: [UInt8]?
        for payload in chain.payloads {
            switch payload {
            case .securityAssociation(let chosen): proposals = chosen
            case .keyExchange(let exchange): answered = exchange
            case .nonce(let octets): nonceR = octets
            default: continue
            }
        }
        guard let answered, let nonceR, answered.method == exchange.method,
            let (chosen, octets) = choice(proposals, chain, basis), let peer = IKESPI(new: octets),
            chosen.keyExchange == exchange.method, chosen.keyWrap != nil || basis.chosen.keyWrap == nil
        else { return .violated("an answer to a rekey that does not fit") }
        do throws(CryptoError) {
            return .rekeyed(
                try RekeyedKeys(
                    basis, chosen, exchange, with: answered.data, nonces: (nonce, nonceR), spis: (spi, peer),
                    isInitiator: true, engine))
        } catch {
            return .violated("the key exchange of a rekey: \(error)")
        }
    }

    private func choice(
        _ proposals: [Proposal]?, _ chain: PayloadChain, _ basis: RekeyBasis
    ) -> (ChosenProposal, [UInt8])? {
        if isOptimized {
            guard proposals == nil, let type = basis.optimized, let named = chain.notify(type) else { return nil }
            return (basis.chosen, named.data)
        }
        guard let proposals, let chosen = policy.accepted(proposals), let spi = proposals.first?.spi else { return nil }
        return (chosen, spi)
    }

    private func refused(_ error: NotifyPayload) -> Outcome {
        guard round < ExchangeLimits.rekeyRounds else { return .refused(error.type) }
        if error.type == .invalidKEPayload, !isOptimized, error.data.count == 2 {
            let method = KeyExchangeMethod(rawValue: UInt16(error.data[0]) << 8 | UInt16(error.data[1]))
            if policy.keyExchanges.contains(method), method != exchange.method { return .again(method) }
        }
        let wantsRegular = [.noProposalChosen, .noAdditionalSAs, .invalidKEPayload].contains(error.type)
        return isOptimized && wantsRegular ? .again(nil) : .refused(error.type)
    }
}

extension RekeyOffer {
    enum Answer {
        case rekeyed([Payload], RekeyedKeys)
        case refused(NotifyPayload)
        /// A key exchange value that is no good: INVALID_SYNTAX.
        case invalid
    }

    /// - Parameter spi: ours for the new SA.
    func answer(
        _ basis: RekeyBasis, _ policy: IKEPolicy, spi: IKESPI, _ engine: CryptoEngine,
        _ entropy: inout some EntropySource
    ) -> Answer {
        let (chosen, octets): (ChosenProposal, [UInt8])
        let first: Payload
        switch form {
        case .optimized(let peer):
            guard let type = basis.optimized else { return .refused(NotifyPayload(.noProposalChosen)) }
            (chosen, octets) = (basis.chosen, peer.octets)
            first = .notify(NotifyPayload(type, data: spi.octets))
        case .regular(let proposals):
            guard let choice = policy.successor(of: basis.chosen).choose(from: proposals),
                choice.keyWrap != nil || basis.chosen.keyWrap == nil,
                let taken = proposals.first(where: { $0.number == choice.number })
            else { return .refused(NotifyPayload(.noProposalChosen)) }
            (chosen, octets) = (choice, taken.spi)
            first = .securityAssociation([choice.proposal.naming(spi)])
        }
        guard exchange.method == chosen.keyExchange else {
            let method = chosen.keyExchange.rawValue
            let data = [UInt8(method >> 8), UInt8(truncatingIfNeeded: method)]
            return .refused(NotifyPayload(.invalidKEPayload, data: data))
        }
        // The SPI of the SA that is to be replaced would make the two indistinguishable for the other end.
        guard let peer = IKESPI(new: octets), peer != basis.peerSPI else { return .invalid }
        let nonceR = entropy.octets(ExchangeLimits.nonceOctets)
        do throws(CryptoError) {
            let own = try engine.makeKeyExchange(chosen.keyExchange, entropy: &entropy)
            let keys = try RekeyedKeys(
                basis, chosen, own, with: exchange.data, nonces: (nonce, nonceR), spis: (peer, spi),
                isInitiator: false, engine)
            return .rekeyed(
                [
                    first, .nonce(nonceR),
                    .keyExchange(KeyExchangePayload(method: own.method, data: own.publicValue)),
                ], keys)
        } catch {
            return .invalid
        }
    }
}

extension Proposal {
    fileprivate func naming(_ spi: IKESPI) -> Proposal {
        Proposal(number: number, securityProtocol: securityProtocol, spi: spi.octets, transforms: transforms)
    }
}
