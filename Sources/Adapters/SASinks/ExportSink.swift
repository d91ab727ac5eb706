import Foundation
package import GroupModel
import IKEVocabulary
import KeyMaterial
import Octets

/// Appends every change to `sas.jsonl` in a folder, one JSON object a line, never with a key; and, only when keys are asked
/// for, rows of Wireshark's `esp_sa` and `ikev2_decryption_table` beside it. Files have mode 0600.
package actor ExportSink: SASink {
    private let folder: String
    private let withKeys: Bool
    private let now: @Sendable () -> String

    /// - Parameter now: the time of a record, RFC 3339.
    package init(folder: String, withKeys: Bool, now: @escaping @Sendable () -> String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw SinkFailure("\(folder) cannot be made: \(error.localizedDescription)")
        }
        self.folder = folder
        self.withKeys = withKeys
        self.now = now
    }

    package func install(_ sa: InstalledGroupSA) throws {
        var record = SinkRecord("install", sa.reference, time: now())
        record.describe(sa)
        try append(record.line, to: "sas.jsonl")
        guard withKeys else { return }
        if let (row, file) = WiresharkRow.of(sa) { try append(row, to: file) }
    }

    package func activate(_ sa: GroupSAReference, replacing old: [GroupSAReference]) throws {
        try append(SinkRecord("activate", sa, time: now()).line, to: "sas.jsonl")
    }

    package func remove(_ sa: GroupSAReference) throws {
        try append(SinkRecord("remove", sa, time: now()).line, to: "sas.jsonl")
    }

    private func append(_ line: String, to file: String) throws {
        let path = folder + "/" + file
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SinkFailure("\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        let octets = Array((line + "\n").utf8)
        guard write(descriptor, octets, octets.count) == octets.count else {
            throw SinkFailure("\(path) is not written")
        }
    }
}

/// Rows of Wireshark's tables for a member's SAs; nil for suites Wireshark has no name for.
enum WiresharkRow {
    static func of(_ sa: InstalledGroupSA) -> (row: String, file: String)? {
        let octets = sa.keyOctets
        switch sa.content {
        case .data(let keyed, _):
            let suite = keyed.policy.suite
            guard let names = espNames(suite) else { return nil }
            let cipherKey = Hex.encode(octets.prefix(suite.encryptionKeyOctets))
            let integrityKey = Hex.encode(octets.dropFirst(suite.encryptionKeyOctets))
            let destination = keyed.policy.destination.first
            let fields = [
                destination.isIPv4 ? "IPv4" : "IPv6", "*", "\(destination)", "0x\(keyed.policy.spi)", names.cipher,
                "0x\(cipherKey)", names.integrity, integrityKey.isEmpty ? "" : "0x\(integrityKey)",
            ]
            return (fields.map { "\"\($0)\"" }.joined(separator: ","), "esp_sa")
        case .rekey(let keyed):
            let suite = keyed.policy.suite
            guard suite.encryption == .aesGCM16 else { return nil }
            let key = Hex.encode(octets.prefix(suite.encryptionKeyOctets))
            let spi = keyed.policy.spi
            let row =
                "\(spi.initiatorHalf),\(spi.responderHalf),\(key),\(key),"
                + "\"AES-GCM-\(suite.keyBits ?? 0) with 16 octet ICV [RFC5282]\",,,\"NONE [RFC4306]\""
            return (row, "ikev2_decryption_table")
        }
    }

    private static func espNames(_ suite: ProtectionSuite) -> (cipher: String, integrity: String)? {
        switch (suite.encryption, suite.integrity) {
        case (.aesGCM16, _): ("AES-GCM with 16 octet ICV [RFC4106]", "NULL")
        case (.aesCBC, .hmacSHA256_128): ("AES-CBC [RFC3602]", "HMAC-SHA-256-128 [RFC4868]")
        case (.aesCBC, .hmacSHA384_192): ("AES-CBC [RFC3602]", "HMAC-SHA-384-192 [RFC4868]")
        case (.aesCBC, .hmacSHA512_256): ("AES-CBC [RFC3602]", "HMAC-SHA-512-256 [RFC4868]")
        default: nil
        }
    }
}
