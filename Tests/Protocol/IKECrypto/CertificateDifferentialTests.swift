import Crypto
import IKECrypto
import IKEVocabulary
import TestKit
import Testing

/// 2026-09-01, inside every certificate of the corpus that is meant to be valid.
private let now = WallTime(milliseconds: 1_788_220_800_000)

/// The fast path beside OpenSSL: it may decide less, never more.
@Suite struct CertificateDifferentialTests {
    private struct House {
        let root: TestAuthority
        let issuing: TestAuthority
        let rootCertificate: [UInt8]
        let upper: [[UInt8]]

        init() throws {
            root = try TestAuthority("Root", seed: 0x11)
            issuing = try TestAuthority("Issuing", seed: 0x22)
            rootCertificate = try root.certificate(by: root)
            upper = [try issuing.certificate(by: root)]
        }

        func judge(crls: [[UInt8]] = []) throws -> CertificateJudge {
            try CertificateJudge(anchorsPEM: [rootCertificate], crlsPEM: crls, cacheCapacity: 0)
        }
    }

    /// Both answers for one chain, after the judge has learned its issuer from a good leaf when that is possible.
    private func agree(
        _ judge: CertificateJudge, _ chain: [[UInt8]], at time: WallTime = now, _ what: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> (accepted: Bool, fast: Bool) {
        let before = judge.counts.fast
        let one = try? judge.judge(chain, at: time)
        let record = try? judge.judgeByRecord(chain, at: time)
        #expect((one == nil) == (record == nil), "\(what)", sourceLocation: sourceLocation)
        #expect(one?.identities == record?.identities, "\(what)", sourceLocation: sourceLocation)
        #expect(one?.notAfter == record?.notAfter, "\(what)", sourceLocation: sourceLocation)
        #expect(
            one?.key.subjectPublicKeyInfo == record?.key.subjectPublicKeyInfo, "\(what)", sourceLocation: sourceLocation
        )
        return (one != nil, judge.counts.fast > before)
    }

    private enum Expected { case fast, full, refused }

    private struct Case: Sendable {
        let what: String
        let expected: Expected
        let change: @Sendable (inout CertificateSpec, TestAuthority) throws -> Void
        init(
            _ what: String, _ expected: Expected,
            _ change: @escaping @Sendable (inout CertificateSpec, TestAuthority) throws -> Void
        ) {
            (self.what, self.expected, self.change) = (what, expected, change)
        }
    }

    private static let unknownID = DER.oid(1, 3, 6, 1, 4, 1, 99999, 1)

