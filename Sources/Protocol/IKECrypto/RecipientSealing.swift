import IKEVocabulary
package import KeyMaterial

/// A file that only the holder of one X25519 private key can open.
///
///     | magic (8) | recipient (32) | ephemeral (32) | AES-256-GCM ciphertext | tag (16) |
///
/// Recipient and ephemeral are X25519 public values (RFC 7748). With shared = X25519(ephemeral, recipient), HKDF-SHA-256 (RFC 5869)
/// of salt = ephemeral | recipient, secret = shared and info = magic gives 44 octets: key (32) and nonce (12). What stands before
/// the ciphertext is associated data.
package struct RecipientSealing {
    package static let magicOctets = 8
    package static let publicOctets = 32
    private static let headerOctets = magicOctets + 2 * publicOctets

    private let engine: CryptoEngine
    private let magic: [UInt8]

    /// - Parameter magic: 8 octets that name the kind of file.
    package init(magic: String, engine: CryptoEngine = CryptoEngine()) {
        self.magic = Array(Array(magic.utf8).prefix(Self.magicOctets))
        self.engine = engine
    }

    package func seal(
        _ plain: borrowing SecretOctets, to recipient: [UInt8], entropy: inout some EntropySource
    ) throws(CryptoError) -> [UInt8] {
        let ephemeral = try engine.makeKeyExchange(.curve25519, entropy: &entropy)
        let header = magic + recipient + ephemeral.publicValue
        let keys = try keys(ephemeral.agree(with: recipient), ephemeral.publicValue, recipient)
        return header
            + (try engine.sealPlain(
                key: keys.slice(0..<32), nonce: keys.slice(32..<44).exposed(), associatedData: header, plaintext: plain))
    }

    /// - Throws: `.badKey` when it is sealed to another recipient or is no such file; `.notAuthentic` when it was changed or cut.
    package func open(_ sealed: [UInt8], with key: KeyExchangeSecret) throws(CryptoError) -> SecretOctets {
        guard sealed.count >= Self.headerOctets + 16, Array(sealed.prefix(Self.magicOctets)) == magic else {
            throw .badKey("it is cut short or no file of this kind")
        }
        let header = Array(sealed.prefix(Self.headerOctets))
        let recipient = Array(header[Self.magicOctets..<Self.magicOctets + Self.publicOctets])
        guard recipient == key.publicValue else { throw .badKey("it is sealed to another key") }
        let ephemeral = Array(header.suffix(Self.publicOctets))
        let keys = try keys(key.agree(with: ephemeral), ephemeral, recipient)
        return try engine.openPlain(
            key: keys.slice(0..<32), nonce: keys.slice(32..<44).exposed(), associatedData: header,
            sealed: Array(sealed.dropFirst(Self.headerOctets)))
    }

    private func keys(
        _ shared: consuming SecretOctets, _ ephemeral: [UInt8], _ recipient: [UInt8]
    ) throws(CryptoError) -> SecretOctets {
        let salt = SecretOctets(copying: ephemeral + recipient)
        let extracted = try engine.prf(.hmacSHA256, key: salt, secret: shared)
        return try engine.prfPlus(.hmacSHA256, key: extracted, seed: magic, count: 44)
    }
}
