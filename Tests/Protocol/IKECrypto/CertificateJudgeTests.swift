import IKECrypto
import IKEVocabulary
import TestKit
import Testing

/// Chains made with the OpenSSL command line.
@Suite struct CertificateJudgeTests {
    private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }
    private func der(_ text: String) throws -> [UInt8] { try #require(PEM.certificates(octets(text)).first) }
    /// 2027-01-01.
    private let now = WallTime(milliseconds: 1_798_761_600_000)
    private var root: [[UInt8]] { [octets(CertificateVectors.root)] }
    private var crls: [[UInt8]] { [octets(CertificateVectors.rootCRL), octets(CertificateVectors.issuingCRL)] }

    @Test func aLeafSaysWhoItIs() throws {
        let judge = try CertificateJudge(anchorsPEM: root)
        let chain = [try der(CertificateVectors.ecdsa), try der(CertificateVectors.issuing)]
        let judged = try judge.judge(chain, at: now)
        #expect(judged.key.kind == .ecdsaP256)
        #expect(judged.notAfter == WallTime(milliseconds: 2_054_730_363_000))
        #expect(
            judged.fingerprint == hex("94278ee604892f55b571568241c07a836d0ca8d69b59f2afce58f7d5c1c2fe03"))
        #expect(judged.identities.count == 5)
        for text in [
            "fqdn:gm1.example", "fqdn:GM1.Example", "rfc822:ops@example.org", "ipv4:192.0.2.1", "ipv6:2001:db8::1",
        ] {
            #expect(judged.names(try #require(Identity(text))), "\(text)")
        }
        let subject = hex("30223110300e060355040a0c074578616d706c65310e300c06035504030c05676d206563")
        #expect(judged.names(Identity(type: .derASN1DN, octets: subject)))
        for text in ["fqdn:gm2.example", "fqdn:example", "keyid:gm1.example", "rfc822:gm1.example", "ipv4:192.0.2.2"] {
            #expect(!judged.names(try #require(Identity(text))), "\(text)")
        }
        #expect(!judged.names(Identity(type: .fqdn, octets: [])))
    }

    @Test func theThreeWaysCountAsTheyShould() throws {
        let judge = try CertificateJudge(anchorsPEM: root)
        let upper = [try der(CertificateVectors.issuing)]
        for leaf in [
            CertificateVectors.ecdsa, CertificateVectors.ed25519, CertificateVectors.rsa, CertificateVectors.ecdsa,
        ] {
            _ = try judge.judge([try der(leaf)] + upper, at: now)
        }
        #expect(judge.counts == .init(cached: 1, fast: 2, full: 1))
        let plain = try CertificateJudge(anchorsPEM: root, provider: .openSSLOnly)
        for leaf in [CertificateVectors.ecdsa, CertificateVectors.ed25519, CertificateVectors.rsa] {
            let chain = [try der(leaf)] + upper
            #expect(try plain.judge(chain, at: now).identities == judge.judge(chain, at: now).identities)
        }
        #expect(plain.counts == .init(cached: 0, fast: 0, full: 3))
    }

    @Test func theCacheForgetsWhenTimeIsOver() throws {
        let judge = try CertificateJudge(anchorsPEM: root)
        let chain = [try der(CertificateVectors.ecdsa), try der(CertificateVectors.issuing)]
        let end = WallTime(milliseconds: 2_054_730_363_000)
        _ = try judge.judge(chain, at: WallTime(milliseconds: end.milliseconds - 1))
        _ = try judge.judge(chain, at: WallTime(milliseconds: end.milliseconds - 1))
        #expect(judge.counts.cached == 1)
        #expect(throws: CertificateRefusal("certificate has expired")) { try judge.judge(chain, at: end) }
        #expect(throws: CertificateRefusal.self) { try judge.judge(chain, at: WallTime(milliseconds: 0)) }
    }

    @Test func crlsRefuseAndTheirChangeIsSeenAtOnce() throws {
        let judge = try CertificateJudge(anchorsPEM: root)
        let upper = [try der(CertificateVectors.issuing)]
        let revoked = [try der(CertificateVectors.rsa)] + upper
        _ = try judge.judge([try der(CertificateVectors.ecdsa)] + upper, at: now)
        _ = try judge.judge(revoked, at: now)
        #expect(throws: CertificateRefusal("a CRL does not parse")) { try judge.replaceCRLs([octets("no CRL")]) }
        #expect(throws: Never.self) { try judge.judge(revoked, at: now) }
        try judge.replaceCRLs(crls)
        #expect(throws: CertificateRefusal("certificate revoked")) { try judge.judge(revoked, at: now) }
        _ = try judge.judge([try der(CertificateVectors.ecdsa)] + upper, at: now)
        #expect(throws: CertificateRefusal("certificate revoked")) { try judge.judge(revoked, at: now) }
        _ = try judge.judge([try der(CertificateVectors.ed25519)] + upper, at: now)
        #expect(judge.counts.fast == 2)
    }

    @Test func configuredIntermediatesHelp() throws {
        let leaf = [try der(CertificateVectors.ecdsa)]
        let alone = try CertificateJudge(anchorsPEM: root)
        #expect(throws: CertificateRefusal("unable to get local issuer certificate")) { try alone.judge(leaf, at: now) }
        let helped = try CertificateJudge(
            anchorsPEM: [try der(CertificateVectors.root)], intermediatesPEM: [octets(CertificateVectors.issuing)])
        _ = try helped.judge(leaf, at: now)
        // An intermediate is not an anchor.
        #expect(throws: CertificateRefusal.self) {
            _ = try CertificateJudge(anchorsPEM: [octets(CertificateVectors.issuing)]).judge(leaf, at: now)
        }
        #expect(helped.authorityKeyIDs == alone.authorityKeyIDs)
        // SHA-1 of the root's SubjectPublicKeyInfo, by the OpenSSL command line.
        #expect(helped.authorityKeyIDs == hex("274b3fc4a48fec09e64c9eb4d45557bdf86e6976"))
    }

    @Test func sizesAreLimited() throws {
        let judge = try CertificateJudge(anchorsPEM: root)
        let leaf = try der(CertificateVectors.ecdsa)
        let issuing = try der(CertificateVectors.issuing)
        _ = try judge.judge([leaf] + [[UInt8]](repeating: issuing, count: 7), at: now)
        #expect(throws: CertificateRefusal("9 certificates")) {
            try judge.judge([leaf] + [[UInt8]](repeating: issuing, count: 8), at: now)
        }
        #expect(throws: CertificateRefusal("0 certificates")) { try judge.judge([], at: now) }
        for odd in [[], [UInt8](repeating: 0x30, count: 16_385)] as [[UInt8]] {
            #expect(throws: CertificateRefusal("a certificate is too large")) {
                try judge.judge([leaf, odd], at: now)
            }
        }
    }

    @Test func everyPrefixOfALeafIsRefused() throws {
        let judge = try CertificateJudge(anchorsPEM: root)
        let (leaf, issuing) = (try der(CertificateVectors.ecdsa), try der(CertificateVectors.issuing))
        _ = try judge.judge([leaf, issuing], at: now)
        for count in 1..<leaf.count {
            #expect(throws: CertificateRefusal.self) { try judge.judge([Array(leaf.prefix(count)), issuing], at: now) }
        }
        #expect(throws: CertificateRefusal.self) { try judge.judge([leaf + [0], issuing], at: now) }
    }

    @Test func trustMaterialThatDoesNotParseIsRefused() throws {
        #expect(throws: CertificateRefusal("there is no trust anchor")) { _ = try CertificateJudge(anchorsPEM: []) }
        for bad in [
            "no certificate", CertificateVectors.rootCRL, CertificateVectors.root.replacingFirst("MIIB", "MIIC"),
        ] {
            #expect(throws: CertificateRefusal("a trust anchor does not parse")) {
                _ = try CertificateJudge(anchorsPEM: [octets(bad)])
            }
        }
        #expect(throws: CertificateRefusal("a CRL does not parse")) {
            _ = try CertificateJudge(anchorsPEM: root, crlsPEM: root)
        }
        #expect(throws: CertificateRefusal("an intermediate certificate does not parse")) {
            _ = try CertificateJudge(anchorsPEM: root, intermediatesPEM: [[0x30, 0x01]])
        }
    }

    @Test func theCacheIsBounded() throws {
        let root = try TestAuthority("Root", seed: 0x11)
        let judge = try CertificateJudge(anchorsPEM: [try root.certificate(by: root)], cacheCapacity: 8)
        let leaves = try (0..<20).map { try root.leafSpec("gm\($0)").signed(by: root) }
        let time = WallTime(milliseconds: 1_788_220_800_000)
        for leaf in leaves { _ = try judge.judge([leaf], at: time) }
        #expect(judge.counts == .init(cached: 0, fast: 19, full: 1))
        // The last four are known for certain, the first are gone.
        for leaf in leaves.suffix(4) { _ = try judge.judge([leaf], at: time) }
        #expect(judge.counts.cached == 4)
        _ = try judge.judge([leaves[0]], at: time)
        #expect(judge.counts.cached == 4)
    }
}

extension String {
    fileprivate func replacingFirst(_ old: String, _ new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return replacingCharacters(range, new)
    }
    private func replacingCharacters(_ range: Range<Index>, _ new: String) -> String {
        String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}
