import COpenSSL
import Crypto
package import IKEVocabulary
package import KeyMaterial

/// One end's part of a key exchange: the private value and the public value for the KE payload.
package final class KeyExchangeSecret: Sendable {
    package let method: KeyExchangeMethod
    package let publicValue: [UInt8]
    private let secret: SecretOctets
    private let form: KeyExchangeForm
    /// Made once: making it again from octets would cost a scalar multiplication.
    private let swiftKey: Curve25519.KeyAgreement.PrivateKey?

    fileprivate init(
        _ method: KeyExchangeMethod, _ form: KeyExchangeForm, _ secret: consuming SecretOctets, _ publicValue: [UInt8],
        _ swiftKey: Curve25519.KeyAgreement.PrivateKey? = nil
    ) {
        self.method = method
        self.form = form
        self.secret = secret
        self.publicValue = publicValue
        self.swiftKey = swiftKey
    }

    /// The shared secret as IKE uses it: the X25519 output, x of the point, or g^ir padded to the prime's size.
    ///
    /// - Throws: `.badPeerValue` for a wrong length, a point off the curve, a value out of range, or an X25519 value of low
    ///   order (RFC 8031 2.2, RFC 6989).
    package func agree(with peer: [UInt8]) throws(CryptoError) -> SecretOctets {
        guard peer.count == form.publicOctets else { throw .badPeerValue }
        if let swiftKey { return try agree(swiftKey, peer) }
        let shared = try SecretOctets(count: form.sharedOctets) { (out) throws(CryptoError) in
            guard let to = out.bindMemory(to: UInt8.self).baseAddress else { throw .badPeerValue }
            let done = secret.withUnsafeOctets { secret -> Int32 in
                let own = secret.bindMemory(to: UInt8.self).baseAddress
                return switch form {
                case .curve25519: gcks_x25519_agree(own, peer, to)
                case .ecp(let bits, let size): gcks_ecp_agree(bits, own, size, peer, to)
                case .modp(let bits): gcks_modp_agree(bits, own, secret.count, peer, to)
                }
            }
            guard done == 1 else { throw .badPeerValue }
        }
        guard !isZero(shared) else { throw .badPeerValue }
        return shared
    }

    private func isZero(_ secret: borrowing SecretOctets) -> Bool {
        secret.withUnsafeOctets { $0.reduce(0) { $0 | $1 } == 0 }
    }

    private func agree(
        _ own: Curve25519.KeyAgreement.PrivateKey, _ peer: [UInt8]
    ) throws(CryptoError) -> SecretOctets {
        let shared: SharedSecret
        do {
            shared = try own.sharedSecretFromKeyAgreement(with: .init(rawRepresentation: peer))
        } catch {
            // The library refuses the all-zero result of a low-order value itself.
            throw .badPeerValue
        }
        let held = shared.withUnsafeBytes { HeldSecret(SecretOctets(copying: $0)) }
        guard !isZero(held.secret) else { throw .badPeerValue }
        return held.secret.duplicate()
    }
}

/// How a method computes, and how long its values are.
enum KeyExchangeForm: Sendable {
    case curve25519
    case ecp(bits: Int32, size: Int)
    case modp(bits: Int32)

    init?(_ method: KeyExchangeMethod) {
        switch method {
        case .curve25519: self = .curve25519
        case .ecp256: self = .ecp(bits: 256, size: 32)
        case .ecp384: self = .ecp(bits: 384, size: 48)
        case .ecp521: self = .ecp(bits: 521, size: 66)
        case .modp2048: self = .modp(bits: 2048)
        case .modp3072: self = .modp(bits: 3072)
        case .modp4096: self = .modp(bits: 4096)
        default: return nil
        }
    }

    var publicOctets: Int {
        switch self {
        case .curve25519: 32
        case .ecp(_, let size): 2 * size
        case .modp(let bits): Int(bits) / 8
        }
    }

    var sharedOctets: Int {
        switch self {
        case .curve25519: 32
        case .ecp(_, let size): size
        case .modp(let bits): Int(bits) / 8
        }
    }

    /// MODP exponents have twice the strength of their group and a margin (RFC 3526 section 8).
    var privateOctets: Int {
        switch self {
        case .curve25519: 32
        case .ecp(_, let size): size
        case .modp: 64
        }
    }
}

extension KeyExchangeMethod {
    /// True when this house can do it.
    package var isSupported: Bool { KeyExchangeForm(self) != nil }
    /// Octets of the KE data; nil for methods this house does not have.
    package var publicOctets: Int? { KeyExchangeForm(self)?.publicOctets }
}

extension CryptoEngine {
    /// Makes a fresh key pair from the caller's entropy.
    package func makeKeyExchange(
        _ method: KeyExchangeMethod, entropy: inout some EntropySource
    ) throws(CryptoError) -> KeyExchangeSecret {
        guard let form = KeyExchangeForm(method) else { throw .unsupportedAlgorithm }
        // A scalar out of range is drawn again; for the curves here that happens once in 2^32 draws at most.
        for _ in 0..<64 {
            let secret = SecretOctets(count: form.privateOctets) { octets in
                entropy.fill(octets)
                if case .ecp(521, _) = form { octets[0] &= 1 }
            }
            if method == .curve25519, provider == .fastest,
                let key = secret.withUnsafeOctets({
                    try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: $0)
                })
            {
                return KeyExchangeSecret(method, form, secret, Array(key.publicKey.rawRepresentation), key)
            }
            if let publicValue = publicValue(form, secret) {
                return KeyExchangeSecret(method, form, secret, publicValue)
            }
        }
        throw .libraryFailure("no key pair for \(method)")
    }

    /// The end whose X25519 private value rests in a file.
    package func keyExchange(x25519 secret: consuming SecretOctets) throws(CryptoError) -> KeyExchangeSecret {
        guard let form = KeyExchangeForm(.curve25519), secret.count == form.privateOctets,
            let publicValue = publicValue(form, secret)
        else { throw .badKey("an X25519 private value has 32 octets") }
        return KeyExchangeSecret(.curve25519, form, secret, publicValue)
    }

    private func publicValue(_ form: KeyExchangeForm, _ secret: borrowing SecretOctets) -> [UInt8]? {
        var out = [UInt8](repeating: 0, count: form.publicOctets)
        let done = secret.withUnsafeOctets { secret -> Int32 in
            let own = secret.bindMemory(to: UInt8.self).baseAddress
            return switch form {
            case .curve25519: gcks_x25519_public(own, &out)
            case .ecp(let bits, let size): gcks_ecp_public(bits, own, size, &out)
            case .modp(let bits): gcks_modp_public(bits, own, secret.count, &out)
            }
        }
        return done == 1 ? out : nil
    }
}
