import COpenSSL
package import IKEVocabulary

/// Judges certificate chains against trust anchors and CRLs (RFC 5280, RFC 4945), for one thread.
///
/// Three ways, each with the same answer:
/// 1. A leaf judged before is known by its SHA-256 while its whole path and the CRLs are valid.
/// 2. A leaf of the common profile under an issuer that OpenSSL accepted with the same chain above it needs our own checks of
///    form, time and revocation, and one signature.
/// 3. Anything else goes to OpenSSL's X509_STORE with the strict flag, the judge of record.
///
/// The second way may refuse to decide, never accept what the third refuses: a differential test holds it to that.
package final class CertificateJudge {
    private var store: TrustStore
    private let anchors: [[UInt8]]
    private let intermediates: [[UInt8]]
    private let engine: CryptoEngine
    private let provider: CryptoProvider
    private var cache: LeafCache
    private var issuers: [IssuerKey: JudgedIssuer] = [:]

    /// How many chains were decided which way, refusals included.
    package struct Counts: Hashable, Sendable {
        package var cached: Int
        package var fast: Int
        package var full: Int

        package init(cached: Int = 0, fast: Int = 0, full: Int = 0) {
            (self.cached, self.fast, self.full) = (cached, fast, full)
        }
    }
    package private(set) var counts = Counts()

    /// SHA-1 of the anchors' keys, one after the other: the data of a CERTREQ (RFC 7296 3.7).
    package var authorityKeyIDs: [UInt8] { store.authorityKeyIDs }

    /// - Parameters:
    ///   - anchorsPEM: PEM texts, or single certificates in DER; the same holds for the others.
    ///   - intermediatesPEM: help to build paths and are not trusted themselves.
    ///   - crlsPEM: with any, every certificate of a path needs a current CRL of its issuer.
    ///   - cacheCapacity: leaves remembered; 0 for none.
    /// - Throws: when a block does not parse or there is no anchor.
    package init(
        anchorsPEM: [[UInt8]], intermediatesPEM: [[UInt8]] = [], crlsPEM: [[UInt8]] = [],
        provider: CryptoProvider = .fastest, cacheCapacity: Int = CertificateLimits.cached
    ) throws(CertificateRefusal) {
        store = try TrustStore(anchors: anchorsPEM, intermediates: intermediatesPEM, crls: crlsPEM)
        (anchors, intermediates) = (anchorsPEM, intermediatesPEM)
        self.provider = provider
        engine = CryptoEngine(provider: provider)
        cache = LeafCache(capacity: cacheCapacity)
    }

    /// New CRLs instead of all old ones; everything judged before is forgotten. On a refusal nothing changes.
    package func replaceCRLs(_ crlsPEM: [[UInt8]]) throws(CertificateRefusal) {
        replaceCRLs(
            try PreparedCRLs(anchorsPEM: anchors, intermediatesPEM: intermediates, crlsPEM: crlsPEM))
    }

    /// The same with CRLs that were parsed elsewhere, beside this judge's own anchors and intermediates.
    package func replaceCRLs(_ prepared: PreparedCRLs) {
        store = prepared.store
        cache.removeAll()
        issuers.removeAll()
    }

    /// - Parameter chain: DER, leaf first, at most `CertificateLimits.chain`.
    package func judge(_ chain: [[UInt8]], at now: WallTime) throws(CertificateRefusal) -> JudgedCertificate {
        let leaf = try Self.checkSizes(chain)
        let seconds = now.seconds
        let fingerprint = engine.sha256(leaf)
        if let known = cache.find(fingerprint, at: seconds) {
            counts.cached += 1
            return known
        }
        let upper = Array(chain.dropFirst())
        let read = provider == .fastest ? LeafCertificate(leaf) : nil
        if let read, let (judged, window) = judgeFast(read, upper, fingerprint, seconds) {
            counts.fast += 1
            cache.insert(judged, window)
            return judged
        }
        counts.full += 1
        let path = try store.judge(chain, at: seconds)
        let (judged, window) = try Self.read(leaf, fingerprint, provider)
        let whole = window.clamped(to: store.crlWindow).clamped(to: path?.window ?? window)
        cache.insert(judged, whole)
        if let read, let path { learn(read, upper, path) }
        return judged
    }

    /// OpenSSL's judgement alone, with nothing remembered.
    package func judgeByRecord(_ chain: [[UInt8]], at now: WallTime) throws(CertificateRefusal) -> JudgedCertificate {
        let leaf = try Self.checkSizes(chain)
        _ = try store.judge(chain, at: now.seconds)
        return try Self.read(leaf, engine.sha256(leaf), .openSSLOnly).judged
    }

    private static func checkSizes(_ chain: [[UInt8]]) throws(CertificateRefusal) -> [UInt8] {
        guard let leaf = chain.first, chain.count <= CertificateLimits.chain else {
            throw CertificateRefusal("\(chain.count) certificates")
        }
        guard chain.allSatisfy({ (1...CertificateLimits.octets).contains($0.count) }) else {
            throw CertificateRefusal("a certificate is too large")
        }
        return leaf
    }
}

