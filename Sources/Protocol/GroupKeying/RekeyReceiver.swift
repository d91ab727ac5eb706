package import GroupModel
package import IKECrypto
package import IKEVocabulary
package import IKEWire
import KeyMaterial
import Octets

/// A GSA_REKEY that was taken.
package struct OpenedRekey: Sendable {
    package let messageID: MessageID
    /// Nil when the message only deletes.
    package let group: OpenedGroup?
    package let deletes: [DeletePayload]
}

/// One Rekey SA on the member's side: opens GSA_REKEY, keeps the replay counter and the reassembly.
///
/// The counter belongs to the Rekey SA, not to the group (fact sheet B.4-3). It moves only after everything about a message
/// was proved, so that nobody without the key can move it.
package struct RekeyReceiver: Sendable {
    package let sa: KeyedRekeySA
    private let keys: RekeySAKeys
    /// The lowest Message ID that is still taken; nil when the last one was used.
    package private(set) var nextMessageID: MessageID?
    private var authKey: VerifyingKey?
    private var keyPath: WorkingKeyPath
    private var reassemblies: [Reassembly] = []

    /// - Parameter authKey: DER SubjectPublicKeyInfo; nil exactly when authentication is implicit.
    package init(
        _ sa: KeyedRekeySA, authKey: [UInt8]?, keyPath: WorkingKeyPath
    ) throws(DownloadRefusal) {
        self.sa = sa
        self.keyPath = keyPath
        keys = try DownloadRefusal.crypto { () throws(CryptoError) in
            try RekeySAKeys(keymat: sa.keymat.secret, suite: sa.policy.suite, keyWrap: sa.policy.keyWrap)
        }
        nextMessageID = sa.policy.initialMessageID ?? .zero
        switch (sa.policy.authentication, authKey) {
        case (.digitalSignature(let algorithm), .some(let key)):
            try AuthKeyRule.check(key, algorithm)
            self.authKey = try DownloadRefusal.crypto { () throws(CryptoError) in
                try VerifyingKey(subjectPublicKeyInfo: key)
            }
        case (.implicit, nil): self.authKey = nil
        default: throw .keys("AUTH_KEY and GCAUTH do not belong together")
        }
    }

    /// A later registration named this Rekey SA again, with its GSA_INITIAL_MESSAGE_ID. One that is lower than what was
    /// received already is stale (RFC 9838 2.3.3).
    package mutating func expect(atLeast id: MessageID) {
        guard let expected = nextMessageID, id > expected else { return }
        nextMessageID = id
        reassemblies.removeAll { $0.messageID < id }
    }

    /// Takes one datagram (without non-ESP marker).
    ///
    /// - Returns: nil while fragments are missing.
    /// - Throws: the state is as before, but for authentic fragments that are kept.
    package mutating func receive(
        _ datagram: [UInt8], engine: CryptoEngine
    ) throws(DownloadRefusal) -> OpenedRekey? {
        let message = try DownloadRefusal.wire { () throws(WireError) in try FramedMessage(decoding: datagram) }
        let header = message.header
        guard header.exchange == .gsaRekey, header.rekeySPI == sa.policy.spi, !header.isResponse else {
            throw .notForThisSA
        }
        guard let expected = nextMessageID, header.messageID >= expected else { throw .replayed(header.messageID) }
        switch message.body {
        case .clear: throw .notAuthentic
        case .encrypted(let body):
            let inner = try open(body.associatedData, body.sealed, engine)
            return try take(inner, header, body.firstInner, body.reserved, engine)
        case .fragment(let fragment):
            let inner = try open(fragment.associatedData, fragment.sealed, engine)
            guard let whole = keep(fragment, inner, header) else { return nil }
            defer { reassemblies.removeAll { $0.messageID == header.messageID } }
            return try take(whole.inner, header, whole.firstInner, whole.reserved, engine)
        }
    }

    private func open(
        _ associatedData: [UInt8], _ sealed: [UInt8], _ engine: CryptoEngine
    ) throws(DownloadRefusal) -> [UInt8] {
        do throws(CryptoError) {
            return try engine.open(
                sa.policy.suite, key: keys.gskE.secret, integrityKey: keys.gskA.secret, associatedData: associatedData,
                sealed: sealed)
        } catch {
            throw .notAuthentic
        }
    }

    private mutating func take(
        _ inner: [UInt8], _ header: IKEHeader, _ firstInner: PayloadType, _ reserved: UInt8, _ engine: CryptoEngine
    ) throws(DownloadRefusal) -> OpenedRekey {
        let chain: PayloadChain
        do throws(PayloadError) {
            chain = try PayloadChain(first: firstInner, octets: inner)
        } catch {
            switch error {
            case .malformed(let wire): throw .malformed(wire)
            // AUTH stands behind it and cannot be checked: any member can have written it.
            case .unsupportedCritical where authKey != nil: throw .badSignature
            case .unsupportedCritical(let type): throw .unsupportedCritical(type)
            }
        }
        try verify(chain, inner, header, firstInner, reserved)
        let content = try RekeyContent(chain)
        var opened: OpenedGroup?
        var path = keyPath
        if let (gsa, kd) = content.download {
            let finder = KeyFinder(
                gskW: keys.gskW, keyWrap: sa.policy.keyWrap, engine: engine, wrapKeys: try KeyBagReader.wrapKeys(kd),
                workingPath: keyPath, source: .rekey)
            var reader = KeyBagReader(source: .rekey, finder: finder)
            let group = try reader.read(try PolicyCoding.decode(gsa, from: .rekey), kd, mode: content.mode)
            try checkNewAuthKey(group)
            opened = inheriting(group)
            path = group.keyPath
        }
        if let key = opened?.authKey {
            authKey = try DownloadRefusal.crypto { () throws(CryptoError) in
                try VerifyingKey(subjectPublicKeyInfo: key)
            }
        }
        keyPath = path
        nextMessageID = header.messageID.next
        reassemblies.removeAll { $0.messageID <= header.messageID }
        return OpenedRekey(messageID: header.messageID, group: opened, deletes: content.deletes)
    }

    /// Signed messages need a good AUTH as their last payload; implicit ones must have none (RFC 9838 2.4.1).
    private func verify(
        _ chain: PayloadChain, _ inner: [UInt8], _ header: IKEHeader, _ firstInner: PayloadType, _ reserved: UInt8
    ) throws(DownloadRefusal) {
        let present = chain.payloads.contains { $0.type == .authentication }
        guard let authKey, case .digitalSignature(let algorithm) = sa.policy.authentication else {
            guard !present else { throw .badSignature }
            return
        }
        guard case .authentication(let payload) = chain.payloads.last, payload.method == .digitalSignature,
            chain.payloads.filter({ $0.type == .authentication }).count == 1,
            let scheme = SignatureScheme(algorithmIdentifier: algorithm),
            let data = try? DigitalSignatureData(decoding: payload.octets), data.algorithmIdentifier == algorithm,
            data.signature.count < inner.count
        else { throw .badSignature }
        // AUTH is last, so its signature is the tail of P; it was zero while it was signed.
        let blank = inner.dropLast(data.signature.count) + [UInt8](repeating: 0, count: data.signature.count)
        let covered = RekeySignature.covered(header, firstInner: firstInner, reserved: reserved, inner: Array(blank))
        do throws(CryptoError) {
            try authKey.verify(covered, signature: data.signature, scheme)
        } catch {
            throw .badSignature
        }
    }

    private func checkNewAuthKey(_ group: OpenedGroup) throws(DownloadRefusal) {
        guard let key = group.authKey else { return }
        guard case .digitalSignature(let algorithm) = sa.policy.authentication else {
            throw .keys("AUTH_KEY without signatures")
        }
        try AuthKeyRule.check(key, algorithm)
    }

    /// A rekey does not repeat GCAUTH: the new Rekey SA has that of the old one.
    private func inheriting(_ group: OpenedGroup) -> OpenedGroup {
        var rekey = group.rekey
        rekey?.policy.authentication = sa.policy.authentication
        return OpenedGroup(
            policy: group.policy, rekey: rekey, data: group.data, authKey: group.authKey, senderIDs: group.senderIDs,
            mode: group.mode, keyPath: group.keyPath)
    }

    /// The receiver of the Rekey SA that replaces this one.
    package func successor(_ rekey: KeyedRekeySA) throws(DownloadRefusal) -> RekeyReceiver {
        try RekeyReceiver(rekey, authKey: authKey?.subjectPublicKeyInfo, keyPath: keyPath)
    }

    private mutating func keep(
        _ fragment: SealedFragment, _ inner: [UInt8], _ header: IKEHeader
    ) -> Reassembly.Whole? {
        let index: Int
        if let known = reassemblies.firstIndex(where: { $0.messageID == header.messageID }) {
            index = known
        } else {
            if reassemblies.count >= KeyingLimits.reassemblies { reassemblies.removeFirst() }
            reassemblies.append(Reassembly(messageID: header.messageID))
            index = reassemblies.count - 1
        }
        return reassemblies[index].add(fragment, inner)
    }
}

