import COpenSSL
package import IKEVocabulary

/// A signature algorithm with its hash, as RFC 7427 names it by a DER AlgorithmIdentifier.
package enum SignatureScheme: String, Hashable, Sendable, CaseIterable {
    case ed25519
    case ecdsaSHA256, ecdsaSHA384, ecdsaSHA512
    case rsaPSSSHA256, rsaPSSSHA384, rsaPSSSHA512
    case rsaPKCS1SHA256, rsaPKCS1SHA384, rsaPKCS1SHA512

    /// RFC 7427 appendix A, RFC 8420 appendix A.
    package var algorithmIdentifier: [UInt8] {
        switch self {
        case .ed25519: [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70]
        case .ecdsaSHA256: Self.ecdsa(2)
        case .ecdsaSHA384: Self.ecdsa(3)
        case .ecdsaSHA512: Self.ecdsa(4)
        case .rsaPKCS1SHA256: Self.pkcs1(0x0b)
        case .rsaPKCS1SHA384: Self.pkcs1(0x0c)
        case .rsaPKCS1SHA512: Self.pkcs1(0x0d)
        case .rsaPSSSHA256: Self.pss(hash: 1, salt: 32)
        case .rsaPSSSHA384: Self.pss(hash: 2, salt: 48)
        case .rsaPSSSHA512: Self.pss(hash: 3, salt: 64)
        }
    }

    /// The forms above; PKCS#1 and ECDSA are taken with and without the NULL parameter.
    package init?(algorithmIdentifier octets: [UInt8]) {
        guard let scheme = Self.byIdentifier[octets] else { return nil }
        self = scheme
    }

    private static let byIdentifier: [[UInt8]: SignatureScheme] = {
        var table: [[UInt8]: SignatureScheme] = [:]
        for scheme in allCases {
            table[scheme.algorithmIdentifier] = scheme
            if let lax = scheme.laxIdentifier { table[lax] = scheme }
        }
        return table
    }()

    private var laxIdentifier: [UInt8]? {
        let strict = algorithmIdentifier
        switch self {
        case .ecdsaSHA256, .ecdsaSHA384, .ecdsaSHA512:
            return [0x30, 0x0c] + strict.dropFirst(2) + [0x05, 0x00]
        case .rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512:
            return [0x30, 0x0b] + strict.dropFirst(2).dropLast(2)
        default: return nil
        }
    }

    private static func ecdsa(_ hash: UInt8) -> [UInt8] {
        [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, hash]
    }

    private static func pkcs1(_ last: UInt8) -> [UInt8] {
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last, 0x05, 0x00]
    }

    private static func pss(hash: UInt8, salt: UInt8) -> [UInt8] {
        let digest: [UInt8] = [
            0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, hash, 0x05, 0x00,
        ]
        let generator: [UInt8] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08]
        return [0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34, 0xa0, 0x0f]
            + digest + [0xa1, 0x1c, 0x30, 0x1a] + generator + digest + [0xa2, 0x03, 0x02, 0x01, salt]
    }

    /// The hash as SIGNATURE_HASH_ALGORITHMS announces it.
    package var hash: SignatureHashID {
        switch self {
        case .ed25519: .identity
        case .ecdsaSHA256, .rsaPSSSHA256, .rsaPKCS1SHA256: .sha256
        case .ecdsaSHA384, .rsaPSSSHA384, .rsaPKCS1SHA384: .sha384
        case .ecdsaSHA512, .rsaPSSSHA512, .rsaPKCS1SHA512: .sha512
        }
    }

    var digest: Int32 {
        switch hash {
        case .sha256: Int32(GCKS_SHA256)
        case .sha384: Int32(GCKS_SHA384)
        case .sha512: Int32(GCKS_SHA512)
        default: -1
        }
    }

    var padding: Int32 {
        switch self {
        case .rsaPSSSHA256, .rsaPSSSHA384, .rsaPSSSHA512: Int32(GCKS_PADDING_PSS)
        case .rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512: Int32(GCKS_PADDING_PKCS1)
        default: Int32(GCKS_PADDING_NONE)
        }
    }

    /// True when a key of this kind makes signatures of this scheme.
    package func suits(_ kind: PublicKeyKind) -> Bool {
        switch self {
        case .ed25519: kind == .ed25519
        case .ecdsaSHA256, .ecdsaSHA384, .ecdsaSHA512: kind == .ecdsaP256 || kind == .ecdsaP384
        case .rsaPSSSHA256, .rsaPSSSHA384, .rsaPSSSHA512: kind == .rsa || kind == .rsaPSS
        case .rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512: kind == .rsa
        }
    }
}

/// What kind of key an SPKI or PKCS#8 holds. RSA below 2,048 bits is refused where keys are read.
package enum PublicKeyKind: String, Hashable, Sendable {
    case ed25519, ecdsaP256, ecdsaP384, rsa, rsaPSS

    /// The scheme this house signs with, the strongest hash first that the peer announced.
    package func preferredScheme(among hashes: Set<SignatureHashID>) -> SignatureScheme? {
        let candidates: [SignatureScheme] =
            switch self {
            case .ed25519: [.ed25519]
            case .ecdsaP256: [.ecdsaSHA256, .ecdsaSHA384, .ecdsaSHA512]
            case .ecdsaP384: [.ecdsaSHA384, .ecdsaSHA512, .ecdsaSHA256]
            case .rsa, .rsaPSS: [.rsaPSSSHA256, .rsaPSSSHA384, .rsaPSSSHA512]
            }
        // A peer that speaks RFC 7427 but not RFC 8420 has no Identity hash: then an Ed25519 key cannot be used.
        return candidates.first { hashes.contains($0.hash) }
    }
}
