import AuthorityRPC
import Foundation
import Glibc
import GroupModel
import IKECrypto
import KeyMaterial
import Octets
import RootKey

/// A backup on disk: `RecipientSealing` of a `gcks.v1.BackupDocument`. Whoever holds the private key can read it, nobody else.
enum BackupFile {
    private static var sealing: RecipientSealing { RecipientSealing(magic: "GCKSBAK1") }
    /// Above what an authority answers.
    private static let octets = 32 << 20

    /// Makes FILE (the private key, 32 raw octets) and FILE.pub (the public one, 64 hex digits); neither may exist.
    static func makeKey(_ path: String) throws {
        var entropy = SystemEntropy()
        let secret = entropy.secret(32)
        let publicValue = try CryptoEngine().keyExchange(x25519: secret.duplicate()).publicValue
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw fault(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        let written = secret.withUnsafeOctets { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard written == 32, fsync(descriptor) == 0 else { throw fault(path, "cannot be written") }
        try write(Array((Hex.encode(publicValue) + "\n").utf8), to: path + ".pub")
    }

    static func recipient(_ path: String) throws -> [UInt8] {
        let text = String(decoding: try read(path, atMost: 1024), as: UTF8.self)
        guard let octets = Hex.decode(text.trimmingCharacters(in: .whitespacesAndNewlines)), octets.count == 32 else {
            throw fault(path, "holds no public key of 64 hex digits; make a pair with: gcksctl backup key FILE")
        }
        return octets
    }

    static func save(_ document: BackupDocument, to path: String, for recipient: [UInt8]) throws {
        var entropy = SystemEntropy()
        let plain = SecretOctets(copying: try document.encoded())
        try write(try sealing.seal(plain, to: recipient, entropy: &entropy), to: path)
    }

    static func load(_ path: String, key: String) throws -> BackupDocument {
        let secret: SecretOctets
        do {
            secret = try KeyFile.read(key)
        } catch {
            throw CommandEnd(.usage, ["\(error)"])
        }
        let sealed = try read(path, atMost: octets)
        do {
            let key = try CryptoEngine().keyExchange(x25519: secret)
            return try BackupDocument(encoded: try sealing.open(sealed, with: key).exposed())
        } catch CryptoError.notAuthentic {
            throw fault(path, "was changed or cut short since it was made: take another backup")
        } catch CryptoError.badKey(let why) {
            throw fault(path, "is no backup that this key opens: \(why)")
        } catch {
            throw fault(path, "holds no backup this program knows: \(error)")
        }
    }

    private static func read(_ path: String, atMost limit: Int) throws -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path) else { throw fault(path, String(cString: strerror(errno))) }
        defer { try? file.close() }
        guard let data = try file.read(upToCount: limit + 1) else { return [] }
        guard data.count <= limit else { throw fault(path, "is larger than \(limit) octets") }
        return [UInt8](data)
    }

    /// Never over a file that is there, and whole or not at all.
    private static func write(_ octets: [UInt8], to path: String) throws {
        guard access(path, F_OK) != 0 else { throw fault(path, "exists already: choose another name") }
        do {
            try Data(octets).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw fault(path, "cannot be written: \(error.localizedDescription)")
        }
    }

    private static func fault(_ path: String, _ what: String) -> CommandEnd {
        CommandEnd(.usage, ["\(path): \(what)"])
    }
}