/// Authentic fragments of one message (RFC 7383 2.6): a larger total starts anew, a smaller one is dropped.
struct Reassembly: Sendable {
    struct Whole {
        let inner: [UInt8]
        let firstInner: PayloadType
        let reserved: UInt8
    }

    let messageID: MessageID
    private var total: UInt16 = 0
    private var parts: [UInt16: [UInt8]] = [:]
    private var octets = 0
    private var firstInner = PayloadType.none
    private var reserved: UInt8 = 0

    init(messageID: MessageID) { self.messageID = messageID }

    mutating func add(_ fragment: SealedFragment, _ inner: [UInt8]) -> Whole? {
        guard fragment.total >= total else { return nil }
        if fragment.total > total {
            (total, parts, octets) = (fragment.total, [:], 0)
        }
        guard parts[fragment.number] == nil, octets + inner.count <= KeyingLimits.innerOctets else { return nil }
        parts[fragment.number] = inner
        octets += inner.count
        if fragment.number == 1 { (firstInner, reserved) = (fragment.firstInner, fragment.reserved) }
        guard parts.count == Int(total) else { return nil }
        let whole = (1...total).flatMap { parts[$0] ?? [] }
        return Whole(inner: whole, firstInner: firstInner, reserved: reserved)
    }
}

/// What a GSA_REKEY may hold: GSA and KD together, Deletes, notifies (RFC 9838 2.4.1, 2.4.3).
private struct RekeyContent {
    var download: (GSAPayload, KeyDownloadPayload)?
    var deletes: [DeletePayload] = []
    var mode = SAMode.tunnel

    init(_ chain: PayloadChain) throws(DownloadRefusal) {
        var gsa: GSAPayload?
        var kd: KeyDownloadPayload?
        for payload in chain.payloads {
            switch payload {
            case .groupSecurityAssociation(let policy) where gsa == nil: gsa = policy
            case .keyDownload(let download) where kd == nil: kd = download
            case .delete(let delete): deletes.append(delete)
            case .notify(let notify): if notify.type == .useTransportMode { mode = .transport }
            case .authentication, .vendorID, .raw: continue
            default: throw .policy("\(payload.type) does not belong in GSA_REKEY")
            }
        }
        switch (gsa, kd) {
        case (.some(let gsa), .some(let kd)): download = (gsa, kd)
        case (nil, nil): guard !deletes.isEmpty else { throw .policy("a rekey that changes nothing") }
        default: throw .policy("GSA and KD come together")
        }
    }
}
