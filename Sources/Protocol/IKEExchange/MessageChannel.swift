import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// The protected side of one IKE SA: seals what we send, opens what the peer sends, cuts and joins fragments (RFC 7383).
struct MessageChannel {
    let suite: ProtectionSuite
    let spiI: IKESPI
    let spiR: IKESPI
    let isInitiator: Bool
    private let sealKey: HeldSecret
    private let sealIntegrityKey: HeldSecret
    private let openKey: HeldSecret
    private let openIntegrityKey: HeldSecret
    /// Counts every sealed message or fragment: the IV of AEADs, never twice under one key.
    private var sealed: UInt64 = 0
    /// Fragments go out only when the peer announced that it joins them.
    var peerReassembles = false
    let fragmentOctets: Int
    /// The most octets of one message in fragments; small until the peer has proved who it is.
    var reassemblyOctets: Int
    /// Fragments of a response (true) and of a request (false); the window is one of each.
    private var joining: [Bool: FragmentJoin] = [:]

    init(
        _ keys: IKEKeys, suite: ProtectionSuite, spiI: IKESPI, spiR: IKESPI, isInitiator: Bool, fragmentOctets: Int
    ) {
        self.suite = suite
        self.spiI = spiI
        self.spiR = spiR
        self.isInitiator = isInitiator
        self.fragmentOctets = fragmentOctets
        reassemblyOctets =
            isInitiator ? ExchangeLimits.reassemblyOctets : ExchangeLimits.unauthenticatedReassemblyOctets
        (sealKey, sealIntegrityKey) = isInitiator ? (keys.skEi, keys.skAi) : (keys.skEr, keys.skAr)
        (openKey, openIntegrityKey) = isInitiator ? (keys.skEr, keys.skAr) : (keys.skEi, keys.skAi)
    }

    /// - Returns: one datagram, or all fragments in order.
    mutating func seal(
        _ chain: PayloadChain, _ exchange: ExchangeType, isResponse: Bool, messageID: MessageID, engine: CryptoEngine,
        entropy: inout some EntropySource
    ) throws(CryptoError) -> [[UInt8]] {
        var flags: IKEFlags = isInitiator ? .initiator : []
        if isResponse { flags.insert(.response) }
        let header = IKEHeader(
            initiatorSPI: spiI, responderSPI: spiR, nextPayload: .encrypted, exchange: exchange, flags: flags,
            messageID: messageID)
        let inner = chain.encode()
        let whole = IKEHeader.octetCount + 4 + suite.sealedOctets(for: inner.count)
        guard peerReassembles, whole > fragmentOctets,
            let room = suite.plainOctets(within: fragmentOctets - IKEHeader.octetCount - 8)
        else {
            let prefix = MessageAssembly.encryptedPrefix(
                header, firstInner: chain.first, sealedOctets: suite.sealedOctets(for: inner.count))
            return [prefix + (try protect(inner, prefix, engine, &entropy))]
        }
        // Never more fragments than an end of this house joins: then larger ones.
        let most = Int(ExchangeLimits.fragments)
        let size = max(room, (inner.count + most - 1) / most)
        let total = (inner.count + size - 1) / size
        var datagrams: [[UInt8]] = []
        for index in 0..<total {
            let part = Array(inner[index * size..<min((index + 1) * size, inner.count)])
            let prefix = MessageAssembly.fragmentPrefix(
                header, firstInner: chain.first, number: UInt16(clamping: index + 1), total: UInt16(clamping: total),
                sealedOctets: suite.sealedOctets(for: part.count))
            datagrams.append(prefix + (try protect(part, prefix, engine, &entropy)))
        }
        return datagrams
    }

    private mutating func protect(
        _ plain: [UInt8], _ prefix: [UInt8], _ engine: CryptoEngine, _ entropy: inout some EntropySource
    ) throws(CryptoError) -> [UInt8] {
        sealed += 1
        let count = sealed
        let iv =
            suite.isAEAD
            ? (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * UInt64($0))) } : entropy.octets(suite.ivOctets)
        return try engine.seal(
            suite, key: sealKey.secret, integrityKey: sealIntegrityKey.secret, iv: iv, associatedData: prefix,
            plaintext: plain)
    }

    enum Opened {
        case whole(firstInner: PayloadType, [UInt8])
        /// Authentic: a fragment of a message that is not complete, or not awaited.
        case partial
    }

    /// Proves integrity. Only fragments of the message that is awaited in its direction are joined: others, recorded and
    /// sent again, would wipe them.
    mutating func open(
        _ message: FramedMessage, isAwaited: Bool, engine: CryptoEngine
    ) throws(CryptoError) -> Opened {
        switch message.body {
        case .clear: throw .notAuthentic
        case .encrypted(let body):
            return .whole(firstInner: body.firstInner, try open(body.associatedData, body.sealed, engine))
        case .fragment(let fragment):
            guard fragment.total <= ExchangeLimits.fragments else { throw .notAuthentic }
            let part = try open(fragment.associatedData, fragment.sealed, engine)
            guard isAwaited else { return .partial }
            return join(fragment, part, message.header)
        }
    }

    private mutating func join(_ fragment: SealedFragment, _ part: [UInt8], _ header: IKEHeader) -> Opened {
        if joining[header.isResponse]?.messageID != header.messageID {
            joining[header.isResponse] = FragmentJoin(messageID: header.messageID)
        }
        guard let whole = joining[header.isResponse]?.add(fragment, part, atMost: reassemblyOctets) else {
            return .partial
        }
        joining[header.isResponse] = nil
        if joining.isEmpty { joining = [:] }
        return .whole(firstInner: whole.firstInner, whole.inner)
    }

    private func open(
        _ associatedData: [UInt8], _ sealed: [UInt8], _ engine: CryptoEngine
    ) throws(CryptoError) -> [UInt8] {
        try engine.open(
            suite, key: openKey.secret, integrityKey: openIntegrityKey.secret, associatedData: associatedData,
            sealed: sealed)
    }
}

/// Authentic fragments of one message. A larger total starts anew, a smaller one is dropped, duplicates are ignored
/// (RFC 7383 2.6).
private struct FragmentJoin {
    let messageID: MessageID
    private var total: UInt16 = 0
    private var parts: [UInt16: [UInt8]] = [:]
    private var octets = 0
    private var firstInner = PayloadType.none

    init(messageID: MessageID) { self.messageID = messageID }

    mutating func add(
        _ fragment: SealedFragment, _ part: [UInt8], atMost limit: Int
    ) -> (firstInner: PayloadType, inner: [UInt8])? {
        guard fragment.total >= total else { return nil }
        if fragment.total > total { (total, parts, octets) = (fragment.total, [:], 0) }
        guard parts[fragment.number] == nil, octets + part.count <= limit else { return nil }
        parts[fragment.number] = part
        octets += part.count
        if fragment.number == 1 { firstInner = fragment.firstInner }
        guard parts.count == Int(total) else { return nil }
        return (firstInner, (1...total).flatMap { parts[$0] ?? [] })
    }
}
