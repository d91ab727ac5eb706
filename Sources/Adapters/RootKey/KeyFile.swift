import Glibc
package import KeyMaterial
import Octets

/// A file of keys of 32 octets, raw or as hex digits, for its owner only: one key, or two root keys. Its octets go from the kernel
/// into a block that is zeroised, and nowhere else.
package enum KeyFile {
    private static let keyOctets = 32
    private static let fileOctets = 1024

    package static func read(_ path: String) throws(RootKeyError) -> SecretOctets {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(path) }
        guard status.st_mode & 0o077 == 0 else {
            throw .openToOthers(path: path, mode: String(status.st_mode & 0o777, radix: 8))
        }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= fileOctets else {
            throw .unreadable(path: path, why: "not a file of at most \(fileOctets) octets")
        }
        let content = try SecretOctets(count: Int(status.st_size)) { (block) throws(RootKeyError) in
            var filled = 0
            while filled < block.count {
                let count = Glibc.read(descriptor, block.baseAddress.map { $0 + filled }, block.count - filled)
                guard count > 0 || (count < 0 && errno == EINTR) else { throw failure(path) }
                filled += max(count, 0)
            }
        }
        guard content.count != keyOctets else { return content }
        // Two root keys have twice the digits.
        let count = content.withUnsafeOctets { text in
            text.count { !Hex.isSpace($0) } > 2 * keyOctets ? 2 * keyOctets : keyOctets
        }
        return try SecretOctets(count: count) { (key) throws(RootKeyError) in
            let isWhole = content.withUnsafeOctets { decodeHex($0, into: key) }
            guard isWhole else { throw .wrongSize(path: path) }
        }
    }

    private static func failure(_ path: String) -> RootKeyError {
        .unreadable(path: path, why: String(cString: strerror(errno)))
    }

    /// False unless the text is exactly so many pairs of hex digits; white space is skipped.
    private static func decodeHex(_ text: UnsafeRawBufferPointer, into key: UnsafeMutableRawBufferPointer) -> Bool {
        var digits = 0
        for character in text {
            if Hex.isSpace(character) { continue }
            guard let nibble = Hex.nibble(character) else { return false }
            guard digits < key.count * 2 else { return false }
            key[digits / 2] = key[digits / 2] << 4 | nibble
            digits += 1
        }
        return digits == key.count * 2
    }
}
