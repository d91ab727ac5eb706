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
    private var joining: FragmentJoin?

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
        let total = (inner.count + room - 1) / room
        var datagrams: [[UInt8]] = []
        for index in 0..<total {
            let part = Array(inner[index * room..<min((index + 1) * room, inner.count)])
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
        /// Authentic, and more fragments are awaited.
        case partial(isFirst: Bool)
    }

    /// Proves integrity; nothing else about the message is looked at before.
    mutating func open(_ message: FramedMessage, engine: CryptoEngine) throws(CryptoError) -> Opened {
        switch message.body {
        case .clear: throw .notAuthentic
        case .encrypted(let body):
            return .whole(firstInner: body.firstInner, try open(body.associatedData, body.sealed, engine))
        case .fragment(let fragment):
            guard fragment.total <= ExchangeLimits.fragments else { throw .notAuthentic }
            let part = try open(fragment.associatedData, fragment.sealed, engine)
            let header = message.header
            if joining?.messageID != header.messageID || joining?.isResponse != header.isResponse {
                joining = FragmentJoin(messageID: header.messageID, isResponse: header.isResponse)
            }
            guard let whole = joining?.add(fragment, part, atMost: reassemblyOctets) else {
                return .partial(isFirst: fragment.number == 1)
            }
            joining = nil
            return .whole(firstInner: whole.firstInner, whole.inner)
        }
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
    let isResponse: Bool
    private var total: UInt16 = 0
    private var parts: [UInt16: [UInt8]] = [:]
    private var octets = 0
    private var firstInner = PayloadType.none

    init(messageID: MessageID, isResponse: Bool) {
        self.messageID = messageID
        self.isResponse = isResponse
    }

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
