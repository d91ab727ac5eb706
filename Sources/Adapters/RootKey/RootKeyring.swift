import Foundation
import IKECrypto
import IKEVocabulary
package import KeyMaterial
import Octets
import Synchronization

/// Why the root key cannot be had. Each says what to do.
package enum RootKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(path: String, why: String)
    case openToOthers(path: String, mode: String)
    case wrongSize(path: String)
    case noCredential(String)
    case sameTwice(path: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let why): "\(path): \(why)"
        case .openToOthers(let path, let mode):
            "\(path): mode \(mode) lets others read the root key; run chmod 600 \(path)"
        case .wrongSize(let path):
            "\(path): a root key is 32 octets, raw or as 64 hex digits; two of them are 128 hex digits"
        case .sameTwice(let path): "\(path): holds the same root key twice"
        case .noCredential(let name):
            "no systemd credential \(name): add LoadCredentialEncrypted=\(name) to the unit, or set root_key.file"
        }
    }
}

/// Seals and opens stored keys under the root key: AES-256-GCM with random nonces, the row's place as associated data.
///
/// The layout is `SealedKey`'s. With random 96-bit nonces one root key may seal 2^32 keys (NIST SP 800-38D 8.3).
package final class RootKeyring: KeySealer, Sendable {
    private static let format: UInt8 = 1
    static let keyOctets = 32
    private static let nonceOctets = 12

    private let keys: [UInt32: HeldSecret]
    private let sealing: Mutex<UInt32>
    /// In the order they were given.
    package let rootKeys: [UInt32]
    package var sealingRootKey: UInt32 { sealing.withLock { $0 } }
    /// Names the first root key without telling anything about it.
    package var id: UInt32 { rootKeys[0] }

    /// - Parameter key: one root key, or two behind each other while one takes over from the other; the first seals.
    /// - Throws: `.wrongSize` unless there are 32 or 64 octets.
    package init(key: consuming SecretOctets, from path: String = "root key") throws(RootKeyError) {
        guard [Self.keyOctets, 2 * Self.keyOctets].contains(key.count) else { throw .wrongSize(path: path) }
        var keys: [UInt32: HeldSecret] = [:]
        var ids: [UInt32] = []
        for start in stride(from: 0, to: key.count, by: Self.keyOctets) {
            let held = HeldSecret(key.slice(start..<start + Self.keyOctets))
            let digest = (try? CryptoEngine().mac(.hmacSHA256, key: held.secret, Array("gcks root key id".utf8))) ?? []
            let id = digest.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            guard keys.updateValue(held, forKey: id) == nil else { throw .sameTwice(path: path) }
            ids.append(id)
        }
        self.keys = keys
        rootKeys = ids
        sealing = Mutex(ids[0])
    }

    package func seal(under rootKey: UInt32) -> Bool {
        guard keys[rootKey] != nil else { return false }
        sealing.withLock { $0 = rootKey }
        return true
    }

    /// Reads a file that only its owner may read: 32 raw octets, 64 hex digits, or 128 for two root keys.
    package convenience init(file path: String) throws(RootKeyError) {
        try self.init(key: try KeyFile.read(path), from: path)
    }

    /// Reads a systemd credential by its name.
    package convenience init(credential name: String) throws(RootKeyError) {
        guard let folder = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"], !name.contains("/") else {
            throw .noCredential(name)
        }
        try self.init(file: folder + "/" + name)
    }

    package func seal(_ key: borrowing SecretOctets, context: String) -> SealedKey {
        var entropy = SystemEntropy()
        var writer = OctetWriter()
        writer.writeUInt8(Self.format)
        let root = sealingRootKey
        writer.writeUInt32(root)
        let nonce = entropy.octets(Self.nonceOctets)
        writer.write(nonce)
        // Sealing fails only when the library has no memory; an empty blob then opens nowhere.
        let sealed = keys[root].flatMap { root in
            try? CryptoEngine().sealPlain(
                key: root.secret, nonce: nonce, associatedData: Array(context.utf8), plaintext: key)
        }
        writer.write(sealed ?? [])
        return SealedKey(octets: writer.octets)
    }

    package func open(_ sealed: SealedKey, context: String) throws(SealingError) -> SecretOctets {
        var reader = OctetReader(sealed.octets)
        guard let format = try? reader.readUInt8("format"), format == Self.format,
            let root = try? reader.readUInt32("root key id"),
            let nonce = try? reader.readOctets(Self.nonceOctets, "nonce")
        else { throw .wrongForm }
        guard let key = keys[root] else { throw .unknownRootKey(root) }
        do throws(CryptoError) {
            return try CryptoEngine().openPlain(
                key: key.secret, nonce: nonce, associatedData: Array(context.utf8), sealed: reader.readRemaining())
        } catch {
            throw .notAuthentic
        }
    }
}
