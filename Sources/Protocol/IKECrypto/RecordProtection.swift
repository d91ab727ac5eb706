import COpenSSL
package import IKEVocabulary
package import KeyMaterial

extension ProtectionSuite {
    /// Octets of IV, ciphertext with padding, and ICV for this many octets of inner payloads.
    package func sealedOctets(for plain: Int) -> Int {
        let padded = isAEAD ? plain + 1 : (plain + 1 + blockOctets - 1) / blockOctets * blockOctets
        return ivOctets + padded + icvOctets
    }

    /// The most inner octets whose sealed form is at most `room`; nil when not even one fits.
    package func plainOctets(within room: Int) -> Int? {
        let inner = room - ivOctets - icvOctets
        let padded = isAEAD ? inner : inner / blockOctets * blockOctets
        return padded > 1 ? padded - 1 : nil
    }

    fileprivate var aead: Int32? {
        switch (encryption, keyBits) {
        case (.aesGCM16, 128): Int32(GCKS_AES128_GCM)
        case (.aesGCM16, 256): Int32(GCKS_AES256_GCM)
        case (.chacha20Poly1305, _): Int32(GCKS_CHACHA20_POLY1305)
        default: nil
        }
    }

    fileprivate var integrityPRF: PRFID? {
        switch integrity {
        case .hmacSHA256_128: .hmacSHA256
        case .hmacSHA384_192: .hmacSHA384
        case .hmacSHA512_256: .hmacSHA512
        default: nil
        }
    }
}

extension CryptoEngine {
    /// Seals inner payloads as they stand in SK or SKF: IV | ciphertext of (payloads | padding | pad length) | ICV
    /// (RFC 7296 3.14, RFC 5282, RFC 7634).
    ///
    /// - Parameters:
    ///   - key: with the salt of counter modes at its end.
    ///   - iv: 8 octets, never twice under one key, for an AEAD; 16 octets nobody can foresee for AES-CBC.
    ///   - associatedData: IKE header and generic header with their final lengths.
    package func seal(
        _ suite: ProtectionSuite, key: borrowing SecretOctets, integrityKey: borrowing SecretOctets, iv: [UInt8],
        associatedData: [UInt8], plaintext: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        guard iv.count == suite.ivOctets, key.count == suite.encryptionKeyOctets,
            integrityKey.count == suite.integrityKeyOctets
        else { throw .badKey("a key or IV has the wrong size") }
        let sealed = suite.sealedOctets(for: plaintext.count)
        let padding = sealed - suite.ivOctets - suite.icvOctets - plaintext.count - 1
        let padded = plaintext + [UInt8](repeating: 0, count: padding) + [UInt8(truncatingIfNeeded: padding)]
        if let aead = suite.aead {
            return iv + (try sealAEAD(aead, key, iv, associatedData, padded))
        }
        let ciphertext = try cbc(encrypt: true, key, iv, padded)
        let covered = iv + ciphertext
        return covered + (try integrityCheck(suite, integrityKey, associatedData, covered))
    }

    /// Opens what `seal` makes.
    ///
    /// - Throws: `.notAuthentic` for anything else, with no hint why.
    package func open(
        _ suite: ProtectionSuite, key: borrowing SecretOctets, integrityKey: borrowing SecretOctets,
        associatedData: [UInt8], sealed: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        guard key.count == suite.encryptionKeyOctets, integrityKey.count == suite.integrityKeyOctets else {
            throw .badKey("a key has the wrong size")
        }
        let inner = sealed.count - suite.ivOctets - suite.icvOctets
        guard inner >= 1, inner % suite.blockOctets == 0 else { throw .notAuthentic }
        let iv = Array(sealed.prefix(suite.ivOctets))
        let ciphertext = Array(sealed[suite.ivOctets..<suite.ivOctets + inner])
        let icv = Array(sealed.suffix(suite.icvOctets))
        var plain: [UInt8]
        if let aead = suite.aead {
            plain = try openAEAD(aead, key, iv, associatedData, ciphertext, icv)
        } else {
            let expected = try integrityCheck(suite, integrityKey, associatedData, iv + ciphertext)
            guard ConstantTime.equal(expected, icv) else { throw .notAuthentic }
            plain = try cbc(encrypt: false, key, iv, ciphertext)
        }
        // Authentic from here on: a bad pad length is the other end's mistake.
        let padding = Int(plain.removeLast())
        guard padding <= plain.count else { throw .notAuthentic }
        plain.removeLast(padding)
        return plain
    }

