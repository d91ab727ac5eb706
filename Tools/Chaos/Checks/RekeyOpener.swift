import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import Octets

/// The key of one Rekey SA as a member's lab log has it, tried on captured messages.
struct RekeyOpener: Sendable {
    let spi: String
    private let suite: ProtectionSuite
    private let encryption: HeldSecret
    private let integrity: HeldSecret

    /// A row of Wireshark's ikev2_decryption_table: SPIi, SPIr, SK_ei, SK_er, "cipher", SK_ai, SK_ar, "integrity".
    init?(_ row: String) {
        let fields = row.split(separator: ",", omittingEmptySubsequences: false).map { $0.filter { $0 != "\"" } }
        guard fields.count >= 8, let key = Hex.decode(fields[2]), let integrityKey = Hex.decode(fields[5]) else {
            return nil
        }
        let (cipher, checksum) = (fields[4], fields[7])
        let bits: UInt16 = cipher.contains("256") ? 256 : 128
        let suite =
            cipher.hasPrefix("AES-GCM")
            ? ProtectionSuite(encryption: .aesGCM16, keyBits: bits)
            : ProtectionSuite(
                encryption: .aesCBC, keyBits: bits,
                integrity: checksum.contains("384")
                    ? .hmacSHA384_192 : checksum.contains("512") ? .hmacSHA512_256 : .hmacSHA256_128)
        guard let suite, key.count == suite.encryptionKeyOctets else { return nil }
        spi = fields[0] + fields[1]
        self.suite = suite
        encryption = HeldSecret(SecretOctets(copying: key))
        integrity = HeldSecret(SecretOctets(copying: integrityKey))
    }

    /// Whether this key opens the message, whatever SPI it names.
    func opens(_ datagram: [UInt8]) -> Bool {
        let message: FramedMessage
        do throws(WireError) { message = try FramedMessage(decoding: datagram) } catch { return false }
        let (associatedData, sealed): ([UInt8], [UInt8])
        switch message.body {
        case .clear: return false
        case .encrypted(let body): (associatedData, sealed) = (body.associatedData, body.sealed)
        case .fragment(let part): (associatedData, sealed) = (part.associatedData, part.sealed)
        }
        do throws(CryptoError) {
            _ = try CryptoEngine().open(
                suite, key: encryption.secret, integrityKey: integrity.secret, associatedData: associatedData,
                sealed: sealed)
            return true
        } catch {
            return false
        }
    }
}
