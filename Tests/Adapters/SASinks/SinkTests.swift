import Foundation
import GroupModel
import IKEVocabulary
import KeyMaterial
import SASinks
import TestKit
import Testing

private func folder() -> String { NSTemporaryDirectory() + "gcks-sink-\(UUID().uuidString)" }

private func dataSA() throws -> InstalledGroupSA {
    let destination = try #require(IPAddress("239.1.1.2"))
    let policy = DataSAPolicy(
        spi: ESPSPI(rawValue: 0x1001), source: .any(ipv4: true), destination: .single(destination), suite: .aesGCM256,
        sequenceNumbers: .unspecified32, lifetime: Lifetime(seconds: 60))
    let key = HeldSecret(SecretOctets(copying: (0..<36).map { UInt8($0) }))
    return InstalledGroupSA(
        group: .keyID("g"),
        content: .data(
            KeyedDataSA(policy: policy, key: key),
            DataSAUse(
                mode: .tunnel, direction: .both, sendsAtOnce: true, senderIDs: [SenderID(rawValue: 7)],
                senderIDWidth: SenderIDWidth(bits: 16))), keyCheckValue: "cafe0123")
}

private let keyText = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"

@Suite struct ExportSinkTests {
    @Test func changesAreJSONLinesWithoutTheKey() async throws {
        let place = folder()
        let sink = try ExportSink(folder: place, withKeys: false, now: { "2026-11-24T00:00:00.000Z" })
        let sa = try dataSA()
        try await sink.install(sa)
        let old = GroupSAReference.data(ESPSPI(rawValue: 0x1000), group: .keyID("g"))
        try await sink.activate(sa.reference, replacing: [old])
        try await sink.sendAs([SenderID(rawValue: 8)], sa.reference)
        try await sink.stop(sa.reference)
        try await sink.remove(sa.reference)
        let text = try String(contentsOfFile: place + "/sas.jsonl", encoding: .utf8)
        #expect(!text.contains(keyText))
        let records = try text.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(records.map { $0["action"] as? String } == ["install", "activate", "send-as", "stop", "remove"])
        #expect(records[1]["replacing"] as? [String] == ["00001000"])
        #expect(records[2]["sender_ids"] as? [Int] == [8])
        #expect(records[3]["spi"] as? String == "00001001")
        #expect(records[0]["key_check_value"] as? String == "cafe0123")
        #expect(records[0]["spi"] as? String == "00001001")
        #expect(records[0]["sender_ids"] as? [Int] == [7])
        #expect(records[0]["lifetime_seconds"] as? Int == 60)
        #expect(!FileManager.default.fileExists(atPath: place + "/esp_sa"))
        try FileManager.default.removeItem(atPath: place)
    }

    @Test func keysAreWrittenOnlyWhenAskedFor() async throws {
        let place = folder()
        let sink = try ExportSink(folder: place, withKeys: true, now: { "t" })
        try await sink.install(try dataSA())
        let table = try String(contentsOfFile: place + "/esp_sa", encoding: .utf8)
        #expect(table.contains("\"0x\(keyText)\""))
        let mode = try FileManager.default.attributesOfItem(atPath: place + "/esp_sa")[.posixPermissions] as? Int
        #expect(mode == 0o600)
        try FileManager.default.removeItem(atPath: place)
    }

    @Test func everySAWiresharkHasANameForIsWritten() async throws {
        let place = folder()
        let sink = try ExportSink(folder: place, withKeys: true, now: { "t" })
        let octets = (0..<96).map { UInt8($0) }
        let first = try #require(IPAddress("239.1.1.0"))
        let last = try #require(IPAddress("239.1.1.255"))
        let data = DataSAPolicy(
            spi: ESPSPI(rawValue: 0x1002), source: .any(ipv4: true),
            destination: try #require(TrafficSelector(first: first, last: last, ipProtocol: 17)),
            suite: .aesCBC256SHA256, sequenceNumbers: .unspecified32, lifetime: nil)
        let key = HeldSecret(SecretOctets(copying: octets.prefix(64)))
        let use = DataSAUse(
            mode: .tunnel, direction: .inbound, sendsAtOnce: false, senderIDs: [], senderIDWidth: nil)
        try await sink.install(
            InstalledGroupSA(
                group: .keyID("g"), content: .data(KeyedDataSA(policy: data, key: key), use), keyCheckValue: "0"))
        let rekey = RekeySAPolicy(
            spi: RekeySPI(initiatorHalf: IKESPI(rawValue: 1), responderHalf: IKESPI(rawValue: 2)),
            source: .any(ipv4: true), destination: .single(first), suite: .aesCBC256SHA256, keyWrap: .kw5649_256,
            authentication: .implicit, lifetime: nil)
        let keymat = HeldSecret(SecretOctets(copying: octets))
        try await sink.install(
            InstalledGroupSA(
                group: .keyID("g"), content: .rekey(KeyedRekeySA(policy: rekey, keymat: keymat)), keyCheckValue: "0"))
        func hex(_ range: Range<UInt8>) -> String {
            range.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        #expect(
            try String(contentsOfFile: place + "/esp_sa", encoding: .utf8)
                == "\"IPv4\",\"*\",\"*\",\"0x00001002\",\"AES-CBC [RFC3602]\",\"0x\(hex(0..<32))\","
                + "\"HMAC-SHA-256-128 [RFC4868]\",\"0x\(hex(32..<64))\"\n")
        let sides = "\(hex(0..<32)),\(hex(0..<32)),\"AES-CBC-256 [RFC3602]\",\(hex(32..<64)),\(hex(32..<64))"
        #expect(
            try String(contentsOfFile: place + "/ikev2_decryption_table", encoding: .utf8)
                == "0000000000000001,0000000000000002,\(sides),\"HMAC_SHA2_256_128 [RFC4868]\"\n")
        try FileManager.default.removeItem(atPath: place)
    }
}

