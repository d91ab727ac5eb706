import COpenSSL
package import IKEVocabulary
package import KeyMaterial

extension CryptoEngine {
    /// AES key wrap with padding (RFC 5649): 8 + 8·⌈n/8⌉ octets.
    package func wrap(
        _ id: KeyWrapID, kwk: borrowing SecretOctets, key: borrowing SecretOctets
    ) throws(CryptoError) -> [UInt8] {
        guard let size = id.keyOctets else { throw .unsupportedAlgorithm }
        guard kwk.count == size else { throw .badKey("KWK has the wrong size") }
        var out = [UInt8](repeating: 0, count: key.count + 16)
        var count = 0
        let done = kwk.withUnsafeOctets { kwk in
            key.withUnsafeOctets { key in
                gcks_key_wrap(
                    contexts, 1, kwk.bindMemory(to: UInt8.self).baseAddress, kwk.count,
                    key.bindMemory(to: UInt8.self).baseAddress, key.count, &out, &count)
            }
        }
        guard done == 1, count <= out.count else { throw .libraryFailure("key wrap") }
        return Array(out.prefix(count))
    }

    /// - Throws: `.notAuthentic` when the octets were not wrapped under this key.
    package func unwrap(
        _ id: KeyWrapID, kwk: borrowing SecretOctets, wrapped: [UInt8]
    ) throws(CryptoError) -> SecretOctets {
        guard let size = id.keyOctets else { throw .unsupportedAlgorithm }
        guard kwk.count == size else { throw .badKey("KWK has the wrong size") }
        guard wrapped.count >= 16, wrapped.count % 8 == 0, wrapped.count <= 4096 else { throw .notAuthentic }
        var count = 0
        let whole = try kwk.withUnsafeOctets { (kwk) throws(CryptoError) -> SecretOctets in
            try SecretOctets(count: wrapped.count + 16) { (out) throws(CryptoError) in
                let done = gcks_key_wrap(
                    contexts, 0, kwk.bindMemory(to: UInt8.self).baseAddress, kwk.count, wrapped, wrapped.count,
                    out.bindMemory(to: UInt8.self).baseAddress, &count)
                guard done == 1 else { throw .notAuthentic }
            }
        }
        return whole.slice(0..<count)
    }
}
