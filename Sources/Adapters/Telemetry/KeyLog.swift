import Glibc
package import IKEVocabulary
package import KeyMaterial
import Octets
import Synchronization

/// Writes session keys in Wireshark's table formats. For the lab only: whoever reads these files reads the traffic.
///
/// Rows go to `ikev2_decryption_table` and `esp_sa` in a folder that can be Wireshark's own configuration.
package final class KeyLog: Sendable {
    private let folder: String
    private let lock = Mutex(Set<String>())

    /// Nil when the folder cannot be made. Files have mode 0600.
    package init?(folder: String) {
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { return nil }
        self.folder = folder
    }

    /// initiator SPI, responder SPI, SK_ei, SK_er, cipher, SK_ai, SK_ar, integrity: one row per SA.
    ///
    /// Suites Wireshark has no name for (ChaCha20-Poly1305) are left out.
    package func ike(
        spiI: IKESPI, spiR: IKESPI, suite: ProtectionSuite, skEi: HeldSecret, skEr: HeldSecret, skAi: HeldSecret,
        skAr: HeldSecret
    ) {
        guard let names = suite.wiresharkIKE else { return }
        let row = [
            spiI.description, spiR.description, Hex.encode(skEi.secret.exposed()), Hex.encode(skEr.secret.exposed()),
            "\"\(names.cipher)\"", Hex.encode(skAi.secret.exposed()), Hex.encode(skAr.secret.exposed()),
            "\"\(names.integrity)\"",
        ].joined(separator: ",")
        append(row, to: "ikev2_decryption_table")
    }

    /// A Rekey SA: its one key stands in both directions.
    package func rekeySA(spi: RekeySPI, suite: ProtectionSuite, gskE: HeldSecret, gskA: HeldSecret) {
        ike(
            spiI: spi.initiatorHalf, spiR: spi.responderHalf, suite: suite, skEi: gskE, skEr: gskE, skAi: gskA,
            skAr: gskA)
    }

    /// protocol, source, destination, SPI, cipher, key, authentication, key.
    package func esp(spi: ESPSPI, destination: IPAddress, suite: ProtectionSuite, key: HeldSecret) {
        guard let names = suite.wiresharkESP else { return }
        let octets = key.secret.exposed()
        let cipherKey = Hex.encode(octets.prefix(suite.encryptionKeyOctets))
        let integrityKey = Hex.encode(octets.dropFirst(suite.encryptionKeyOctets))
        let row = [
            destination.isIPv4 ? "IPv4" : "IPv6", "*", destination.description, "0x\(spi)", names.cipher,
            "0x\(cipherKey)", names.integrity, integrityKey.isEmpty ? "" : "0x\(integrityKey)",
        ].map { "\"\($0)\"" }.joined(separator: ",")
        append(row, to: "esp_sa")
    }

    private func append(_ row: String, to file: String) {
        lock.withLock { written in
            guard written.insert(file + row).inserted else { return }
            let descriptor = open("\(folder)/\(file)", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { return }
            defer { close(descriptor) }
            let octets = Array((row + "\n").utf8)
            _ = write(descriptor, octets, octets.count)
        }
    }
}

extension ProtectionSuite {
    fileprivate var wiresharkIKE: (cipher: String, integrity: String)? {
        switch encryption {
        case .aesGCM16: ("AES-GCM-\(keyBits ?? 0) with 16 octet ICV [RFC5282]", "NONE [RFC4306]")
        case .aesCBC:
            switch integrity {
            case .hmacSHA256_128: ("AES-CBC-\(keyBits ?? 0) [RFC3602]", "HMAC_SHA2_256_128 [RFC4868]")
            case .hmacSHA384_192: ("AES-CBC-\(keyBits ?? 0) [RFC3602]", "HMAC_SHA2_384_192 [RFC4868]")
            case .hmacSHA512_256: ("AES-CBC-\(keyBits ?? 0) [RFC3602]", "HMAC_SHA2_512_256 [RFC4868]")
            default: nil
            }
        default: nil
        }
    }

    fileprivate var wiresharkESP: (cipher: String, integrity: String)? {
        switch encryption {
        case .aesGCM16: ("AES-GCM with 16 octet ICV [RFC4106]", "NULL")
        case .aesCBC:
            switch integrity {
            case .hmacSHA256_128: ("AES-CBC [RFC3602]", "HMAC-SHA-256-128 [RFC4868]")
            case .hmacSHA384_192: ("AES-CBC [RFC3602]", "HMAC-SHA-384-192 [RFC4868]")
            case .hmacSHA512_256: ("AES-CBC [RFC3602]", "HMAC-SHA-512-256 [RFC4868]")
            default: nil
            }
        default: nil
        }
    }
}
