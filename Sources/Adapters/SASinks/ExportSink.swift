import Foundation
package import GroupModel
package import IKEVocabulary
import KeyMaterial

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
        try append(record)
        guard withKeys else { return }
        switch sa.content {
        case .rekey(let keyed): try append(WiresharkRow.rekeySA(keyed), to: WiresharkRow.ikeTable)
        case .data(let keyed, _): try append(WiresharkRow.dataSA(keyed), to: WiresharkRow.espTable)
        }
    }

    package func activate(_ sa: GroupSAReference, replacing old: [GroupSAReference]) throws {
        try append(SinkRecord.activate(sa, replacing: old, time: now()))
    }

    package func sendAs(_ senderIDs: [SenderID], _ sa: GroupSAReference) throws {
        try append(SinkRecord.sendAs(senderIDs, sa, time: now()))
    }

    package func stop(_ sa: GroupSAReference) throws { try append(SinkRecord("stop", sa, time: now())) }

    package func remove(_ sa: GroupSAReference) throws { try append(SinkRecord("remove", sa, time: now())) }

    private func append(_ record: SinkRecord) throws { try append(record.text(), to: "sas.jsonl") }

    private func append(_ text: SecretText?, to file: String) throws {
        guard let octets = text?.octets() else { return }
        let path = folder + "/" + file
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SinkFailure("\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        let written = octets.withUnsafeOctets { write(descriptor, $0.baseAddress, $0.count) }
        guard written == octets.count else { throw SinkFailure("\(path) is not written") }
    }
}
