import COpenSSL

/// Trust anchors, intermediates and CRLs of one epoch, as OpenSSL holds them, and what the fast path must know of the CRLs.
final class TrustStore {
    private let trust: OpaquePointer
    /// SHA-1 of the anchors' keys, one after the other.
    let authorityKeyIDs: [UInt8]
    /// True when no CRL needs more than a look for a serial number.
    let hasSimpleCRLs: Bool
    /// When every CRL is current. Seconds since 1970, the end not included; all times without CRLs.
    let crlWindow: Range<Int64>
    private let revoked: [[UInt8]: Set<[UInt8]>]

    /// - Parameters: PEM texts, or single objects in DER.
    init(
        anchors: [[UInt8]], intermediates: [[UInt8]], crls: [[UInt8]]
    ) throws(CertificateRefusal) {
        guard let trust = gcks_trust_new() else { throw CertificateRefusal("no memory for a trust store") }
        var ids: [UInt8] = []
        var failure: String? = anchors.allSatisfy(\.isEmpty) ? "there is no trust anchor" : nil
        for text in anchors {
            if gcks_trust_add_anchors(trust, text, text.count) < 1 { failure = "a trust anchor does not parse" }
            ids += Self.keyIDs(text)
        }
        for text in intermediates where gcks_trust_add_intermediates(trust, text, text.count) < 1 {
            failure = "an intermediate certificate does not parse"
        }
        for text in crls where gcks_trust_add_crls(trust, text, text.count) < 1 { failure = "a CRL does not parse" }
        let facts = Self.facts(trust)
        self.trust = trust
        authorityKeyIDs = ids
        (hasSimpleCRLs, crlWindow, revoked) = facts
        if let failure { throw CertificateRefusal(failure) }
    }

    deinit { gcks_trust_free(trust) }

    /// True when a CRL of this issuer lists the serial, or when there are CRLs and none is this issuer's.
    func mayBeRevoked(_ serial: [UInt8], by issuer: [UInt8]) -> Bool {
        guard !revoked.isEmpty else { return false }
        guard let serials = revoked[issuer] else { return true }
        return serials.contains(serial)
    }

    /// What OpenSSL found above a leaf that it trusts.
    struct Path {
        /// Seconds since 1970, the end not included.
        let window: Range<Int64>
        let hasNameConstraints: Bool
        let issuerName: [UInt8]
        let issuerKeyID: [UInt8]
        let issuerKey: [UInt8]
    }

    /// The judgement of record. No path for a leaf that is a trust anchor itself.
    func judge(_ chain: [[UInt8]], at seconds: Int64) throws(CertificateRefusal) -> Path? {
        var reason = [CChar](repeating: 0, count: 256)
        var path: OpaquePointer?
        let lengths = chain.map(\.count)
        let whole = chain.flatMap { $0 }
        let trusted = whole.withUnsafeBufferPointer { whole -> Int32 in
            var starts: [UnsafePointer<UInt8>?] = []
            var at = 0
            for length in lengths {
                starts.append(whole.baseAddress.map { $0 + at })
                at += length
            }
            return gcks_trust_judge(trust, starts, lengths, chain.count, seconds, &reason, reason.count, &path)
        }
        defer { gcks_path_free(path) }
        guard trusted == 1 else {
            let text = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw CertificateRefusal(text.isEmpty ? "not trusted" : text)
        }
        return path.flatMap(Self.read)
    }

    private static func read(_ path: OpaquePointer) -> Path? {
        let (from, until) = (gcks_path_not_before(path), gcks_path_not_after(path))
        guard from < until, let issuer = gcks_path_issuer(path),
            let name = octets({ gcks_certificate_subject(issuer, $0, $1) }),
            let key = octets({ gcks_certificate_public_key(issuer, $0, $1) })
        else { return nil }
        return Path(
            window: from..<until, hasNameConstraints: gcks_path_has_name_constraints(path) != 0, issuerName: name,
            issuerKeyID: octets { gcks_certificate_subject_key_id(issuer, $0, $1) } ?? [], issuerKey: key)
    }

    private static func facts(
        _ trust: OpaquePointer
    ) -> (isSimple: Bool, window: Range<Int64>, revoked: [[UInt8]: Set<[UInt8]>]) {
        var isSimple = true
        var (from, until) = (Int64.min, Int64.max)
        var revoked: [[UInt8]: Set<[UInt8]>] = [:]
        for index in 0..<gcks_trust_crl_count(trust) {
            from = max(from, gcks_trust_crl_last_update(trust, index))
            until = min(until, gcks_trust_crl_next_update(trust, index))
            guard gcks_trust_crl_is_simple(trust, index) != 0,
                let issuer = octets({ gcks_trust_crl_issuer(trust, index, $0, $1) })
            else {
                isSimple = false
                continue
            }
            var serials = revoked[issuer] ?? []
            var octets = [UInt8](repeating: 0, count: 64)
            for entry in 0..<gcks_trust_crl_revoked_count(trust, index) {
                let count = gcks_trust_crl_serial(trust, index, entry, &octets, octets.count)
                serials.insert(Array(octets.prefix(count)))
            }
            revoked[issuer] = serials
        }
        return (isSimple, from < until ? from..<until : 0..<0, revoked)
    }

    private static func keyIDs(_ text: [UInt8]) -> [UInt8] {
        let certificates = text.first == DERTag.sequence ? [text] : PEM.certificates(text)
        return certificates.flatMap { der -> [UInt8] in
            guard let certificate = gcks_certificate_der(der, der.count) else { return [] }
            defer { gcks_certificate_free(certificate) }
            var id = [UInt8](repeating: 0, count: 20)
            return gcks_certificate_key_id(certificate, &id) == 1 ? id : []
        }
    }
}
