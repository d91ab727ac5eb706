package import IKEVocabulary
package import KeyMaterial

/// Rows of Wireshark's tables with keys, for the lab. Nil for suites Wireshark has no name for (ChaCha20-Poly1305).
package enum WiresharkRow {
    package static let ikeTable = "ikev2_decryption_table"
    package static let espTable = "esp_sa"

    /// initiator SPI, responder SPI, SK_ei, SK_er, cipher, SK_ai, SK_ar, integrity.
    package static func ike(
        spiI: IKESPI, spiR: IKESPI, suite: ProtectionSuite, skEi: HeldSecret, skEr: HeldSecret, skAi: HeldSecret,
        skAr: HeldSecret
    ) -> SecretText? {
        guard let names = suite.wiresharkIKE else { return nil }
        var row = SecretText()
        row.add("\(spiI),\(spiR),")
        row.add(hexOf: skEi)
        row.add(",")
        row.add(hexOf: skEr)
        row.add(",\"\(names.cipher)\",")
        row.add(hexOf: skAi)
        row.add(",")
        row.add(hexOf: skAr)
        row.add(",\"\(names.integrity)\"\n")
        return row
    }

    /// A Rekey SA: its one key stands in both directions. KEYMAT begins with GSK_e, then GSK_a.
    package static func rekeySA(_ sa: KeyedRekeySA) -> SecretText? {
        let (suite, spi) = (sa.policy.suite, sa.policy.spi)
        let end = suite.encryptionKeyOctets
        let encryption = HeldSecret(sa.keymat.secret.slice(0..<end))
        let integrity = HeldSecret(sa.keymat.secret.slice(end..<end + suite.integrityKeyOctets))
        return ike(
            spiI: spi.initiatorHalf, spiR: spi.responderHalf, suite: suite, skEi: encryption, skEr: encryption,
            skAi: integrity, skAr: integrity)
    }

    /// protocol, source, destination, SPI, cipher, key, authentication, key. A range of addresses stands as `*`.
    package static func dataSA(_ sa: KeyedDataSA) -> SecretText? {
        let (suite, destination) = (sa.policy.suite, sa.policy.destination)
        guard let names = suite.wiresharkESP else { return nil }
        let end = suite.encryptionKeyOctets
        var row = SecretText()
        row.add(destination.first.isIPv4 ? "\"IPv4\"" : "\"IPv6\"")
        row.add(",\"*\",\"\(destination.isSingleAddress ? "\(destination.first)" : "*")\",\"0x\(sa.policy.spi)\",")
        row.add("\"\(names.cipher)\",\"0x")
        row.add(hexOf: sa.key, 0..<end)
        row.add("\",\"\(names.integrity)\",\"\(suite.isAEAD ? "" : "0x")")
        row.add(hexOf: sa.key, end..<suite.keyOctets)
        row.add("\"\n")
        return row
    }
}

extension ProtectionSuite {
    fileprivate var wiresharkIKE: (cipher: String, integrity: String)? {
        switch (encryption, integrity) {
        case (.aesGCM16, _): ("AES-GCM-\(keyBits ?? 0) with 16 octet ICV [RFC5282]", "NONE [RFC4306]")
        case (.aesCBC, .hmacSHA256_128): ("AES-CBC-\(keyBits ?? 0) [RFC3602]", "HMAC_SHA2_256_128 [RFC4868]")
        case (.aesCBC, .hmacSHA384_192): ("AES-CBC-\(keyBits ?? 0) [RFC3602]", "HMAC_SHA2_384_192 [RFC4868]")
        case (.aesCBC, .hmacSHA512_256): ("AES-CBC-\(keyBits ?? 0) [RFC3602]", "HMAC_SHA2_512_256 [RFC4868]")
        default: nil
        }
    }

    fileprivate var wiresharkESP: (cipher: String, integrity: String)? {
        switch (encryption, integrity) {
        case (.aesGCM16, _): ("AES-GCM with 16 octet ICV [RFC4106]", "NULL")
        case (.aesCBC, .hmacSHA256_128): ("AES-CBC [RFC3602]", "HMAC-SHA-256-128 [RFC4868]")
        case (.aesCBC, .hmacSHA384_192): ("AES-CBC [RFC3602]", "HMAC-SHA-384-192 [RFC4868]")
        case (.aesCBC, .hmacSHA512_256): ("AES-CBC [RFC3602]", "HMAC-SHA-512-256 [RFC4868]")
        default: nil
        }
    }
}
