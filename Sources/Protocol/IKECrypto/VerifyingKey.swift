import COpenSSL
import Crypto

/// A public key, from a certificate or an AUTH_KEY.
package final class VerifyingKey: @unchecked Sendable {
    // The key objects are never changed after init, and OpenSSL's are safe to share for reading.
    private enum Form {
        case ed25519(Curve25519.Signing.PublicKey)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case openSSL(OpaquePointer)
    }

    private let form: Form
    package let kind: PublicKeyKind
    package let subjectPublicKeyInfo: [UInt8]

    private static let ed25519Prefix: [UInt8] = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ]
    private static let p256Prefix: [UInt8] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ]
    private static let p384Prefix: [UInt8] = [
        0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
        0x00, 0x22, 0x03, 0x62, 0x00,
    ]

    /// DER SubjectPublicKeyInfo. The usual forms are read without OpenSSL, whose decoder costs more than a signature.
    package init(
        subjectPublicKeyInfo octets: [UInt8], provider: CryptoProvider = .fastest
    ) throws(CryptoError) {
        subjectPublicKeyInfo = octets
        if provider == .fastest, let (form, kind) = Self.fastForm(octets) {
            (self.form, self.kind) = (form, kind)
            return
        }
        let parsed = gcks_key_public_der(octets, octets.count)
        guard let parsed, let kind = PublicKeyKind(parsed) else {
            if let parsed { gcks_key_free(parsed) }
            throw .badKey("the public key is not Ed25519, ECDSA P-256 or P-384, or RSA of 2048 to 8192 bits")
        }
        (form, self.kind) = (.openSSL(parsed), kind)
    }

    private static func fastForm(_ octets: [UInt8]) -> (Form, PublicKeyKind)? {
        if octets.starts(with: p256Prefix) {
            return (try? P256.Signing.PublicKey(x963Representation: octets.dropFirst(p256Prefix.count)))
                .map { (.p256($0), .ecdsaP256) }
        }
        if octets.starts(with: ed25519Prefix) {
            return (try? Curve25519.Signing.PublicKey(rawRepresentation: octets.dropFirst(ed25519Prefix.count)))
                .map { (.ed25519($0), .ed25519) }
        }
        if octets.starts(with: p384Prefix) {
            return (try? P384.Signing.PublicKey(x963Representation: octets.dropFirst(p384Prefix.count)))
                .map { (.p384($0), .ecdsaP384) }
        }
        return nil
    }

    deinit { if case .openSSL(let key) = form { gcks_key_free(key) } }

    /// - Throws: `.badSignature`, also when the scheme does not suit the key.
    package func verify(_ message: [UInt8], signature: [UInt8], _ scheme: SignatureScheme) throws(CryptoError) {
        guard scheme.suits(kind) else { throw .badSignature }
        let isValid =
            switch form {
            case .ed25519(let key): key.isValidSignature(signature, for: message)
            case .p256(let key): Self.isValid(key, message, signature, scheme)
            case .p384(let key): Self.isValid(key, message, signature, scheme)
            case .openSSL(let key):
                gcks_verify(key, scheme.digest, scheme.padding, message, message.count, signature, signature.count) == 1
            }
        guard isValid else { throw .badSignature }
    }

    private static func isValid(
        _ key: P256.Signing.PublicKey, _ message: [UInt8], _ signature: [UInt8], _ scheme: SignatureScheme
    ) -> Bool {
        guard let parsed = try? P256.Signing.ECDSASignature(derRepresentation: signature) else { return false }
        return switch scheme {
        case .ecdsaSHA256: key.isValidSignature(parsed, for: SHA256.hash(data: message))
        case .ecdsaSHA384: key.isValidSignature(parsed, for: SHA384.hash(data: message))
        case .ecdsaSHA512: key.isValidSignature(parsed, for: SHA512.hash(data: message))
        default: false
        }
    }

    private static func isValid(
        _ key: P384.Signing.PublicKey, _ message: [UInt8], _ signature: [UInt8], _ scheme: SignatureScheme
    ) -> Bool {
        guard let parsed = try? P384.Signing.ECDSASignature(derRepresentation: signature) else { return false }
        return switch scheme {
        case .ecdsaSHA256: key.isValidSignature(parsed, for: SHA256.hash(data: message))
        case .ecdsaSHA384: key.isValidSignature(parsed, for: SHA384.hash(data: message))
        case .ecdsaSHA512: key.isValidSignature(parsed, for: SHA512.hash(data: message))
        default: false
        }
    }
}
