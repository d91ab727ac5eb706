import Crypto

/// Writes DER for tests: every field of a certificate can be bent, then signed again.
enum DER {
    static func tlv(_ tag: UInt8, _ parts: [UInt8]...) -> [UInt8] {
        let content = parts.flatMap { $0 }
        let length: [UInt8] =
            content.count < 0x80
            ? [UInt8(content.count)]
            : content.count < 0x100
                ? [0x81, UInt8(content.count)] : [0x82, UInt8(content.count >> 8), UInt8(content.count & 0xff)]
        return [tag] + length + content
    }

    static func sequence(_ parts: [UInt8]...) -> [UInt8] { tlv(0x30, parts.flatMap { $0 }) }

    static func oid(_ numbers: UInt64...) -> [UInt8] {
        var content = [UInt8(numbers[0] * 40 + numbers[1])]
        for number in numbers.dropFirst(2) {
            var groups = [UInt8(number & 0x7f)]
            var rest = number >> 7
            while rest > 0 {
                groups.insert(UInt8(rest & 0x7f) | 0x80, at: 0)
                rest >>= 7
            }
            content += groups
        }
        return tlv(0x06, content)
    }

    static func name(_ common: String, tag: UInt8 = 0x0c) -> [UInt8] {
        sequence(tlv(0x31, sequence(oid(2, 5, 4, 3), tlv(tag, Array(common.utf8)))))
    }

    static func time(_ text: String) -> [UInt8] { tlv(text.utf8.count == 13 ? 0x17 : 0x18, Array(text.utf8)) }

    static func bits(_ content: [UInt8]) -> [UInt8] { tlv(0x03, [0] + content) }

    static func ext(_ id: [UInt8], critical: Bool = false, _ value: [UInt8]) -> [UInt8] {
        sequence(id, critical ? [0x01, 0x01, 0xff] : [], tlv(0x04, value))
    }

    static let ecdsaSHA256 = sequence(oid(1, 2, 840, 10045, 4, 3, 2))
}

/// Extensions as a well-behaved authority writes them.
enum Extensions {
    static func basicConstraints(ca: Bool, critical: Bool = true) -> [UInt8] {
        DER.ext(DER.oid(2, 5, 29, 19), critical: critical, DER.sequence(ca ? [0x01, 0x01, 0xff] : []))
    }
    /// 0x80 digitalSignature, 0x04 keyCertSign, 0x02 cRLSign.
    static func keyUsage(_ usage: UInt8) -> [UInt8] {
        DER.ext(
            DER.oid(2, 5, 29, 15), critical: true, DER.tlv(0x03, [UInt8(usage.trailingZeroBitCount), usage]))
    }
    static func subjectKeyID(_ id: [UInt8]) -> [UInt8] { DER.ext(DER.oid(2, 5, 29, 14), DER.tlv(0x04, id)) }
    static func authorityKeyID(_ id: [UInt8]) -> [UInt8] {
        DER.ext(DER.oid(2, 5, 29, 35), DER.sequence(DER.tlv(0x80, id)))
    }
    static func dnsName(_ name: String) -> [UInt8] {
        DER.ext(DER.oid(2, 5, 29, 17), DER.sequence(DER.tlv(0x82, Array(name.utf8))))
    }
    static func purposes(_ ids: [UInt8]...) -> [UInt8] {
        DER.ext(DER.oid(2, 5, 29, 37), DER.sequence(ids.flatMap { $0 }))
    }
}

/// A certificate to be: change fields, then `signed`.
struct CertificateSpec {
    var version: [UInt8] = DER.tlv(0xa0, [0x02, 0x01, 0x02])
    var serial: [UInt8] = [0x12, 0x34]
    var innerAlgorithm = DER.ecdsaSHA256
    var outerAlgorithm = DER.ecdsaSHA256
    var issuer: [UInt8]
    var notBefore = "260101000000Z"
    var notAfter = "280101000000Z"
    var subject: [UInt8]
    var publicKey: [UInt8]
    var extensions: [[UInt8]]

    var toBeSigned: [UInt8] {
        DER.sequence(
            version, DER.tlv(0x02, serial), innerAlgorithm, issuer,
            DER.sequence(DER.time(notBefore), DER.time(notAfter)), subject, publicKey,
            extensions.isEmpty ? [] : DER.tlv(0xa3, DER.sequence(extensions.flatMap { $0 })))
    }

    func signed(by authority: TestAuthority) throws -> [UInt8] { try authority.sign(toBeSigned, outerAlgorithm) }
}

/// An authority with a P-256 key that is the same in every run.
struct TestAuthority {
    let name: [UInt8]
    let key: P256.Signing.PrivateKey
    let keyID: [UInt8]

    init(_ name: String, seed: UInt8) throws {
        self.name = DER.name(name)
        key = try P256.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: seed, count: 32))
        keyID = Array(Insecure.SHA1.hash(data: key.publicKey.x963Representation))
    }

    var publicKey: [UInt8] { Array(key.publicKey.derRepresentation) }

    func sign(_ toBeSigned: [UInt8], _ algorithm: [UInt8] = DER.ecdsaSHA256) throws -> [UInt8] {
        let signature = try key.signature(for: toBeSigned).derRepresentation
        return DER.sequence(toBeSigned, algorithm, DER.bits(Array(signature)))
    }

    /// An authority certificate for this one's key.
    func certificate(
        by issuer: TestAuthority, ca: Bool = true, usage: UInt8 = 0x06, extra: [[UInt8]] = []
    ) throws -> [UInt8] {
        var extensions = [
            Extensions.basicConstraints(ca: ca), Extensions.keyUsage(usage), Extensions.subjectKeyID(keyID),
        ]
        if issuer.name != name { extensions.append(Extensions.authorityKeyID(issuer.keyID)) }
        return try CertificateSpec(
            issuer: issuer.name, subject: name, publicKey: publicKey, extensions: extensions + extra
        ).signed(by: issuer)
    }

    /// An end entity's certificate that everyone should take.
    func leafSpec(_ common: String = "gm1", seed: UInt8 = 0x51) throws -> CertificateSpec {
        let key = try P256.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: seed, count: 32))
        return CertificateSpec(
            issuer: name, subject: DER.name(common), publicKey: Array(key.publicKey.derRepresentation),
            extensions: [
                Extensions.basicConstraints(ca: false), Extensions.keyUsage(0x80), Extensions.authorityKeyID(keyID),
                Extensions.subjectKeyID([seed]), Extensions.dnsName("\(common).example"),
            ])
    }

    func crl(
        revoking serials: [[UInt8]], from: String = "260101000000Z", until: String = "270101000000Z",
        extra: [[UInt8]] = []
    ) throws -> [UInt8] {
        let entries = serials.flatMap { DER.sequence(DER.tlv(0x02, $0), DER.time("260601000000Z")) }
        let extensions =
            [Extensions.authorityKeyID(keyID), DER.ext(DER.oid(2, 5, 29, 20), [0x02, 0x01, 0x01])] + extra
        return try sign(
            DER.sequence(
                [0x02, 0x01, 0x01], DER.ecdsaSHA256, name, DER.time(from), DER.time(until),
                entries.isEmpty ? [] : DER.sequence(entries),
                DER.tlv(0xa0, DER.sequence(extensions.flatMap { $0 }))))
    }
}
