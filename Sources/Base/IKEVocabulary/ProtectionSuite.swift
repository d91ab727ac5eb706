/// How one SA protects its messages: a cipher with its key length, and an integrity algorithm unless the cipher is an AEAD.
///
/// Key octets include the salt of counter modes, in the order the specifications derive them (RFC 5282, RFC 7634).
package struct ProtectionSuite: Hashable, Sendable {
    package let encryption: EncryptionID
    /// The Key Length attribute; nil for ciphers without one.
    package let keyBits: UInt16?
    package let integrity: IntegrityID

    /// Nil for a combination this house does not build: unknown numbers, wrong key lengths, a plain cipher without
    /// integrity, an AEAD with it.
    package init?(encryption: EncryptionID, keyBits: UInt16?, integrity: IntegrityID = .none) {
        switch encryption {
        case .aesGCM16: guard keyBits == 128 || keyBits == 256, integrity == .none else { return nil }
        case .chacha20Poly1305: guard keyBits == nil, integrity == .none else { return nil }
        case .aesCBC:
            guard keyBits == 128 || keyBits == 256 else { return nil }
            guard [.hmacSHA256_128, .hmacSHA384_192, .hmacSHA512_256].contains(integrity) else { return nil }
        default: return nil
        }
        self.init(checked: encryption, keyBits, integrity)
    }

    private init(checked encryption: EncryptionID, _ keyBits: UInt16?, _ integrity: IntegrityID) {
        self.encryption = encryption
        self.keyBits = keyBits
        self.integrity = integrity
    }

    package static let aesGCM128 = ProtectionSuite(checked: .aesGCM16, 128, .none)
    package static let aesGCM256 = ProtectionSuite(checked: .aesGCM16, 256, .none)
    package static let chacha20Poly1305 = ProtectionSuite(checked: .chacha20Poly1305, nil, .none)
    package static let aesCBC128SHA256 = ProtectionSuite(checked: .aesCBC, 128, .hmacSHA256_128)
    package static let aesCBC256SHA256 = ProtectionSuite(checked: .aesCBC, 256, .hmacSHA256_128)
    package static let aesCBC256SHA384 = ProtectionSuite(checked: .aesCBC, 256, .hmacSHA384_192)
    package static let aesCBC256SHA512 = ProtectionSuite(checked: .aesCBC, 256, .hmacSHA512_256)

    /// Every suite an operator may name, by its name in files and tables.
    package static let named: [(name: String, suite: ProtectionSuite)] = [
        ("aes-gcm-128", .aesGCM128), ("aes-gcm-256", .aesGCM256), ("chacha20-poly1305", .chacha20Poly1305),
        ("aes-cbc-128-hmac-sha256", .aesCBC128SHA256), ("aes-cbc-256-hmac-sha256", .aesCBC256SHA256),
        ("aes-cbc-256-hmac-sha384", .aesCBC256SHA384), ("aes-cbc-256-hmac-sha512", .aesCBC256SHA512),
    ]

    package var name: String {
        Self.named.first { $0.suite == self }?.name ?? "\(encryption)-\(keyBits ?? 0)-\(integrity)"
    }

    package var isAEAD: Bool { encryption != .aesCBC }
    package var usesCounterMode: Bool { isAEAD }

    /// Octets of the encryption key with its salt.
    package var encryptionKeyOctets: Int {
        switch encryption {
        case .aesCBC: Int(keyBits ?? 0) / 8
        case .chacha20Poly1305: 36
        default: Int(keyBits ?? 0) / 8 + 4
        }
    }

    package var integrityKeyOctets: Int {
        switch integrity {
        case .hmacSHA256_128: 32
        case .hmacSHA384_192: 48
        case .hmacSHA512_256: 64
        default: 0
        }
    }

    package var keyOctets: Int { encryptionKeyOctets + integrityKeyOctets }
    package var ivOctets: Int { isAEAD ? 8 : 16 }
    package var blockOctets: Int { isAEAD ? 1 : 16 }
    package var icvOctets: Int { isAEAD ? 16 : integrityKeyOctets / 2 }

    /// The ENCR and INTEG transforms in wire form; an AEAD carries no INTEG transform.
    package var transforms: [Transform] {
        let cipher = Transform.encryption(encryption, keyBits: keyBits)
        return isAEAD ? [cipher] : [cipher, .integrity(integrity)]
    }
}

extension KeyWrapID {
    /// Octets of the wrapping key; nil for algorithms this house does not have.
    package var keyOctets: Int? {
        switch self {
        case .kw5649_128: 16
        case .kw5649_192: 24
        case .kw5649_256: 32
        default: nil
        }
    }
}

extension PRFID {
    /// Octets of output and preferred key; nil for functions this house does not have.
    package var outputOctets: Int? {
        switch self {
        case .hmacSHA256: 32
        case .hmacSHA384: 48
        case .hmacSHA512: 64
        default: nil
        }
    }
}
