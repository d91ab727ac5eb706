import Foundation
import KeyMaterial
import RootKey
import TestKit
import Testing

@Suite struct RootKeyringTests {
    private func ring(_ seed: UInt64 = 1) throws -> RootKeyring {
        var entropy = SeededEntropy(seed: seed)
        return try RootKeyring(key: entropy.secret(32))
    }

    private func file(_ content: Data, mode: Int = 0o600) throws -> String {
        let path = NSTemporaryDirectory() + "gcks-root-\(UUID().uuidString)"
        try content.write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    @Test func aSealedKeyOpensInItsOwnPlaceOnly() throws {
        let ring = try ring()
        let sealed = ring.seal(SecretOctets(copying: hex("0011223344")), context: "gcks/1/a")
        #expect(try ring.open(sealed, context: "gcks/1/a").exposed() == hex("0011223344"))
        #expect(throws: SealingError.notAuthentic) { _ = try ring.open(sealed, context: "gcks/1/b").count }
        let other = try self.ring(2)
        #expect(throws: SealingError.unknownRootKey(ring.id)) { _ = try other.open(sealed, context: "gcks/1/a").count }
    }

    @Test func noChangedOctetOpens() throws {
        let ring = try ring()
        let sealed = ring.seal(SecretOctets(copying: hex("0011223344")), context: "x")
        for index in sealed.octets.indices {
            var octets = sealed.octets
            octets[index] ^= 1
            #expect(throws: SealingError.self) { _ = try ring.open(SealedKey(octets: octets), context: "x").count }
            let cut = SealedKey(octets: Array(sealed.octets.prefix(index)))
            #expect(throws: SealingError.self) { _ = try ring.open(cut, context: "x").count }
        }
    }

    @Test func rawAndHexFilesAreTheSameKey() throws {
        let raw = Data((0..<32).map { UInt8($0) })
        let text = Data((raw.map { String(format: "%02x", $0) }.joined() + "\n").utf8)
        #expect(try RootKeyring(file: try file(raw)).id == RootKeyring(file: try file(text)).id)
    }

    @Test func aFileThatOthersMayReadIsRefused() throws {
        let path = try file(Data(repeating: 7, count: 32), mode: 0o640)
        #expect(throws: RootKeyError.openToOthers(path: path, mode: "640")) { try RootKeyring(file: path) }
    }

    @Test(arguments: [63, 65, 0]) func otherCountsOfDigitsAreRefused(_ count: Int) throws {
        let path = try file(Data(String(repeating: "a", count: count).utf8))
        #expect(throws: RootKeyError.wrongSize(path: path)) { try RootKeyring(file: path) }
    }

    @Test func otherThingsThanAFileAreRefused() throws {
        let folder = NSTemporaryDirectory() + "gcks-root-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        #expect(mkfifo(folder + "/pipe", 0o600) == 0)
        for path in [folder, folder + "/pipe"] {
            #expect(throws: RootKeyError.self) { try RootKeyring(file: path) }
        }
        let odd = try file(Data((String(repeating: "ab", count: 31) + "zz").utf8))
        #expect(throws: RootKeyError.wrongSize(path: odd)) { try RootKeyring(file: odd) }
    }

    /// The text of a root key file is nowhere in this process after it was read; freed memory counts.
    @Test func theTextOfTheKeyDoesNotLinger() throws {
        let path = NSTemporaryDirectory() + "gcks-root-\(UUID().uuidString)"
        let hidden = try HiddenText.write(to: path)
        let ring = try RootKeyring(file: path)
        #expect(try hidden.occurrences() == 0)
        // The search finds what is there.
        let copy = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        #expect(try hidden.occurrences() > 0)
        #expect(copy.count == 64 && ring.id != 0)
    }

    @Test func aShortFileIsRefused() throws {
        let path = try file(Data(repeating: 7, count: 31))
        #expect(throws: RootKeyError.wrongSize(path: path)) { try RootKeyring(file: path) }
        #expect(throws: RootKeyError.self) { try RootKeyring(file: "/nonexistent/root.key") }
        #expect(throws: RootKeyError.noCredential("root")) { try RootKeyring(credential: "root") }
    }

    @Test func aFileMayHoldTwoRootKeys() throws {
        let one = Data((0..<32).map { String(format: "%02x", $0) }.joined().utf8)
        let other = Data((32..<64).map { String(format: "%02x", $0) }.joined().utf8)
        let newline = Data([0x0a])
        let both = try RootKeyring(file: try file(other + newline + one + newline))
        let old = try RootKeyring(file: try file(one))
        #expect(both.rootKeys == [try RootKeyring(file: try file(other)).id, old.id])
        // All open, one seals.
        let key = hex("0011223344")
        let sealed = old.seal(SecretOctets(copying: key), context: "x")
        #expect(try both.open(sealed, context: "x").exposed() == key)
        #expect(sealed.rootKey == old.id)
        #expect(both.seal(SecretOctets(copying: key), context: "x").rootKey == both.rootKeys[0])
        #expect(both.seal(under: old.id))
        #expect(both.seal(SecretOctets(copying: key), context: "x").rootKey == old.id)
        #expect(!both.seal(under: 1))
        #expect(both.sealingRootKey == old.id)
        let twice = try file(one + newline + one)
        #expect(throws: RootKeyError.sameTwice(path: twice)) { try RootKeyring(file: twice) }
    }
}