/// Trust with new CRLs, parsed away from the thread of its judge: large CRLs take a while. It is handed over whole, to one.
package final class PreparedCRLs: @unchecked Sendable {
    fileprivate let store: TrustStore

    package init(
        anchorsPEM: [[UInt8]], intermediatesPEM: [[UInt8]] = [], crlsPEM: [[UInt8]]
    ) throws(CertificateRefusal) {
        store = try TrustStore(anchors: anchorsPEM, intermediates: intermediatesPEM, crls: crlsPEM)
    }
}

extension WallTime {
    /// Whole seconds, rounded down also before 1970.
    fileprivate var seconds: Int64 { milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000 }
}

// MARK: Leaves under judged issuers

/// An issuer is known by its name and key identifier, and only together with what was sent above the leaf: OpenSSL would build
/// its path from the same certificates again.
private struct IssuerKey: Hashable {
    let name: [UInt8]
    let keyID: [UInt8]
    let upper: [[UInt8]]
}

private struct JudgedIssuer {
    let key: VerifyingKey
    let window: Range<Int64>
}

extension CertificateJudge {
    /// Nil when this way cannot decide.
    private func judgeFast(
        _ leaf: LeafCertificate, _ upper: [[UInt8]], _ fingerprint: [UInt8], _ seconds: Int64
    ) -> (JudgedCertificate, Range<Int64>)? {
        guard let keyID = leaf.extensions.authorityKeyID, leaf.notBefore < leaf.notAfter,
            let issuer = issuers[IssuerKey(name: leaf.issuer, keyID: keyID, upper: upper)]
        else { return nil }
        let window = issuer.window.clamped(to: leaf.notBefore..<leaf.notAfter)
        guard window.contains(seconds), !store.mayBeRevoked(leaf.serial, by: leaf.issuer),
            let key = try? VerifyingKey(subjectPublicKeyInfo: leaf.subjectPublicKeyInfo, provider: provider),
            (try? issuer.key.verify(leaf.toBeSigned, signature: leaf.signature, leaf.scheme)) != nil
        else { return nil }
        let judged = JudgedCertificate(
            key: key, identities: [Identity(type: .derASN1DN, octets: leaf.subject)] + leaf.extensions.names,
            notAfter: WallTime(seconds: leaf.notAfter),
            fingerprint: fingerprint)
        return (judged, window)
    }

    /// Remembers the issuer of a leaf that OpenSSL trusts, unless its path or the CRLs ask for more than the fast path checks.
    private func learn(_ leaf: LeafCertificate, _ upper: [[UInt8]], _ path: TrustStore.Path) {
        let window = path.window.clamped(to: store.crlWindow)
        guard store.hasSimpleCRLs, !path.hasNameConstraints, !window.isEmpty, path.issuerName == leaf.issuer,
            !path.issuerKeyID.isEmpty, path.issuerKeyID == leaf.extensions.authorityKeyID,
            let key = try? VerifyingKey(subjectPublicKeyInfo: path.issuerKey, provider: provider)
        else { return }
        if issuers.count >= CertificateLimits.issuers { issuers.removeAll() }
        issuers[IssuerKey(name: leaf.issuer, keyID: path.issuerKeyID, upper: upper)] = JudgedIssuer(
            key: key, window: window)
    }
}

// MARK: Reading a leaf that OpenSSL trusts

extension WallTime {
    fileprivate init(seconds: Int64) {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        self.init(milliseconds: overflow ? (seconds < 0 ? .min : .max) : product)
    }
}

extension CertificateJudge {
    private static func read(
        _ leaf: [UInt8], _ fingerprint: [UInt8], _ provider: CryptoProvider
    ) throws(CertificateRefusal) -> (judged: JudgedCertificate, window: Range<Int64>) {
        guard let certificate = gcks_certificate_der(leaf, leaf.count) else {
            throw CertificateRefusal("the certificate does not parse")
        }
        defer { gcks_certificate_free(certificate) }
        guard let spki = octets({ gcks_certificate_public_key(certificate, $0, $1) }),
            let key = try? VerifyingKey(subjectPublicKeyInfo: spki, provider: provider)
        else { throw CertificateRefusal("a key of a kind or size that is not accepted") }
        let (from, until) = (gcks_certificate_not_before(certificate), gcks_certificate_not_after(certificate))
        guard from < until else { throw CertificateRefusal("the certificate's time of validity is empty") }
        var identities: [Identity] = []
        if let subject = octets({ gcks_certificate_subject(certificate, $0, $1) }),
            subject != [DERTag.sequence, 0]
        {
            identities.append(Identity(type: .derASN1DN, octets: subject))
        }
        var name = [UInt8](repeating: 0, count: CertificateLimits.nameOctets)
        for index in 0..<gcks_certificate_names(certificate) {
            var (kind, length) = (Int32(0), 0)
            guard gcks_certificate_name(certificate, index, &kind, &name, name.count, &length) == 1 else { continue }
            let value = Array(name.prefix(length))
            switch kind {
            case 1: identities.append(Identity(type: .rfc822Address, octets: value))
            case 2: identities.append(Identity(type: .fqdn, octets: value))
            case 7 where length == 4: identities.append(Identity(type: .ipv4Address, octets: value))
            case 7 where length == 16: identities.append(Identity(type: .ipv6Address, octets: value))
            default: continue
            }
        }
        let judged = JudgedCertificate(
            key: key, identities: identities, notAfter: WallTime(seconds: until), fingerprint: fingerprint)
        return (judged, from..<until)
    }
}
