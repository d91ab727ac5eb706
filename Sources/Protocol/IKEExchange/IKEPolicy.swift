import IKECrypto
package import IKEVocabulary

/// What an end offers or accepts for its IKE SAs, each list in the order of preference.
package struct IKEPolicy: Hashable, Sendable {
    package var suites: [ProtectionSuite]
    package var prfs: [PRFID]
    package var keyExchanges: [KeyExchangeMethod]
    /// KWA transforms; empty only for a plain IKEv2 initiator.
    package var keyWraps: [KeyWrapID]
    /// Offer every proposal a second time without KWA: a plain IKEv2 responder takes none with a transform type that it does
    /// not know (RFC 7296 3.3.6). Such an SA cannot carry group keys.
    package var offersPlainIKE = false

    package init(
        suites: [ProtectionSuite], prfs: [PRFID], keyExchanges: [KeyExchangeMethod], keyWraps: [KeyWrapID]
    ) {
        self.suites = suites
        self.prfs = prfs
        self.keyExchanges = keyExchanges
        self.keyWraps = keyWraps
    }

    package static let standard = IKEPolicy(
        suites: [.aesGCM256, .chacha20Poly1305, .aesGCM128, .aesCBC256SHA256, .aesCBC128SHA256],
        prfs: [.hmacSHA256, .hmacSHA384, .hmacSHA512],
        keyExchanges: [.curve25519, .ecp256, .ecp384, .ecp521, .modp2048, .modp3072, .modp4096],
        keyWraps: [.kw5649_256, .kw5649_128, .kw5649_192])
}

/// One transform of each type, chosen.
package struct ChosenProposal: Hashable, Sendable {
    package let number: UInt8
    package let suite: ProtectionSuite
    package let prf: PRFID
    package let keyExchange: KeyExchangeMethod
    /// Nil when the peer offered none: a plain IKEv2 SA, which cannot carry group keys.
    package let keyWrap: KeyWrapID?

    /// The responder's SA payload: the chosen transforms under the initiator's number (RFC 7296 2.7).
    var proposal: Proposal {
        let wrap = keyWrap.map { [Transform.keyWrap($0)] } ?? []
        return Proposal(
            number: number, securityProtocol: .ike,
            transforms: suite.transforms + [.prf(prf), .keyExchange(keyExchange)] + wrap)
    }
}

extension IKEPolicy {
    /// AEAD and non-AEAD ciphers may not share a proposal (RFC 7296 3.3.2): one proposal of each kind.
    var proposals: [Proposal] {
        let common = prfs.map { Transform.prf($0) } + keyExchanges.map { .keyExchange($0) }
        let aeads = suites.filter(\.isAEAD).map { Transform.encryption($0.encryption, keyBits: $0.keyBits) }
        var seen: Set<Transform> = []
        let others = suites.filter { !$0.isAEAD }.flatMap(\.transforms).filter { seen.insert($0).inserted }
        let kinds = [aeads, others].filter { !$0.isEmpty }
        var offers = kinds.map { $0 + common + keyWraps.map { .keyWrap($0) } }
        if offersPlainIKE, !keyWraps.isEmpty { offers += kinds.map { $0 + common } }
        return zip(1..., offers).map { Proposal(number: $0, securityProtocol: .ike, transforms: $1) }
    }

    /// The responder's choice: proposals that can carry group keys first, then the peer's order of proposals and ours of
    /// transforms. Nil: NO_PROPOSAL_CHOSEN.
    func choose(from proposals: [Proposal]) -> ChosenProposal? {
        let fitting = proposals.compactMap(choose)
        return fitting.first { $0.keyWrap != nil } ?? fitting.first
    }

    private func choose(_ proposal: Proposal) -> ChosenProposal? {
        guard proposal.securityProtocol == .ike else { return nil }
        // A transform type we do not know makes the whole proposal unacceptable (RFC 7296 3.3.6).
        guard proposal.transforms.allSatisfy({ Self.isKnown($0.type) }) else { return nil }
        // A few dozen at most, and compared once for each of ours: a set would cost more to make.
        let offered = proposal.transforms
        let hasIntegrity = proposal.transforms.contains { $0.type == .integrity && $0.id != IntegrityID.none.rawValue }
        let suite = suites.first { suite in
            suite.isAEAD != hasIntegrity && suite.transforms.allSatisfy(offered.contains)
        }
        let prf = prfs.first { offered.contains(.prf($0)) }
        let method = keyExchanges.first { offered.contains(.keyExchange($0)) }
        guard let suite, let prf, let method else { return nil }
        let offersKeyWrap = proposal.transforms.contains { $0.type == .keyWrapAlgorithm }
        let keyWrap = keyWraps.first { offered.contains(.keyWrap($0)) }
        guard !offersKeyWrap || keyWrap != nil else { return nil }
        return ChosenProposal(number: proposal.number, suite: suite, prf: prf, keyExchange: method, keyWrap: keyWrap)
    }

    private static func isKnown(_ type: TransformType) -> Bool {
        switch type {
        case .encryption, .pseudorandomFunction, .integrity, .keyExchangeMethod, .keyWrapAlgorithm: true
        default: false
        }
    }

    /// The initiator's check of the responder's choice: exactly one transform of each type, all of them offered.
    func accepted(_ answer: [Proposal]) -> ChosenProposal? {
        guard answer.count == 1, let chosen = answer.first,
            let offer = self.proposals.first(where: { $0.number == chosen.number }),
            Set(chosen.transforms).isSubset(of: Set(offer.transforms)),
            Set(chosen.transforms.map(\.type)).count == chosen.transforms.count
        else { return nil }
        return choose(chosen)
    }
}
