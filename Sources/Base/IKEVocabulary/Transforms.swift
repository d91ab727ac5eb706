// Open registries: an unknown number survives a round trip. Numbers: IANA IKEv2 parameters and RFC 9838 section 9.

/// Transform types (RFC 7296 3.3.2, RFC 9838).
package struct TransformType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let encryption = TransformType(rawValue: 1)
    package static let pseudorandomFunction = TransformType(rawValue: 2)
    package static let integrity = TransformType(rawValue: 3)
    package static let keyExchangeMethod = TransformType(rawValue: 4)
    package static let sequenceNumbers = TransformType(rawValue: 5)
    /// KWA.
    package static let keyWrapAlgorithm = TransformType(rawValue: 13)
    /// GCAUTH.
    package static let groupControllerAuthentication = TransformType(rawValue: 14)
}

extension TransformType: CustomStringConvertible {
    package var description: String {
        switch self {
        case .encryption: "encryption"
        case .pseudorandomFunction: "pseudorandomFunction"
        case .integrity: "integrity"
        case .keyExchangeMethod: "keyExchangeMethod"
        case .sequenceNumbers: "sequenceNumbers"
        case .keyWrapAlgorithm: "keyWrapAlgorithm"
        case .groupControllerAuthentication: "groupControllerAuthentication"
        default: "TransformType(\(rawValue))"
        }
    }
}
/// Transform type 1, ENCR.
package struct EncryptionID: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let null = EncryptionID(rawValue: 11)
    package static let aesCBC = EncryptionID(rawValue: 12)
    package static let aesCTR = EncryptionID(rawValue: 13)
    package static let aesCCM16 = EncryptionID(rawValue: 16)
    package static let aesGCM16 = EncryptionID(rawValue: 20)
    package static let nullAuthAESGMAC = EncryptionID(rawValue: 21)
    package static let chacha20Poly1305 = EncryptionID(rawValue: 28)
}

extension EncryptionID: CustomStringConvertible {
    package var description: String {
        switch self {
        case .null: "null"
        case .aesCBC: "aesCBC"
        case .aesCTR: "aesCTR"
        case .aesCCM16: "aesCCM16"
        case .aesGCM16: "aesGCM16"
        case .nullAuthAESGMAC: "nullAuthAESGMAC"
        case .chacha20Poly1305: "chacha20Poly1305"
        default: "EncryptionID(\(rawValue))"
        }
    }
}
/// Transform type 2, PRF.
package struct PRFID: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let hmacSHA1 = PRFID(rawValue: 2)
    package static let hmacSHA256 = PRFID(rawValue: 5)
    package static let hmacSHA384 = PRFID(rawValue: 6)
    package static let hmacSHA512 = PRFID(rawValue: 7)
}

extension PRFID: CustomStringConvertible {
    package var description: String {
        switch self {
        case .hmacSHA1: "hmacSHA1"
        case .hmacSHA256: "hmacSHA256"
        case .hmacSHA384: "hmacSHA384"
        case .hmacSHA512: "hmacSHA512"
        default: "PRFID(\(rawValue))"
        }
    }
}
/// Transform type 3, INTEG.
package struct IntegrityID: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let none = IntegrityID(rawValue: 0)
    package static let hmacSHA256_128 = IntegrityID(rawValue: 12)
    package static let hmacSHA384_192 = IntegrityID(rawValue: 13)
    package static let hmacSHA512_256 = IntegrityID(rawValue: 14)
}

extension IntegrityID: CustomStringConvertible {
    package var description: String {
        switch self {
        case .none: "none"
        case .hmacSHA256_128: "hmacSHA256_128"
        case .hmacSHA384_192: "hmacSHA384_192"
        case .hmacSHA512_256: "hmacSHA512_256"
        default: "IntegrityID(\(rawValue))"
        }
    }
}
/// Transform type 4, KE (the "DH group" of RFC 7296).
package struct KeyExchangeMethod: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let none = KeyExchangeMethod(rawValue: 0)
    package static let modp2048 = KeyExchangeMethod(rawValue: 14)
    package static let modp3072 = KeyExchangeMethod(rawValue: 15)
    package static let modp4096 = KeyExchangeMethod(rawValue: 16)
    package static let ecp256 = KeyExchangeMethod(rawValue: 19)
    package static let ecp384 = KeyExchangeMethod(rawValue: 20)
    package static let ecp521 = KeyExchangeMethod(rawValue: 21)
    package static let curve25519 = KeyExchangeMethod(rawValue: 31)
}

extension KeyExchangeMethod: CustomStringConvertible {
    package var description: String {
        switch self {
        case .none: "none"
        case .modp2048: "modp2048"
        case .modp3072: "modp3072"
        case .modp4096: "modp4096"
        case .ecp256: "ecp256"
        case .ecp384: "ecp384"
        case .ecp521: "ecp521"
        case .curve25519: "curve25519"
        default: "KeyExchangeMethod(\(rawValue))"
        }
    }
}
/// Transform type 5, SN (RFC 9827).
package struct SequenceNumbersID: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let sequential32 = SequenceNumbersID(rawValue: 0)
    /// ESN.
    package static let partiallyTransmitted64 = SequenceNumbersID(rawValue: 1)
    package static let unspecified32 = SequenceNumbersID(rawValue: 2)
}

extension SequenceNumbersID: CustomStringConvertible {
    package var description: String {
        switch self {
        case .sequential32: "sequential32"
        case .partiallyTransmitted64: "partiallyTransmitted64"
        case .unspecified32: "unspecified32"
        default: "SequenceNumbersID(\(rawValue))"
        }
    }
}
/// Transform type 13, KWA: AES key wrap with padding (RFC 5649).
package struct KeyWrapID: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let kw5649_128 = KeyWrapID(rawValue: 1)
    package static let kw5649_192 = KeyWrapID(rawValue: 2)
    package static let kw5649_256 = KeyWrapID(rawValue: 3)
    package static let kwARX = KeyWrapID(rawValue: 4)
}

extension KeyWrapID: CustomStringConvertible {
    package var description: String {
        switch self {
        case .kw5649_128: "kw5649_128"
        case .kw5649_192: "kw5649_192"
        case .kw5649_256: "kw5649_256"
        case .kwARX: "kwARX"
        default: "KeyWrapID(\(rawValue))"
        }
    }
}
/// Transform type 14, GCAUTH.
package struct GroupControllerAuthenticationID: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let implicit = GroupControllerAuthenticationID(rawValue: 1)
    package static let digitalSignature = GroupControllerAuthenticationID(rawValue: 2)
}

extension GroupControllerAuthenticationID: CustomStringConvertible {
    package var description: String {
        switch self {
        case .implicit: "implicit"
        case .digitalSignature: "digitalSignature"
        default: "GroupControllerAuthenticationID(\(rawValue))"
        }
    }
}
/// Transform attributes.
package struct TransformAttributeType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// TV, bits.
    package static let keyLength = TransformAttributeType(rawValue: 14)
    /// TLV, DER AlgorithmIdentifier.
    package static let signatureAlgorithmIdentifier = TransformAttributeType(rawValue: 18)
}

extension TransformAttributeType: CustomStringConvertible {
    package var description: String {
        switch self {
        case .keyLength: "keyLength"
        case .signatureAlgorithmIdentifier: "signatureAlgorithmIdentifier"
        default: "TransformAttributeType(\(rawValue))"
        }
    }
}
