import COpenSSL
import Crypto
package import KeyMaterial

/// The kinds of key a group may sign its rekeys with.
package enum SigningKeyKind: Hashable, Sendable { case ed25519, ecdsaP256, ecdsaP384, rsa2048, rsaPSS2048 }

/// A private key. The library's object holds it; it is freed, and zeroised by the library, with this value.
package final class SigningKey: @unchecked Sendable {
    // The key objects are never changed after init, and OpenSSL's are safe to share for reading.
    private let key: OpaquePointer
    package let kind: PublicKeyKind
    private let ed25519: Curve25519.Signing.PrivateKey?
    private let p256: P256.Signing.PrivateKey?
    package let subjectPublicKeyInfo: [UInt8]

    /// DER PKCS#8, or the traditional forms OpenSSL knows.
    package convenience init(privateKeyInfo: borrowing SecretOctets) throws(CryptoError) {
        let key = privateKeyInfo.withUnsafeOctets {
            gcks_key_private_der($0.bindMemory(to: UInt8.self).baseAddress, $0.count)
        }
        try self.init(owning: key)
    }

    /// PEM without a password.
    package convenience init(pem: borrowing SecretOctets) throws(CryptoError) {
        let key = pem.withUnsafeOctets { gcks_key_private_pem($0.bindMemory(to: UInt8.self).baseAddress, $0.count) }
        try self.init(owning: key)
    }

    package static func generate(_ kind: SigningKeyKind) throws(CryptoError) -> SigningKey {
        let code =
            switch kind {
            case .ed25519: GCKS_KEY_ED25519
            case .ecdsaP256: GCKS_KEY_P256
            case .ecdsaP384: GCKS_KEY_P384
            case .rsa2048: GCKS_KEY_RSA
            case .rsaPSS2048: GCKS_KEY_RSA_PSS
            }
        return try SigningKey(owning: gcks_key_generate(Int32(code)))
    }

    private init(owning key: OpaquePointer?) throws(CryptoError) {
        guard let key else { throw .badKey("the private key does not parse") }
        let publicKey = octets { gcks_key_public_to_der(key, $0, $1) }
        guard let kind = PublicKeyKind(key), let publicKey else {
            gcks_key_free(key)
            throw .badKey("the key is not Ed25519, ECDSA P-256 or P-384, or RSA of 2048 bits or more")
        }
        self.key = key
        self.kind = kind
        subjectPublicKeyInfo = publicKey
        var hasRaw = false
        let raw = SecretOctets(count: 32) { octets in
            hasRaw = gcks_key_raw_private(key, octets.bindMemory(to: UInt8.self).baseAddress) == 1
        }
        (ed25519, p256) = raw.withUnsafeOctets { raw in
            guard hasRaw else { return (nil, nil) }
            return switch kind {
            case .ed25519: (try? Curve25519.Signing.PrivateKey(rawRepresentation: raw), nil)
            case .ecdsaP256: (nil, try? P256.Signing.PrivateKey(rawRepresentation: raw))
            default: (nil, nil)
            }
        }
    }

    deinit { gcks_key_free(key) }

    /// DER PKCS#8, to be sealed.
    package func privateKeyInfo() throws(CryptoError) -> SecretOctets {
        let count = gcks_key_private_to_der(key, nil, 0)
        guard count > 0 else { throw .libraryFailure("private key encoding") }
        return try SecretOctets(count: count) { (out) throws(CryptoError) in
            guard gcks_key_private_to_der(key, out.bindMemory(to: UInt8.self).baseAddress, out.count) == count else {
                throw .libraryFailure("private key encoding")
            }
        }
    }

    /// Signs the octets themselves; the scheme's hash is applied here. ECDSA gives DER (RFC 7427 A.3).
    package func sign(
        _ message: [UInt8], _ scheme: SignatureScheme, provider: CryptoProvider = .fastest
    ) throws(CryptoError) -> [UInt8] {
        guard scheme.suits(kind) else { throw .unsupportedAlgorithm }
        if provider == .fastest {
            if scheme == .ed25519, let ed25519, let signature = try? ed25519.signature(for: message) {
                return Array(signature)
            }
            if scheme == .ecdsaSHA256, let p256, let signature = try? p256.signature(for: message) {
                return Array(signature.derRepresentation)
            }
        }
        var out = [UInt8](repeating: 0, count: gcks_key_signature_size(key))
        var count = out.count
        guard !out.isEmpty,
            gcks_sign(key, scheme.digest, scheme.padding, message, message.count, &out, &count) == 1, count <= out.count
        else { throw .libraryFailure("signature") }
        return Array(out.prefix(count))
    }
}

extension PublicKeyKind {
    /// Nil for kinds this house does not use and for RSA outside 2048 … 8192 bits.
    init?(_ key: OpaquePointer) {
        switch Int(gcks_key_kind(key)) {
        case GCKS_KEY_ED25519: self = .ed25519
        case GCKS_KEY_P256: self = .ecdsaP256
        case GCKS_KEY_P384: self = .ecdsaP384
        case GCKS_KEY_RSA where (2048...8192).contains(gcks_key_bits(key)): self = .rsa
        case GCKS_KEY_RSA_PSS where (2048...8192).contains(gcks_key_bits(key)): self = .rsaPSS
        default: return nil
        }
    }
}

/// Asks a C function for a length, then for the octets.
func octets(_ write: (UnsafeMutablePointer<UInt8>?, Int) -> Int) -> [UInt8]? {
    let count = write(nil, 0)
    guard count > 0, count <= 1 << 20 else { return nil }
    var out = [UInt8](repeating: 0, count: count)
    let written = out.withUnsafeMutableBufferPointer { write($0.baseAddress, count) }
    return written == count ? out : nil
}
