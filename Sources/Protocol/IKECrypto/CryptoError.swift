/// Why an operation gave no result. None of these carries key octets.
package enum CryptoError: Error, Hashable, Sendable {
    case unsupportedAlgorithm
    /// A peer's public value: wrong length, off the curve, low order, out of range.
    case badPeerValue
    /// A ciphertext or wrapped key that was not made with this key.
    case notAuthentic
    case badSignature
    /// Own key material that does not parse or does not fit its algorithm.
    case badKey(String)
    /// The library failed where it should not (memory, a missing algorithm).
    case libraryFailure(String)
}

/// Which library does the work where both can. Symmetric work, key wrap, MODP, RSA and X.509 are OpenSSL's always.
package enum CryptoProvider: Sendable {
    /// Each operation where it is measured faster: swift-crypto for X25519, Ed25519 and ECDSA.
    case fastest
    case openSSLOnly
}
