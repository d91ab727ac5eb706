import COpenSSL
package import IKEVocabulary

/// What a trusted certificate says of its holder.
package struct JudgedCertificate: Sendable {
    package let key: VerifyingKey
    /// Subject alternative names and the subject itself.
    package let identities: [Identity]
    package let notAfter: WallTime
    package let fingerprint: [UInt8]

    /// RFC 4945 3.1: the IKE identity must be one of the certificate's.
    package func names(_ identity: Identity) -> Bool {
        identities.contains { own in
            guard own.type == identity.type else { return false }
            // DNS names compare without case; everything else octet by octet.
            return own.type == .fqdn
                ? own.octets.map(\.asciiLowercased) == identity.octets.map(\.asciiLowercased)
                : own.octets == identity.octets
        }
    }
}

extension UInt8 {
    fileprivate var asciiLowercased: UInt8 { (0x41...0x5a).contains(self) ? self + 0x20 : self }
}

/// Why a chain is not trusted, in OpenSSL's words or ours.
package struct CertificateRefusal: Error, Hashable, Sendable {
    package let reason: String
    package init(_ reason: String) { self.reason = reason }
}

package enum CertificateLimits {
    package static let chain = 8
    package static let octets = 16_384
    package static let cached = 4096
}

/// Judges certificate chains against trust anchors and CRLs. OpenSSL's X509_STORE with the strict flag is the judge of record;
/// an accepted leaf is remembered by its SHA-256 until it expires, so that a member that comes again costs one digest.
///
/// Belongs to one thread.
package final class CertificateJudge {
    private let trust: OpaquePointer
    private let engine: CryptoEngine
    private let provider: CryptoProvider
    private var cache: [[UInt8]: JudgedCertificate] = [:]
    private var order: [[UInt8]] = []
    /// SHA-1 of the anchors' keys, one after the other: the data of a CERTREQ (RFC 7296 3.7).
    package let authorityKeyIDs: [UInt8]

    /// - Parameters: PEM texts.
    /// - Throws: when a block does not parse or there is no anchor.
    package init(
        anchorsPEM: [[UInt8]], crlsPEM: [[UInt8]] = [], provider: CryptoProvider = .fastest
    ) throws(CertificateRefusal) {
        guard let trust = gcks_trust_new() else { throw CertificateRefusal("no memory for a trust store") }
        self.trust = trust
        self.provider = provider
        engine = CryptoEngine(provider: provider)
        var anchors: Int32 = 0
        var ids: [UInt8] = []
        for pem in anchorsPEM {
            let added = gcks_trust_add_anchors_pem(trust, pem, pem.count)
            if added > 0 { ids += Self.keyIDs(pem, count: added) }
            anchors = added < 0 || anchors < 0 ? -1 : anchors + added
        }
        var crls: Int32 = 0
        for pem in crlsPEM where crls >= 0 { crls = gcks_trust_add_crls_pem(trust, pem, pem.count) }
        authorityKeyIDs = ids
        guard anchors > 0 else { throw CertificateRefusal("a trust anchor does not parse, or there is none") }
        guard crls >= 0 else { throw CertificateRefusal("a CRL does not parse") }
    }

    deinit { gcks_trust_free(trust) }

    /// - Parameter chain: DER, leaf first, at most `CertificateLimits.chain`.
    package func judge(_ chain: [[UInt8]], at now: WallTime) throws(CertificateRefusal) -> JudgedCertificate {
        guard let leaf = chain.first, chain.count <= CertificateLimits.chain else {
            throw CertificateRefusal("\(chain.count) certificates")
        }
        guard chain.allSatisfy({ (1...CertificateLimits.octets).contains($0.count) }) else {
            throw CertificateRefusal("a certificate is too large")
        }
        let fingerprint = engine.sha256(leaf)
        if let known = cache[fingerprint], now < known.notAfter { return known }
        try verify(chain, at: now)
        let judged = try Self.read(leaf, fingerprint, provider)
        remember(judged)
        return judged
    }

    private func verify(_ chain: [[UInt8]], at now: WallTime) throws(CertificateRefusal) {
        var reason = [CChar](repeating: 0, count: 256)
        let lengths = chain.map(\.count)
        let whole = chain.flatMap { $0 }
        let trusted = whole.withUnsafeBufferPointer { whole -> Int32 in
            var starts: [UnsafePointer<UInt8>?] = []
            var at = 0
            for length in lengths {
                starts.append(whole.baseAddress.map { $0 + at })
                at += length
            }
            return gcks_trust_judge(trust, starts, lengths, chain.count, now.milliseconds / 1000, &reason, reason.count)
        }
        guard trusted == 1 else {
            let text = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw CertificateRefusal(text.isEmpty ? "not trusted" : text)
        }
    }

    private func remember(_ judged: JudgedCertificate) {
        if cache.updateValue(judged, forKey: judged.fingerprint) == nil { order.append(judged.fingerprint) }
        if order.count > CertificateLimits.cached { cache.removeValue(forKey: order.removeFirst()) }
    }

    private static func read(
        _ leaf: [UInt8], _ fingerprint: [UInt8], _ provider: CryptoProvider
    ) throws(CertificateRefusal) -> JudgedCertificate {
        guard let certificate = gcks_certificate_der(leaf, leaf.count) else {
            throw CertificateRefusal("the certificate does not parse")
        }
        defer { gcks_certificate_free(certificate) }
        guard let spki = octets({ gcks_certificate_public_key(certificate, $0, $1) }),
            let key = try? VerifyingKey(subjectPublicKeyInfo: spki, provider: provider)
        else { throw CertificateRefusal("a key of a kind or size that is not accepted") }
        var identities: [Identity] = []
        if let subject = octets({ gcks_certificate_subject(certificate, $0, $1) }) {
            identities.append(Identity(type: .derASN1DN, octets: subject))
        }
        for index in 0..<gcks_certificate_names(certificate) {
            var (kind, length) = (Int32(0), 0)
            var name = [UInt8](repeating: 0, count: 1024)
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
        let end = gcks_certificate_not_after(certificate)
        let notAfter = WallTime(milliseconds: end == .min ? 0 : end.multipliedReportingOverflow(by: 1000).partialValue)
        return JudgedCertificate(key: key, identities: identities, notAfter: notAfter, fingerprint: fingerprint)
    }

    private static func keyIDs(_ pem: [UInt8], count: Int32) -> [UInt8] {
        PEM.certificates(pem).prefix(Int(count)).flatMap { der -> [UInt8] in
            guard let certificate = gcks_certificate_der(der, der.count) else { return [] }
            defer { gcks_certificate_free(certificate) }
            var id = [UInt8](repeating: 0, count: 20)
            return gcks_certificate_key_id(certificate, &id) == 1 ? id : []
        }
    }
}

package enum PEM {
    /// The DER certificates of a PEM text, in its order; at most 64.
    package static func certificates(_ pem: [UInt8]) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for index in 0..<Int32(64) {
            guard let der = octets({ gcks_pem_certificate(pem, pem.count, index, $0, $1) }) else { break }
            found.append(der)
        }
        return found
    }
}
