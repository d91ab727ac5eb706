import Foundation
import GroupModel
import IKEVocabulary
import KeyMaterial
import Synchronization
import Telemetry
import TestKit
import Testing

/// Collects what a log writes.
private final class Lines: Sendable {
    private let all = Mutex<[String]>([])
    func add(_ line: String) { all.withLock { $0.append(line) } }
    var lines: [String] { all.withLock { $0 } }
}

@Suite struct EventLogTests {
    @Test func jsonLinesAreJSONWhateverAPeerSends() throws {
        let lines = Lines()
        let log = EventLog(program: "gcks-test", sink: .json) { lines.add($0) }
        let hostile = "a\"b\\c\n\u{1}\u{7f}é"
        log.record(Event("thing-happened", .notice, [("member", hostile)]))
        let line = try #require(lines.lines.first)
        #expect(!line.contains("\n"))
        let record = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(record["event"] == "thing-happened" && record["level"] == "notice" && record["program"] == "gcks-test")
        #expect(record["member"] == hostile)
        #expect(record["time"]?.hasSuffix("Z") == true)
    }

    @Test func plainLinesCannotBeForged() {
        let lines = Lines()
        let log = EventLog(program: "gcks-test", sink: .plain) { lines.add($0) }
        log.record(Event("a", .info, [("x", "1 level=error\ngcks-test error: forged")]))
        #expect(lines.lines.count == 1)
        #expect(lines.lines.first?.contains("\n") == false)
    }

    @Test func levelsAreHeldAndEverythingIsCounted() {
        let lines = Lines()
        let log = EventLog(program: "t", level: .warning, sink: .json) { lines.add($0) }
        log.record(Event("quiet", .info))
        log.record(Event("loud", .error))
        #expect(lines.lines.count == 1)
        #expect(log.counts == ["quiet": 1, "loud": 1])
    }

    @Test func whatAStrangerCausesIsLimited() {
        let lines = Lines()
        let log = EventLog(program: "t", sink: .json) { lines.add($0) }
        for _ in 0..<1000 { log.record(Event("dropped", .info, limitedBy: "192.0.2.1")) }
        #expect((1...10).contains(lines.lines.count))
        log.record(Event("dropped", .info, limitedBy: "192.0.2.2"))
        log.record(Event("important", .info))
        #expect(lines.lines.suffix(2).count == 2)
        #expect(lines.lines.last?.contains("important") == true)
        #expect(log.counts["dropped"] == 1001)
    }

    @Test func manyStrangersDoNotGrowTheTable() {
        let lines = Lines()
        let log = EventLog(program: "t", sink: .json) { lines.add($0) }
        for index in 0..<10_000 { log.record(Event("dropped", .info, limitedBy: "source \(index)")) }
        #expect(log.counts["dropped"] == 10_000)
        #expect((1...80).contains(lines.lines.count))
        log.record(Event("other", .info, limitedBy: "source 1"))
        #expect(lines.lines.last?.contains("other") == true)
    }
}

@Suite struct KeyLogTests {
    @Test func rowsAreWiresharksAndOnlyOurs() throws {
        let folder = NSTemporaryDirectory() + "gcks-keylog-\(UUID().uuidString)"
        let log = try #require(KeyLog(folder: folder))
        let key = HeldSecret(SecretOctets(copying: (0..<36).map { UInt8($0) }))
        let none = HeldSecret(SecretOctets(copying: []))
        for _ in 0..<2 {
            log.ike(
                spiI: IKESPI(rawValue: 1), spiR: IKESPI(rawValue: 2), suite: .aesGCM256, skEi: key, skEr: key,
                skAi: none,
                skAr: none)
        }
        log.ike(
            spiI: IKESPI(rawValue: 3), spiR: IKESPI(rawValue: 4), suite: .chacha20Poly1305, skEi: key, skEr: key,
            skAi: none, skAr: none)
        log.dataSA(
            KeyedDataSA(
                policy: DataSAPolicy(
                    spi: ESPSPI(rawValue: 0x1001), source: .any(ipv4: true),
                    destination: .single(try #require(IPAddress("239.1.1.1"))), suite: .aesGCM256,
                    sequenceNumbers: .unspecified32, lifetime: nil), key: key))
        let text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
        let ike = try String(contentsOfFile: folder + "/ikev2_decryption_table", encoding: .utf8)
        #expect(
            ike == "0000000000000001,0000000000000002,\(text),\(text),\"AES-GCM-256 with 16 octet ICV [RFC5282]\",,,"
                + "\"NONE [RFC4306]\"\n")
        let esp = try String(contentsOfFile: folder + "/esp_sa", encoding: .utf8)
        #expect(
            esp == "\"IPv4\",\"*\",\"239.1.1.1\",\"0x00001001\",\"AES-GCM with 16 octet ICV [RFC4106]\",\"0x\(text)\","
                + "\"NULL\",\"\"\n")
        let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/esp_sa")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        try FileManager.default.removeItem(atPath: folder)
    }

    /// What was written is not kept: after many other SAs the same row may stand again.
    @Test func aLongRunKeepsLittle() throws {
        let folder = NSTemporaryDirectory() + "gcks-keylog-\(UUID().uuidString)"
        let log = try #require(KeyLog(folder: folder))
        let key = HeldSecret(SecretOctets(copying: (0..<36).map { UInt8($0) }))
        let none = HeldSecret(SecretOctets(copying: []))
        func write(_ spi: UInt64) {
            log.ike(
                spiI: IKESPI(rawValue: spi), spiR: IKESPI(rawValue: 2), suite: .aesGCM256, skEi: key, skEr: key,
                skAi: none, skAr: none)
        }
        for spi in 1...4096 as ClosedRange<UInt64> { write(spi) }
        write(1)
        write(4097)
        write(1)
        let rows = try String(contentsOfFile: folder + "/ikev2_decryption_table", encoding: .utf8).split(
            separator: "\n")
        #expect(rows.count == 4098)
        #expect(rows.filter { $0.hasPrefix("0000000000000001,") }.count == 2)
        try FileManager.default.removeItem(atPath: folder)
    }
}

@Suite struct ClockTests {
    @Test func clocksMoveForward() {
        let clocks = Clocks()
        let (one, two) = (clocks.monotonic(), clocks.monotonic())
        #expect(one <= two)
        #expect(clocks.wall().milliseconds > 1_700_000_000_000)
        #expect(Timestamps.now().hasPrefix("20"))
    }
}
