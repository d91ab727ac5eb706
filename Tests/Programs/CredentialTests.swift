import Foundation
import IKECrypto
import IKEVocabulary
import KeyMaterial
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import ProgramKit
@testable import Settings

/// A folder of its own.
private struct Place {
    let path = NSTemporaryDirectory() + "gcks-trust-\(UUID().uuidString)"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// As tools do it: a new file in the place of the old one.
    @discardableResult
    func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        let (file, fresh) = (path + "/" + name, path + "/" + name + ".new")
        try Data(text.utf8).write(to: URL(fileURLWithPath: fresh))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: fresh)
        _ = rename(fresh, file)
        return file
    }
}

private func isEqual(_ key: HeldSecret?, _ text: String) -> Bool { key?.secret.exposed() == Array(text.utf8) }

@Suite struct SharedKeyFileTests {
    @Test func everyFormIsRead() throws {
        let place = try Place()
        defer { place.remove() }
        let path = try place.write(
            "keys",
            "# comment\n\nfqdn:GM1.example  correct horse battery \nkeyid:a\t0x00 01020304050607Ff\n  keyid:b 12345678")
        let keys = try SharedKeyFile.read(path)
        #expect(keys.count == 3)
        #expect(isEqual(keys[.fqdn("gm1.example")], "correct horse battery"))
        #expect(keys[.keyID("a")]?.secret.exposed() == [0, 1, 2, 3, 4, 5, 6, 7, 255])
        #expect(isEqual(keys[.keyID("b")], "12345678"))
    }

    @Test(arguments: [
        "keyid:a short", "keyid:a 0x0102", "keyid:a 0x0102030405060708f", "keyid:a 0x01020304050607zz",
        "nobody 12345678",
        "keyid:a", "keyid:a 12345678\nkeyid:a 87654321", "fqdn:a 12345678\nfqdn:A 12345678",
    ]) func whatIsWrongIsRefusedWithItsLine(_ text: String) throws {
        let place = try Place()
        defer { place.remove() }
        let path = try place.write("keys", text)
        #expect { try SharedKeyFile.read(path) } throws: { error in
            "\(error)".hasPrefix("\(path):\(text.split(separator: "\n").count): ")
        }
    }

    @Test func aFileThatOthersMayReadIsRefused() throws {
        let place = try Place()
        defer { place.remove() }
        let path = try place.write("keys", "keyid:a 12345678\n", mode: 0o640)
        #expect(throws: CredentialFault.self) { try SharedKeyFile.read(path) }
        #expect(throws: CredentialFault.self) { try SharedKeyFile.read(place.path) }
        #expect(throws: CredentialFault.self) { try SharedKeyFile.read(place.path + "/nothing") }
    }
}

@Suite struct TrustWatchTests {
    /// 2027-01-01, when the vectors' CRLs are current.
    private let now = WallTime(milliseconds: 1_798_761_600_000)

    private func chain(_ leaf: String) throws -> [[UInt8]] {
        try [leaf, CertificateVectors.issuing].map { try #require(PEM.certificates(Array($0.utf8)).first) }
    }

    private func files(_ place: Place, crl: String) throws -> CredentialFiles {
        var files = CredentialFiles()
        files.trustAnchors = [try place.write("root.pem", CertificateVectors.root)]
        files.revocationLists = [
            try place.write("root.crl", CertificateVectors.rootCRL), try place.write("issuing.crl", crl),
        ]
        files.sharedKeys = try place.write("keys", "keyid:a 12345678\n")
        return files
    }

    @Test func aNewCRLIsTakenAndWhatWasJudgedIsJudgedAgain() throws {
        let place = try Place()
        defer { place.remove() }
        let files = try files(place, crl: CertificateVectors.issuingCRL)
        var watch = TrustWatch(files)
        let trust = try FileTrust(files)
        let good = try chain(CertificateVectors.ecdsa)
        #expect(throws: Never.self) { try trust.judge(good, at: now) }
        #expect(throws: CertificateRefusal.self) { try trust.judge(chain(CertificateVectors.rsa), at: now) }
        #expect(watch.poll().isEmpty)

        // Without its issuer's CRL the leaf is not to be believed, remembered or not.
        try place.write("issuing.crl", CertificateVectors.rootCRL)
        for result in watch.poll() { trust.apply(try result.get()) }
        #expect(throws: CertificateRefusal.self) { try trust.judge(good, at: now) }
        #expect(watch.poll().isEmpty)

        try place.write("issuing.crl", CertificateVectors.issuingCRL)
        for result in watch.poll() { trust.apply(try result.get()) }
        #expect(throws: Never.self) { try trust.judge(good, at: now) }
    }

    @Test func aFileThatDoesNotParseChangesNothingAndIsToldOnce() throws {
        let place = try Place()
        defer { place.remove() }
        let files = try files(place, crl: CertificateVectors.issuingCRL)
        var watch = TrustWatch(files)
        let trust = try FileTrust(files)
        try place.write("issuing.crl", String(CertificateVectors.issuingCRL.dropLast(200)))
        try place.write("keys", "keyid:a\n")
        let results = watch.poll()
        #expect(results.count == 2)
        for result in results { #expect(throws: CredentialFault.self) { try result.get() } }
        #expect(watch.poll().isEmpty)
        #expect(throws: Never.self) { try trust.judge(chain(CertificateVectors.ecdsa), at: now) }
        #expect(isEqual(trust.sharedKey(with: .keyID("a")), "12345678"))
        // Whatever is wrong is tried again, even when only another file becomes right.
        try place.write("keys", "keyid:a abcdefgh\nkeyid:b 87654321\n")
        for result in watch.poll() { trust.apply(try result.get()) }
        #expect(isEqual(trust.sharedKey(with: .keyID("a")), "abcdefgh"))
        #expect(trust.ownKey(with: nil) == nil)
        #expect(isEqual(trust.ownKey(with: .keyID("b")), "87654321"))
        try FileManager.default.removeItem(atPath: place.path + "/issuing.crl")
        #expect(watch.poll().count == 1)
        try place.write("issuing.crl", CertificateVectors.issuingCRL)
        #expect(try watch.poll().map { try $0.get().name } == ["crls"])
    }

    @Test func theWatchTellsAndHandsOver() async throws {
        let place = try Place()
        defer { place.remove() }
        let files = try files(place, crl: CertificateVectors.issuingCRL)
        let lines = Mutex<[String]>([])
        let log = EventLog(program: "t", sink: .json) { line in lines.withLock { $0.append(line) } }
        let (updates, continuation) = AsyncStream.makeStream(of: String.self)
        let watching = TrustWatch(files).run(every: .milliseconds(20), log: log) { continuation.yield($0.name) }
        defer { watching.cancel() }
        try place.write("keys", "nonsense\n")
        while log.counts["trust-not-reloaded"] == nil { try await Task.sleep(for: .milliseconds(5)) }
        try place.write("keys", "keyid:c 12345678\n")
        var iterator = updates.makeAsyncIterator()
        #expect(await iterator.next() == "shared_keys")
        while log.counts["trust-reloaded"] == nil { try await Task.sleep(for: .milliseconds(5)) }
        #expect(lines.withLock { $0 }.contains { $0.contains("\"error\"") && $0.contains("keys:1: ") })
    }
}
