import Crypto
import Foundation
import IKECrypto
import IKEExchange
import IKEVocabulary
import KeyMaterial
import SwiftASN1
import X509

/// The members of a run and whom they believe, made before the clock starts.
struct LoadMembers: Sendable {
    /// "fqdn:load-7.demo" with what it proves itself with, by number.
    let credentials: [OwnCredentials]
    let sharedKey: HeldSecret?
    /// PEM of the CA that vouches for the responder; nil with shared keys.
    let trustAnchor: [UInt8]?

    static func name(_ number: Int) -> String { "load-\(number).demo" }

    /// All with one shared key: for the responder each identity is a look-up of its own all the same.
    init(count: Int, secret: String) throws {
        credentials = (0..<count).map { OwnCredentials(identity: .fqdn(Self.name($0)), signing: nil) }
        sharedKey = HeldSecret(SecretOctets(copying: Array(secret.utf8)))
        trustAnchor = nil
    }

    /// Each with a key and a certificate of its own, never shown before.
    init(count: Int, authority: MemberAuthority) throws {
        credentials = try (0..<count).map { number in
            let name = Self.name(number)
            return OwnCredentials(identity: .fqdn(name), signing: try authority.certify(name))
        }
        sharedKey = nil
        trustAnchor = authority.certificatePEM
    }
}

/// The CA of a run: certificates as `Tools/dev-ca member` makes them, without a process for each.
struct MemberAuthority {
    let certificatePEM: [UInt8]
    private let certificate: Certificate
    private let key: Certificate.PrivateKey
    private let keyID: ArraySlice<UInt8>?

    init(certificate path: String, key keyPath: String) throws {
        let pem = try String(contentsOfFile: path, encoding: .utf8)
        certificatePEM = Array(pem.utf8)
        certificate = try Certificate(pemEncoded: pem)
        key = try Certificate.PrivateKey(pemEncoded: try String(contentsOfFile: keyPath, encoding: .utf8))
        keyID = try certificate.extensions.subjectKeyIdentifier?.keyIdentifier
    }

    func certify(_ name: String) throws -> (key: SigningKey, chain: [[UInt8]]) {
        let own = P256.Signing.PrivateKey()
        let publicKey = Certificate.PublicKey(own.publicKey)
        let now = Date()
        var entropy = SystemEntropy()
        let leaf = try Certificate(
            // The library's own random serial may have 21 octets, which RFC 5280 does not allow.
            version: .v3, serialNumber: Certificate.SerialNumber(bytes: [1] + entropy.octets(15)), publicKey: publicKey,
            notValidBefore: now.addingTimeInterval(-3600), notValidAfter: now.addingTimeInterval(30 * 86_400),
            issuer: certificate.subject, subject: try DistinguishedName { CommonName(name) },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames([.dnsName(name)])
                SubjectKeyIdentifier(hash: publicKey)
                AuthorityKeyIdentifier(keyIdentifier: keyID)
            }, issuerPrivateKey: key)
        var serializer = DER.Serializer()
        try serializer.serialize(leaf)
        let signing = try SigningKey(privateKeyInfo: SecretOctets(copying: own.derRepresentation))
        return (signing, [serializer.serializedBytes])
    }
}
