import Foundation
import IKEVocabulary
import Settings
import Testing

@Suite struct AuditSettingsTests {
    private func load(_ audit: String) throws -> AuthoritySettings {
        let folder = FileManager.default.temporaryDirectory.appending(path: "audit-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let key = folder.appending(path: "root.key")
        try Data(repeating: 0x61, count: 64).write(to: key)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key.path)
        let text = """
            name: authority-1
            data: /var/lib/gcks
            rpc: { unix: /run/gcks/a.sock }
            root_key: { file: \(key.path) }
            \(audit)
            """
        let file = folder.appending(path: "authority.yaml")
        try Data(text.utf8).write(to: file)
        return try AuthoritySettings.load(file: file.path)
    }

    @Test func leftOutItIsFourHundredDays() throws {
        let audit = try load("").audit
        #expect(audit.kept == Lifetime(seconds: 34_560_000) && audit.records == 1_000_000)
    }

    @Test func itIsRead() throws {
        let audit = try load("audit: { kept: 30d, records: 5000 }").audit
        #expect(audit.kept == Lifetime(seconds: 2_592_000) && audit.records == 5000)
    }

    @Test(arguments: [
        ("audit: { kept: 59m }", "audit.kept"), ("audit: { records: 999 }", "audit.records"),
        ("audit: { keep: 1d }", "audit.keep"), ("audit: { kept: forever }", "audit.kept"),
    ])
    func badValuesAreNamed(_ text: String, _ path: String) throws {
        let refused = #expect(throws: SettingsFaults.self) { try load(text) }
        #expect(refused?.faults.first?.description.contains(path) == true)
    }
}
