// Open registries: an unknown number survives a round trip. Numbers: IANA IKEv2 parameters and RFC 9838 section 9.

/// AUTH payload methods.
package struct AuthenticationMethod: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let rsaSignature = AuthenticationMethod(rawValue: 1)
    package static let sharedKey = AuthenticationMethod(rawValue: 2)
    package static let ecdsa256 = AuthenticationMethod(rawValue: 9)
    package static let ecdsa384 = AuthenticationMethod(rawValue: 10)
    package static let ecdsa521 = AuthenticationMethod(rawValue: 11)
    package static let null = AuthenticationMethod(rawValue: 13)
    package static let digitalSignature = AuthenticationMethod(rawValue: 14)
}

extension AuthenticationMethod: CustomStringConvertible {
    package var description: String {
        switch self {
        case .rsaSignature: "rsaSignature"
        case .sharedKey: "sharedKey"
        case .ecdsa256: "ecdsa256"
        case .ecdsa384: "ecdsa384"
        case .ecdsa521: "ecdsa521"
        case .null: "null"
        case .digitalSignature: "digitalSignature"
        default: "AuthenticationMethod(\(rawValue))"
        }
    }
}
/// Hash algorithms of N(SIGNATURE_HASH_ALGORITHMS) (RFC 7427, RFC 8420).
package struct SignatureHashID: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let sha1 = SignatureHashID(rawValue: 1)
    package static let sha256 = SignatureHashID(rawValue: 2)
    package static let sha384 = SignatureHashID(rawValue: 3)
    package static let sha512 = SignatureHashID(rawValue: 4)
    /// EdDSA: signs the octets themselves.
    package static let identity = SignatureHashID(rawValue: 5)
}

extension SignatureHashID: CustomStringConvertible {
    package var description: String {
        switch self {
        case .sha1: "sha1"
        case .sha256: "sha256"
        case .sha384: "sha384"
        case .sha512: "sha512"
        case .identity: "identity"
        default: "SignatureHashID(\(rawValue))"
        }
    }
}
/// Identification payload types.
package struct IDType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let ipv4Address = IDType(rawValue: 1)
    package static let fqdn = IDType(rawValue: 2)
    package static let rfc822Address = IDType(rawValue: 3)
    package static let ipv6Address = IDType(rawValue: 5)
    package static let derASN1DN = IDType(rawValue: 9)
    package static let derASN1GN = IDType(rawValue: 10)
    package static let keyID = IDType(rawValue: 11)
    package static let null = IDType(rawValue: 13)
}

extension IDType: CustomStringConvertible {
    package var description: String {
        switch self {
        case .ipv4Address: "ipv4Address"
        case .fqdn: "fqdn"
        case .rfc822Address: "rfc822Address"
        case .ipv6Address: "ipv6Address"
        case .derASN1DN: "derASN1DN"
        case .derASN1GN: "derASN1GN"
        case .keyID: "keyID"
        case .null: "null"
        default: "IDType(\(rawValue))"
        }
    }
}
/// CERT and CERTREQ encodings.
package struct CertificateEncoding: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let x509Signature = CertificateEncoding(rawValue: 4)
    package static let crl = CertificateEncoding(rawValue: 7)
    package static let hashAndURL = CertificateEncoding(rawValue: 12)
}

extension CertificateEncoding: CustomStringConvertible {
    package var description: String {
        switch self {
        case .x509Signature: "x509Signature"
        case .crl: "crl"
        case .hashAndURL: "hashAndURL"
        default: "CertificateEncoding(\(rawValue))"
        }
    }
}
/// Traffic selector types.
package struct TrafficSelectorType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let ipv4AddressRange = TrafficSelectorType(rawValue: 7)
    package static let ipv6AddressRange = TrafficSelectorType(rawValue: 8)
}

extension TrafficSelectorType: CustomStringConvertible {
    package var description: String {
        switch self {
        case .ipv4AddressRange: "ipv4AddressRange"
        case .ipv6AddressRange: "ipv6AddressRange"
        default: "TrafficSelectorType(\(rawValue))"
        }
    }
}
