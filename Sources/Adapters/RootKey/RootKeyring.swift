import Foundation
import IKECrypto
import IKEVocabulary
package import KeyMaterial
import Octets

/// Why the root key cannot be had. Each says what to do.
package enum RootKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(path: String, why: String)
    case openToOthers(path: String, mode: String)
    case wrongSize(path: String)
    case noCredential(String)

    package var description: String {
        switch self {
        case .unreadable(let path, let why): "\(path): \(why)"
        case .openToOthers(let path, let mode):
            "\(path): mode \(mode) lets others read the root key; run chmod 600 \(path)"
        case .wrongSize(let path): "\(path): a root key is 32 octets, raw or as 64 hex digits"
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
    private static let headerOctets = 5
    private static let nonceOctets = 12

    private let key: HeldSecret
    /// Names the root key without telling anything about it.
    package let id: UInt32

    /// - Throws: `.wrongSize` unless there are 32 octets.
    package init(key: consuming SecretOctets, from path: String = "root key") throws(RootKeyError) {
        guard key.count == 32 else { throw .wrongSize(path: path) }
        let held = HeldSecret(key)
        let digest = (try? CryptoEngine().mac(.hmacSHA256, key: held.secret, Array("gcks root key id".utf8))) ?? []
        id = digest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        self.key = held
    }

    /// Reads a file of 32 raw octets or 64 hex digits that only its owner may read.
    package convenience init(file path: String) throws(RootKeyError) {
        try self.init(key: try RootKeyFile.read(path), from: path)
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
        writer.writeUInt32(id)
        let nonce = entropy.octets(Self.nonceOctets)
        writer.write(nonce)
        // Sealing fails only when the library has no memory; an empty blob then opens nowhere.
        let sealed =
            (try? CryptoEngine().sealPlain(
                key: self.key.secret, nonce: nonce, associatedData: Array(context.utf8), plaintext: key)) ?? []
        writer.write(sealed)
        return SealedKey(octets: writer.octets)
    }

    package func open(_ sealed: SealedKey, context: String) throws(SealingError) -> SecretOctets {
        var reader = OctetReader(sealed.octets)
        guard let format = try? reader.readUInt8("format"), format == Self.format,
            let root = try? reader.readUInt32("root key id"),
            let nonce = try? reader.readOctets(Self.nonceOctets, "nonce")
        else { throw .wrongForm }
        guard root == id else { throw .unknownRootKey(root) }
        do throws(CryptoError) {
            return try CryptoEngine().openPlain(
                key: key.secret, nonce: nonce, associatedData: Array(context.utf8), sealed: reader.readRemaining())
        } catch {
            throw .notAuthentic
        }
    }
}
