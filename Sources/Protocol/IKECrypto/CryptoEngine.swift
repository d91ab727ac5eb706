import COpenSSL
package import IKEVocabulary
package import KeyMaterial

/// Cryptographic work of one thread: contexts are made once and reused, so an engine must not be shared between threads.
package final class CryptoEngine {
    package let provider: CryptoProvider
    let contexts: OpaquePointer

    /// The system's OpenSSL without HMAC, AES or memory cannot run this program at all; it is found at the start.
    package init(provider: CryptoProvider = .fastest) {
        guard let contexts = gcks_engine_new() else { preconditionFailure("OpenSSL has no HMAC or no memory") }
        self.provider = provider
        self.contexts = contexts
    }

    deinit { gcks_engine_free(contexts) }
}

extension PRFID {
    var digest: Int32? {
        switch self {
        case .hmacSHA256: Int32(GCKS_SHA256)
        case .hmacSHA384: Int32(GCKS_SHA384)
        case .hmacSHA512: Int32(GCKS_SHA512)
        default: nil
        }
    }
}

// MARK: prf and prf+ (RFC 7296 2.13)

extension CryptoEngine {
    /// prf(key, parts one after the other); output 32, 48 or 64 octets.
    package func prf(_ id: PRFID, key: borrowing SecretOctets, _ parts: [UInt8]...) throws(CryptoError) -> SecretOctets
    {
        try prf(id, key: key, parts: parts)
    }

    package func prf(_ id: PRFID, key: borrowing SecretOctets, parts: [[UInt8]]) throws(CryptoError) -> SecretOctets {
        guard let digest = id.digest, let size = id.outputOctets else { throw .unsupportedAlgorithm }
        try startHMAC(digest, key: key)
        for part in parts { try updateHMAC(digest, part) }
        return try SecretOctets(count: size) { (out) throws(CryptoError) in
            try finishHMAC(digest, into: out.baseAddress)
        }
    }

    /// prf(key, secret | parts …), for the key schedule.
    package func prf(
        _ id: PRFID, key: borrowing SecretOctets, secret: borrowing SecretOctets, _ parts: [UInt8]...
    ) throws(CryptoError) -> SecretOctets {
        guard let digest = id.digest, let size = id.outputOctets else { throw .unsupportedAlgorithm }
        try startHMAC(digest, key: key)
        try secret.withUnsafeOctets { (octets) throws(CryptoError) in try updateHMAC(digest, raw: octets) }
        for part in parts { try updateHMAC(digest, part) }
        return try SecretOctets(count: size) { (out) throws(CryptoError) in
            try finishHMAC(digest, into: out.baseAddress)
        }
    }

    /// prf+(key, seed): T1 | T2 | …, Tn = prf(key, T(n-1) | seed | n). At most 255 rounds.
    package func prfPlus(
        _ id: PRFID, key: borrowing SecretOctets, seed: [UInt8], count: Int
    ) throws(CryptoError) -> SecretOctets {
        guard let digest = id.digest, let size = id.outputOctets, count >= 0, count <= 255 * size else {
            throw .unsupportedAlgorithm
        }
        let rounds = (count + size - 1) / size
        let whole = try SecretOctets(count: rounds * size) { (out) throws(CryptoError) in
            for round in 0..<rounds {
                if round == 0 {
                    try startHMAC(digest, key: key)
                } else {
                    try restartHMAC(digest)
                    try updateHMAC(
                        digest, raw: UnsafeRawBufferPointer(rebasing: out[(round - 1) * size..<round * size]))
                }
                try updateHMAC(digest, seed)
                try updateHMAC(digest, [UInt8(round + 1)])
                try finishHMAC(digest, into: out.baseAddress.map { $0 + round * size })
            }
        }
        return whole.slice(0..<count)
    }

    /// HMAC into ordinary octets, for integrity checks and cookies.
    package func mac(_ id: PRFID, key: borrowing SecretOctets, _ parts: [UInt8]...) throws(CryptoError) -> [UInt8] {
        try prf(id, key: key, parts: parts).exposed()
    }

    func startHMAC(_ digest: Int32, key: borrowing SecretOctets) throws(CryptoError) {
        let done = key.withUnsafeOctets { octets in
            gcks_hmac_start(contexts, digest, octets.bindMemory(to: UInt8.self).baseAddress, octets.count)
        }
        guard done == 1 else { throw .libraryFailure("HMAC init") }
    }

    /// With the key of the last start, which is already absorbed.
    func restartHMAC(_ digest: Int32) throws(CryptoError) {
        guard gcks_hmac_restart(contexts, digest) == 1 else { throw .libraryFailure("HMAC init") }
    }

    func updateHMAC(_ digest: Int32, _ octets: [UInt8]) throws(CryptoError) {
        guard gcks_hmac_update(contexts, digest, octets, octets.count) == 1 else {
            throw .libraryFailure("HMAC update")
        }
    }

    func updateHMAC(_ digest: Int32, raw octets: UnsafeRawBufferPointer) throws(CryptoError) {
        guard gcks_hmac_update(contexts, digest, octets.bindMemory(to: UInt8.self).baseAddress, octets.count) == 1
        else {
            throw .libraryFailure("HMAC update")
        }
    }

    func finishHMAC(_ digest: Int32, into out: UnsafeMutableRawPointer?) throws(CryptoError) {
        guard let out, gcks_hmac_finish(contexts, digest, out.assumingMemoryBound(to: UInt8.self)) == 1 else {
            throw .libraryFailure("HMAC final")
        }
    }
}

// MARK: Digests and check values

extension CryptoEngine {
    /// SHA-1, for NAT detection only (RFC 7296 2.23): nothing secret rests on it.
    package func sha1(_ octets: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 20)
        _ = gcks_sha1(octets, octets.count, &out)
        return out
    }

    package func sha256(_ octets: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        _ = gcks_sha256(octets, octets.count, &out)
        return out
    }

    /// What people compare instead of a key: 8 hex digits of HMAC-SHA-256(key, "gcks key check value").
    package func keyCheckValue(of key: borrowing SecretOctets) -> String {
        guard let octets = try? mac(.hmacSHA256, key: key, Array("gcks key check value".utf8)) else {
            return "--------"
        }
        return octets.prefix(4).map { octet in
            let text = String(octet, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