    private static let cases: [Case] = [
        Case("plain", .fast) { _, _ in },
        Case("no extended choice of extensions", .fast) { $0.extensions = [Extensions.authorityKeyID($1.keyID)] },
        Case("IKE purpose", .fast) { spec, _ in
            spec.extensions.append(Extensions.purposes(DER.oid(1, 3, 6, 1, 5, 5, 7, 3, 17)))
        },
        Case("TLS purpose", .fast) { spec, _ in
            spec.extensions.append(Extensions.purposes(DER.oid(1, 3, 6, 1, 5, 5, 7, 3, 1)))
        },
        Case("code signing only", .refused) { spec, _ in
            spec.extensions.append(Extensions.purposes(DER.oid(1, 3, 6, 1, 5, 5, 7, 3, 3)))
        },
        Case("Ed25519 key", .fast) { spec, _ in
            let key = try Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 7, count: 32))
            spec.publicKey = DER.sequence(
                DER.sequence(DER.oid(1, 3, 101, 112)), DER.bits(Array(key.publicKey.rawRepresentation)))
        },
        Case("generalized times", .fast) { spec, _ in
            (spec.notBefore, spec.notAfter) = ("20260101000000Z", "20600101000000Z")
        },
        Case("expired", .refused) { spec, _ in spec.notAfter = "260831000000Z" },
        Case("not yet valid", .refused) { spec, _ in spec.notBefore = "261001000000Z" },
        Case("last second gone", .refused) { spec, _ in spec.notAfter = "260901000000Z" },
        Case("one second left", .fast) { spec, _ in spec.notAfter = "260901000001Z" },
        Case("first second", .fast) { spec, _ in spec.notBefore = "260901000000Z" },
        Case("times the wrong way round", .refused) { spec, _ in
            (spec.notBefore, spec.notAfter) = (spec.notAfter, spec.notBefore)
        },
        Case("time without Z", .refused) { spec, _ in spec.notAfter = "2801010000000" },
        Case("another issuer's name", .refused) { spec, _ in spec.issuer = DER.name("Another") },
        Case("another issuer's key identifier", .refused) { spec, _ in
            spec.extensions[2] = Extensions.authorityKeyID([1, 2, 3])
        },
        Case("no authority key identifier", .refused) { spec, _ in spec.extensions.remove(at: 2) },
        Case("unknown critical extension", .refused) { spec, _ in
            spec.extensions.append(DER.ext(unknownID, critical: true, [0x05, 0x00]))
        },
        Case("unknown extension", .full) { spec, _ in spec.extensions.append(DER.ext(unknownID, [0x05, 0x00])) },
        Case("extension twice", .refused) { spec, _ in spec.extensions.append(spec.extensions[1]) },
        Case("no signatures by key usage", .refused) { spec, _ in spec.extensions[1] = Extensions.keyUsage(0x20) },
        Case("end entity that signs certificates", .refused) { spec, _ in
            spec.extensions[1] = Extensions.keyUsage(0x84)
        },
        Case("an authority", .full) { spec, _ in
            spec.extensions[0] = Extensions.basicConstraints(ca: true)
            spec.extensions[1] = Extensions.keyUsage(0x84)
        },
        Case("critical key identifier", .refused) { spec, issuer in
            spec.extensions[2] = DER.ext(
                DER.oid(2, 5, 29, 35), critical: true, DER.sequence(DER.tlv(0x80, issuer.keyID)))
        },
        Case("malformed alternative names", .refused) { spec, _ in
            spec.extensions[4] = DER.ext(DER.oid(2, 5, 29, 17), [0x30, 0x05, 0x82, 0x7f])
        },
        Case("empty alternative names", .refused) { spec, _ in
            spec.extensions[4] = DER.ext(DER.oid(2, 5, 29, 17), [0x30, 0x00])
        },
        Case("name constraints in a leaf", .full) { spec, _ in
            spec.extensions.append(
                DER.ext(
                    DER.oid(2, 5, 29, 30), critical: true,
                    DER.sequence(DER.tlv(0xa0, DER.sequence(DER.tlv(0x82, Array("example".utf8)))))))
        },
        Case("plain distribution point", .fast) { spec, _ in
            spec.extensions.append(
                DER.ext(
                    DER.oid(2, 5, 29, 31),
                    DER.sequence(
                        DER.sequence(DER.tlv(0xa0, DER.tlv(0xa0, DER.tlv(0x86, Array("http://crl.example".utf8))))))))
        },
        Case("version 1", .refused) { spec, _ in spec.version = [] },
        Case("zero serial", .full) { spec, _ in spec.serial = [0] },
        Case("negative serial", .full) { spec, _ in spec.serial = [0x81] },
        Case("serial with needless zero", .refused) { spec, _ in spec.serial = [0, 1] },
        Case("inner algorithm differs", .refused) { spec, _ in
            spec.innerAlgorithm = DER.sequence(DER.oid(1, 2, 840, 10045, 4, 3, 3))
        },
        Case("algorithm with parameters", .full) { spec, _ in
            spec.innerAlgorithm = DER.sequence(DER.oid(1, 2, 840, 10045, 4, 3, 2), [0x05, 0x00])
            spec.outerAlgorithm = spec.innerAlgorithm
        },
        Case("SHA-1", .refused) { spec, _ in
            spec.innerAlgorithm = DER.sequence(DER.oid(1, 2, 840, 10045, 4, 1))
            spec.outerAlgorithm = spec.innerAlgorithm
        },
        Case("RSA algorithm, ECDSA signature", .refused) { spec, _ in
            spec.innerAlgorithm = DER.sequence(DER.oid(1, 2, 840, 113549, 1, 1, 11), [0x05, 0x00])
            spec.outerAlgorithm = spec.innerAlgorithm
        },
        Case("self-issued", .full) { spec, _ in spec.subject = spec.issuer },
        Case("named like the issuer but for case", .full) { spec, _ in spec.subject = DER.name("issuing", tag: 0x13) },
        Case("self-issued without subject key identifier", .refused) { spec, _ in
            spec.subject = DER.name("issuing")
            spec.extensions.remove(at: 3)
        },
        Case("empty subject, names not critical", .refused) { spec, _ in spec.subject = [0x30, 0x00] },
        Case("empty subject, critical names", .full) { spec, _ in
            spec.subject = [0x30, 0x00]
            spec.extensions[4] = DER.ext(
                DER.oid(2, 5, 29, 17), critical: true, DER.sequence(DER.tlv(0x82, Array("gm1.example".utf8))))
        },
        Case("a subject beyond ASCII", .full) { spec, _ in spec.subject = DER.name("Grüße") },
        Case("broken UTF-8 in the subject", .refused) { spec, _ in
            spec.subject = DER.sequence(
                DER.tlv(0x31, DER.sequence(DER.oid(2, 5, 4, 3), DER.tlv(0x0c, [0xff, 0xfe]))))
        },
        Case("a point off the curve", .refused) { spec, _ in spec.publicKey[spec.publicKey.count - 1] ^= 1 },
        Case("an RSA key of 1,024 bits", .refused) { spec, _ in
            let modulus = DER.tlv(0x02, [0] + [UInt8](repeating: 0xc7, count: 128))
            spec.publicKey = DER.sequence(
                DER.sequence(DER.oid(1, 2, 840, 113549, 1, 1, 1), [0x05, 0x00]),
                DER.bits(DER.sequence(modulus, [0x02, 0x03, 0x01, 0x00, 0x01])))
        },
    ]

    @Test func theCorpusIsDecidedAlike() throws {
        let house = try House()
        for item in Self.cases {
            var spec = try house.issuing.leafSpec()
            try item.change(&spec, house.issuing)
            let leaf = try spec.signed(by: house.issuing)
            let judge = try house.judge()
            _ = try judge.judge([try house.issuing.leafSpec("first").signed(by: house.issuing)] + house.upper, at: now)
            let (accepted, fast) = agree(judge, [leaf] + house.upper, item.what)
            #expect(accepted == (item.expected != .refused), "\(item.what)")
            #expect(fast == (item.expected == .fast), "\(item.what)")
        }
    }

    @Test func everyTwoBendsTogetherAreDecidedAlike() throws {
        let house = try House()
        let judge = try house.judge()
        _ = try judge.judge([try house.issuing.leafSpec("first").signed(by: house.issuing)] + house.upper, at: now)
        var fast = 0
        for one in Self.cases {
            for other in Self.cases where other.what != one.what {
                var spec = try house.issuing.leafSpec()
                try one.change(&spec, house.issuing)
                // The second bends extensions by their place.
                guard spec.extensions.count >= 5 else { continue }
                try other.change(&spec, house.issuing)
                let leaf = try spec.signed(by: house.issuing)
                fast += agree(judge, [leaf] + house.upper, "\(one.what) + \(other.what)").fast ? 1 : 0
            }
        }
        #expect(fast > 50)
    }

    @Test func aStrangersSignatureIsRefused() throws {
        let house = try House()
        let judge = try house.judge()
        let good = try house.issuing.leafSpec("first").signed(by: house.issuing)
        _ = try judge.judge([good] + house.upper, at: now)
        // Same name and key identifier, another key.
        let stranger = try TestAuthority("Issuing", seed: 0x33)
        let forged = try house.issuing.leafSpec().signed(by: stranger)
        let (accepted, _) = agree(judge, [forged] + house.upper, "forged")
        #expect(!accepted)
        let ownIssuer = try stranger.certificate(by: stranger)
        #expect(!agree(judge, [forged, ownIssuer], "forged with its own issuer").accepted)
    }

    @Test func aKnownIssuerIsNotKnownWithoutItsCertificate() throws {
        let house = try House()
        let judge = try house.judge()
        let leaf = try house.issuing.leafSpec().signed(by: house.issuing)
        _ = try judge.judge([leaf] + house.upper, at: now)
        #expect(!agree(judge, [leaf], "no issuer sent").accepted)
        #expect(agree(judge, [leaf] + house.upper, "issuer sent").fast)
    }

    @Test func badIssuersAreRefusedAndNotLearned() throws {
        let house = try House()
        let constraints = DER.ext(
            DER.oid(2, 5, 29, 30), critical: true,
            DER.sequence(DER.tlv(0xa0, DER.sequence(DER.tlv(0x82, Array("example".utf8))))))
        let rows: [(what: String, issuer: [UInt8], accepted: Bool)] = [
            ("CA:FALSE", try house.issuing.certificate(by: house.root, ca: false, usage: 0x80), false),
            ("no keyCertSign", try house.issuing.certificate(by: house.root, usage: 0x02), false),
            ("name constraints met", try house.issuing.certificate(by: house.root, extra: [constraints]), true),
        ]
        for row in rows {
            let judge = try house.judge()
            for name in ["gm1", "gm2"] {
                let leaf = try house.issuing.leafSpec(name).signed(by: house.issuing)
                #expect(agree(judge, [leaf, row.issuer], row.what).accepted == row.accepted, "\(row.what)")
            }
            #expect(judge.counts.fast == 0, "\(row.what)")
        }
        // A name outside the constraints, after one inside.
        let judge = try house.judge()
        let upper = [try house.issuing.certificate(by: house.root, extra: [constraints])]
        #expect(agree(judge, [try house.issuing.leafSpec().signed(by: house.issuing)] + upper, "inside").accepted)
        var outside = try house.issuing.leafSpec()
        outside.extensions[4] = Extensions.dnsName("gm1.elsewhere")
        #expect(!agree(judge, [try outside.signed(by: house.issuing)] + upper, "outside").accepted)
    }

    @Test func revokedLeavesAreRefused() throws {
        let house = try House()
        let crls = [try house.root.crl(revoking: []), try house.issuing.crl(revoking: [[0x66], [0x00, 0x99]])]
        let judge = try house.judge(crls: crls)
        func leaf(_ serial: [UInt8]) throws -> [[UInt8]] {
            var spec = try house.issuing.leafSpec()
            spec.serial = serial
            return [try spec.signed(by: house.issuing)] + house.upper
        }
        #expect(agree(judge, try leaf([0x01]), "first").accepted)
        #expect(agree(judge, try leaf([0x02]), "second").fast)
        #expect(!agree(judge, try leaf([0x66]), "revoked").accepted)
        #expect(!agree(judge, try leaf([0x00, 0x99]), "revoked, high bit").accepted)
        // 2027-01-01: the CRLs are no longer current.
        #expect(!agree(judge, try leaf([0x02]), at: WallTime(milliseconds: 1_798_761_600_000), "stale CRL").accepted)
        let onlyRoot = try house.judge(crls: [crls[0]])
        #expect(!agree(onlyRoot, try leaf([0x01]), "no CRL of the issuer").accepted)
    }

    @Test func aCRLWithMoreThanSerialsLeavesTheFastPathOut() throws {
        let house = try House()
        // issuingDistributionPoint, onlyContainsCACerts.
        let scope = DER.ext(DER.oid(2, 5, 29, 28), critical: true, DER.sequence([0x82, 0x01, 0xff]))
        let crls = [try house.root.crl(revoking: []), try house.issuing.crl(revoking: [], extra: [scope])]
        let judge = try house.judge(crls: crls)
        for name in ["gm1", "gm2"] {
            let leaf = try house.issuing.leafSpec(name).signed(by: house.issuing)
            #expect(!agree(judge, [leaf] + house.upper, "CRL for authorities only").accepted)
        }
        #expect(judge.counts.fast == 0)
    }

    /// What is remembered ends with the first CRL that ends, also when that CRL is one that only OpenSSL can read.
    @Test(arguments: [false, true]) func anExpiredCRLEndsWhatWasRemembered(_ isSimple: Bool) throws {
        let house = try House()
        // issuingDistributionPoint, onlyContainsUserCerts.
        let scope = DER.ext(DER.oid(2, 5, 29, 28), critical: true, DER.sequence([0x81, 0x01, 0xff]))
        let crls = [
            try house.root.crl(revoking: []),
            try house.issuing.crl(revoking: [], until: "260901000100Z", extra: isSimple ? [] : [scope]),
        ]
        let judge = try CertificateJudge(anchorsPEM: [house.rootCertificate], crlsPEM: crls)
        let chain = [try house.issuing.leafSpec().signed(by: house.issuing)] + house.upper
        #expect(agree(judge, chain, "first").accepted)
        #expect(agree(judge, chain, "remembered").accepted)
        #expect(judge.counts.cached == 1)
        let over = WallTime(milliseconds: now.milliseconds + 60_000)
        #expect(agree(judge, chain, at: WallTime(milliseconds: over.milliseconds - 1), "last moment").accepted)
        #expect(!agree(judge, chain, at: over, "over").accepted)
        #expect(judge.counts.cached == 2)
    }

    /// Every octet of a good certificate, changed: the signature or the form must catch it.
    @Test func noChangedOctetIsAccepted() throws {
        let house = try House()
        let judge = try house.judge()
        let leaf = try house.issuing.leafSpec().signed(by: house.issuing)
        _ = try judge.judge([leaf] + house.upper, at: now)
        for index in leaf.indices {
            var changed = leaf
            changed[index] ^= 0x01
            let before = judge.counts.fast
            _ = try? judge.judge([changed] + house.upper, at: now)
            #expect(judge.counts.fast == before, "octet \(index)")
        }
    }

    /// Certificates bent at random and signed again by the true authority: only form and rules can refuse them.
    @Test(arguments: [1, 2, 3] as [UInt64]) func bentAndSignedAgain(_ seed: UInt64) throws {
        let house = try House()
        let crls = [try house.root.crl(revoking: []), try house.issuing.crl(revoking: [[0x66]])]
        let judge = try house.judge(crls: crls)
        let tbs = try house.issuing.leafSpec().toBeSigned
        var random = SeededEntropy(seed: seed)
        var (fast, refused) = (0, 0)
        _ = try judge.judge([try house.issuing.sign(tbs)] + house.upper, at: now)
        for _ in 0..<700 {
            var bent = tbs
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let at = Int.random(in: 4..<bent.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bent[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bent[at] = UInt8.random(in: 0...255, using: &random)
                case 2: bent[at] = [0x00, 0x01, 0x30, 0x80, 0xff].randomElement(using: &random) ?? 0
                default: bent.swapAt(at, Int.random(in: 4..<bent.count, using: &random))
                }
            }
            let result = agree(judge, [try house.issuing.sign(bent)] + house.upper, "\(bent)")
            fast += result.fast ? 1 : 0
            refused += result.accepted ? 0 : 1
        }
        // Both answers must have come up often, or the test looked at nothing.
        #expect(fast > 10)
        #expect(refused > 100)
    }
}