    private func sealAEAD(
        _ cipher: Int32, _ key: borrowing SecretOctets, _ iv: [UInt8], _ associatedData: [UInt8], _ padded: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: padded.count + 16)
        let done = key.withUnsafeOctets { key -> Int32 in
            guard let base = key.bindMemory(to: UInt8.self).baseAddress, key.count >= 4 else { return 0 }
            let nonce = Array(key.suffix(4)) + iv
            return out.withUnsafeMutableBufferPointer { out -> Int32 in
                guard let to = out.baseAddress else { return 0 }
                return gcks_aead_seal(
                    contexts, cipher, base, nonce, associatedData, associatedData.count, padded, padded.count, to,
                    to + padded.count)
            }
        }
        guard done == 1 else { throw .libraryFailure("AEAD seal") }
        return out
    }

    private func openAEAD(
        _ cipher: Int32, _ key: borrowing SecretOctets, _ iv: [UInt8], _ associatedData: [UInt8], _ ciphertext: [UInt8],
        _ tag: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: ciphertext.count)
        let done = key.withUnsafeOctets { key -> Int32 in
            guard let base = key.bindMemory(to: UInt8.self).baseAddress, key.count >= 4 else { return 0 }
            let nonce = Array(key.suffix(4)) + iv
            return gcks_aead_open(
                contexts, cipher, base, nonce, associatedData, associatedData.count, ciphertext, ciphertext.count, tag,
                &out)
        }
        guard done == 1 else { throw .notAuthentic }
        return out
    }

    private func cbc(
        encrypt: Bool, _ key: borrowing SecretOctets, _ iv: [UInt8], _ octets: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: octets.count)
        let done = key.withUnsafeOctets { key in
            gcks_cbc(
                contexts, encrypt ? 1 : 0, key.bindMemory(to: UInt8.self).baseAddress, key.count, iv, octets,
                octets.count,
                &out)
        }
        guard done == 1 else { throw .libraryFailure("AES-CBC") }
        return out
    }

    private func integrityCheck(
        _ suite: ProtectionSuite, _ key: borrowing SecretOctets, _ associatedData: [UInt8], _ covered: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        guard let prf = suite.integrityPRF else { throw .unsupportedAlgorithm }
        return Array(try mac(prf, key: key, associatedData, covered).prefix(suite.icvOctets))
    }
}

// MARK: Sealed storage

extension CryptoEngine {
    /// AES-256-GCM without IKE's framing, for keys that rest in the store: ciphertext | tag.
    package func sealPlain(
        key: borrowing SecretOctets, nonce: [UInt8], associatedData: [UInt8], plaintext: borrowing SecretOctets
    ) throws(CryptoError) -> [UInt8] {
        guard key.count == 32, nonce.count == 12 else { throw .badKey("a key or nonce has the wrong size") }
        let count = plaintext.count
        var out = [UInt8](repeating: 0, count: count + 16)
        let done = key.withUnsafeOctets { key in
            plaintext.withUnsafeOctets { plain in
                out.withUnsafeMutableBufferPointer { out -> Int32 in
                    guard let to = out.baseAddress else { return 0 }
                    return gcks_aead_seal(
                        contexts, Int32(GCKS_AES256_GCM), key.bindMemory(to: UInt8.self).baseAddress, nonce,
                        associatedData,
                        associatedData.count, plain.bindMemory(to: UInt8.self).baseAddress, count, to, to + count)
                }
            }
        }
        guard done == 1 else { throw .libraryFailure("AEAD seal") }
        return out
    }

    package func openPlain(
        key: borrowing SecretOctets, nonce: [UInt8], associatedData: [UInt8], sealed: [UInt8]
    ) throws(CryptoError) -> SecretOctets {
        guard key.count == 32, nonce.count == 12, sealed.count >= 16 else { throw .notAuthentic }
        let count = sealed.count - 16
        let tag = Array(sealed.suffix(16))
        return try key.withUnsafeOctets { (key) throws(CryptoError) -> SecretOctets in
            try SecretOctets(count: count) { (out) throws(CryptoError) in
                let done = gcks_aead_open(
                    contexts, Int32(GCKS_AES256_GCM), key.bindMemory(to: UInt8.self).baseAddress, nonce, associatedData,
                    associatedData.count, sealed, count, tag, out.bindMemory(to: UInt8.self).baseAddress)
                guard done == 1 else { throw .notAuthentic }
            }
        }
    }
}
