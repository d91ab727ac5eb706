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
        try await sink.activate(sa.reference, replacing: [])
        try await sink.remove(sa.reference)
        let text = try String(contentsOfFile: place + "/sas.jsonl", encoding: .utf8)
        #expect(!text.contains(keyText))
        let records = try text.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(records.map { $0["action"] as? String } == ["install", "activate", "remove"])
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
}

@Suite struct ExecSinkTests {
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
        let sink = try ExecSink(command: path, arguments: [place], now: { "t" })
        let sa = try dataSA()
        try await sink.install(sa)
        try await sink.remove(sa.reference)
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
        let sink = try ExecSink(command: failing, arguments: [], now: { "t" })
        let sa = try dataSA()
        await #expect(throws: SinkFailure.self) { try await sink.remove(sa.reference) }
        let (slow, _) = try program("exec sleep 60")
        let waiting = try ExecSink(command: slow, arguments: [], now: { "t" })
        let start = ContinuousClock.now
        await #expect(throws: SinkFailure.self) { try await waiting.remove(sa.reference) }
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(throws: SinkFailure.self) { try ExecSink(command: "/nonexistent", arguments: [], now: { "t" }) }
    }
}