@Suite struct ExecSinkTests {
    /// Run by the shell: a file that was just written may still be open in the child of another test.
    private func program(_ body: String) throws -> (path: String, place: String) {
        let place = folder()
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let path = place + "/program"
        try Data("#!/bin/sh\n\(body)\n".utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
        return (path, place)
    }

    @Test func theChangeComesOnStandardInputAndTheKeyNowhereElse() async throws {
        let (path, place) = try program(
            "cat >> \"$1/in\"; tr '\\0' ' ' < /proc/$$/cmdline >> \"$1/args\"; env >> \"$1/env\"")
        let sink = try ExecSink(command: "/bin/sh", arguments: [path, place], now: { "t" })
        let sa = try dataSA()
        try await sink.install(sa)
        try await sink.stop(sa.reference)
        let input = try String(contentsOfFile: place + "/in", encoding: .utf8).split(separator: "\n")
        #expect(input.count == 2)
        let first = try #require(try JSONSerialization.jsonObject(with: Data(input[0].utf8)) as? [String: Any])
        #expect(first["key"] as? String == keyText)
        #expect(try !String(contentsOfFile: place + "/args", encoding: .utf8).contains(keyText))
        #expect(try !String(contentsOfFile: place + "/env", encoding: .utf8).contains(keyText))
        try FileManager.default.removeItem(atPath: place)
    }

    @Test func failuresAndSlownessAreTold() async throws {
        let (failing, _) = try program("cat > /dev/null; exit 3")
        let sink = try ExecSink(command: "/bin/sh", arguments: [failing], now: { "t" })
        let sa = try dataSA()
        await #expect(throws: SinkFailure.self) { try await sink.remove(sa.reference) }
        let (slow, _) = try program("exec sleep 60")
        let waiting = try ExecSink(command: "/bin/sh", arguments: [slow], now: { "t" })
        let start = ContinuousClock.now
        await #expect(throws: SinkFailure.self) { try await waiting.remove(sa.reference) }
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(throws: SinkFailure.self) { try ExecSink(command: "/nonexistent", arguments: [], now: { "t" }) }
    }

    @Test func whatAProgramStartedEndsWithIt() async throws {
        let (path, place) = try program("echo $$ > \"$1/one\"; sleep 60 & echo $! > \"$1/other\"; sleep 60")
        let sink = try ExecSink(command: "/bin/sh", arguments: [path, place], runTime: .seconds(3), now: { "t" })
        let start = ContinuousClock.now
        await #expect(throws: SinkFailure.self) { try await sink.remove(try dataSA().reference) }
        #expect(ContinuousClock.now - start < .seconds(20))
        func state(_ name: String) throws -> String? {
            let number = try String(contentsOfFile: place + "/" + name, encoding: .utf8).prefix { $0.isNumber }
            let status = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8)
            return status.map { String($0.split(separator: " ")[2]) }
        }
        // Our own child was reaped; its child is the init's to reap.
        #expect(try state("one") == nil)
        #expect([nil, "Z"].contains(try state("other")))
        try FileManager.default.removeItem(atPath: place)
    }

    /// More programs run than the pool has threads, and other work goes on.
    @Test func aProgramThatRunsHoldsUpNobody() async throws {
        let (path, place) = try program("cat > /dev/null; sleep 3")
        let reference = try dataSA().reference
        let running = try (0..<16).map { _ in
            let sink = try ExecSink(command: "/bin/sh", arguments: [path], now: { "t" })
            return Task { try await sink.remove(reference) }
        }
        try await Task.sleep(for: .milliseconds(300))
        let start = ContinuousClock.now
        await Task.detached {}.value
        #expect(ContinuousClock.now - start < .seconds(1))
        for task in running { try await task.value }
        try FileManager.default.removeItem(atPath: place)
    }
}
