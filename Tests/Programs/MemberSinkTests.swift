import Foundation
import SASinks
import Synchronization
import Telemetry
import Testing

@testable import Settings
@testable import gcks_member

@Suite struct MemberSinkTests {
    /// Keys on disk are announced as loudly as the key log.
    @Test(arguments: [true, false]) func keysInTheExportAreWarnedOf(_ withKeys: Bool) throws {
        let place = NSTemporaryDirectory() + "gcks-sinks-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        let (key, file) = (place + "/key", place + "/member.yaml")
        _ = FileManager.default.createFile(atPath: key, contents: Data([1]), attributes: [.posixPermissions: 0o600])
        let text = """
            identity: "fqdn:a"
            frontends: [{ address: "192.0.2.1:500" }]
            credentials: { shared_keys: \(key) }
            groups: [{ id: "keyid:g" }]
            sinks: [{ export: { folder: \(place)/out, with_keys: \(withKeys) } }]
            """
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        let lines = Mutex<[String]>([])
        let log = EventLog(program: "t", sink: .json) { line in lines.withLock { $0.append(line) } }
        #expect(try Member.makeSinks(try MemberSettings.load(file: file), log).count == 1)
        let warnings = lines.withLock { $0 }.filter { $0.contains("\"warning\"") && $0.contains("reads the traffic") }
        #expect(warnings.count == (withKeys ? 1 : 0))
    }
}
