import Glibc
import IKEVocabulary
import KeyMaterial

/// Why credentials cannot be used: the file and what is wrong with it.
package struct CredentialFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// Files with certificates, CRLs and keys.
enum CredentialFile {
    private static let mostOctets = 1 << 24

    static func octets(_ path: String) throws(CredentialFault) -> [UInt8] {
        let (descriptor, status) = try opened(path)
        defer { close(descriptor) }
        var content = [UInt8](repeating: 0, count: Int(status.st_size))
        let count = content.withUnsafeMutableBytes { fill($0, from: descriptor) }
        guard count == content.count else { throw CredentialFault("\(path) changed while it was read") }
        return content
    }

    /// A file with a secret, which nobody but its owner may read: it goes straight into guarded memory.
    static func secret(_ path: String) throws(CredentialFault) -> SecretOctets {
        let (descriptor, status) = try opened(path)
        defer { close(descriptor) }
        guard status.st_mode & 0o077 == 0 else {
            throw CredentialFault("\(path) can be read by others; run chmod 600 \(path)")
        }
        return try SecretOctets(count: Int(status.st_size)) { (octets) throws(CredentialFault) in
            guard fill(octets, from: descriptor) == octets.count else {
                throw CredentialFault("\(path) changed while it was read")
            }
        }
    }

    private static func opened(_ path: String) throws(CredentialFault) -> (Int32, stat) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CredentialFault("\(path): \(String(cString: strerror(errno)))") }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= mostOctets else {
            close(descriptor)
            throw CredentialFault("\(path) is no file or too large")
        }
        return (descriptor, status)
    }

    private static func fill(_ octets: UnsafeMutableRawBufferPointer, from descriptor: Int32) -> Int {
        guard let base = octets.baseAddress else { return 0 }
        var count = 0
        while count < octets.count {
            let got = read(descriptor, base + count, octets.count - count)
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { break }
            count += got
        }
        return count
    }
}

/// One "identity secret" a line; '#' begins a comment. The secret is text, or octets as 0x and hex.
enum SharedKeyFile {
    private static let leastOctets = 8

    static func read(_ path: String) throws(CredentialFault) -> [Identity: HeldSecret] {
        let content = try CredentialFile.secret(path)
        var keys: [Identity: HeldSecret] = [:]
        try content.withUnsafeOctets { (content) throws(CredentialFault) in
            for (index, line) in content.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
                let parts = line.split(maxSplits: 1, whereSeparator: isBlank)
                guard let first = parts.first, first.first != UInt8(ascii: "#") else { continue }
                guard parts.count == 2, let identity = Identity(String(decoding: first, as: UTF8.self)) else {
                    throw CredentialFault("\(path):\(index + 1): not an identity and a secret")
                }
                guard let secret = secret(parts[1]) else {
                    throw CredentialFault(
                        "\(path):\(index + 1): a secret is text of \(leastOctets) octets or more, or 0x and as many in hex"
                    )
                }
                guard keys.updateValue(secret, forKey: identity.canonical) == nil else {
                    throw CredentialFault("\(path):\(index + 1): \(identity) stands twice")
                }
            }
        }
        return keys
    }

    private static func isBlank(_ octet: UInt8) -> Bool { octet == 0x20 || octet == 0x09 }

    private static func secret(_ text: Slice<UnsafeRawBufferPointer>) -> HeldSecret? {
        var text = text
        while text.last.map(isBlank) ?? false { text.removeLast() }
        while text.first.map(isBlank) ?? false { text.removeFirst() }
        guard text.starts(with: Array("0x".utf8)) else {
            return text.count < leastOctets ? nil : HeldSecret(SecretOctets(copying: text))
        }
        let digits = text.dropFirst(2)
        guard digits.allSatisfy({ nibble($0) != nil || isBlank($0) }) else { return nil }
        let count = digits.count { !isBlank($0) }
        guard count % 2 == 0, count / 2 >= leastOctets else { return nil }
        let octets = SecretOctets(count: count / 2) { octets in
            var at = 0
            for digit in digits {
                guard let value = nibble(digit) else { continue }
                octets[at / 2] = octets[at / 2] << 4 | value
                at += 1
            }
        }
        return HeldSecret(octets)
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x37
        case 0x61...0x66: digit - 0x57
        default: nil
        }
    }
}
