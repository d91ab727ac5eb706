import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import GroupKeying

@Suite struct KeyPathTests {
    private let engine = CryptoEngine()
    private let gskW = Self.key(0xee)

    private static func key(_ octet: UInt8) -> HeldSecret {
        HeldSecret(SecretOctets(copying: [UInt8](repeating: octet, count: 32)))
    }

    private func wrapped(_ key: HeldSecret, _ keyID: UInt32, under kwk: HeldSecret, _ kwkID: UInt32) throws
        -> WrappedKey
    {
        WrappedKey(
            keyID: keyID, kwkID: kwkID,
            wrapped: try engine.wrap(.kw5649_256, kwk: kwk.secret, key: key.secret))
    }

    private func finder(
        _ wrapKeys: [WrappedKey], _ path: WorkingKeyPath = WorkingKeyPath(), _ source: DownloadSource = .registration
    ) -> KeyFinder {
        KeyFinder(
            gskW: gskW, keyWrap: .kw5649_256, engine: engine, wrapKeys: wrapKeys, workingPath: path, source: source)
    }

    /// Leaf 3 under GSK_w, 2 under 3, 1 under 2.
    private func memberPath() throws -> WorkingKeyPath {
        let keys = [
            try wrapped(Self.key(1), 1, under: Self.key(2), 2), try wrapped(Self.key(2), 2, under: Self.key(3), 3),
            try wrapped(Self.key(3), 3, under: gskW, 0),
        ]
        var finder = finder(keys)
        _ = try finder.open([try wrapped(Self.key(9), 0, under: Self.key(1), 1)])
        #expect(finder.workingPath.keyIDs == [1, 2, 3])
        return finder.workingPath
    }

    /// Each layer names the next one many times, and the last key is not there.
    @Test(.timeLimit(.minutes(1))) func aTreeThatLeadsNowhereIsGivenUpAtOnce() throws {
        let entry = { (id: UInt32) in WrappedKey(keyID: id, kwkID: id + 1, wrapped: [UInt8](repeating: 7, count: 40)) }
        let keys = (1...64 as ClosedRange<UInt32>).flatMap { id in (0..<32).map { _ in entry(id) } }
        var finder = finder(keys)
        let candidates = (0..<64).map { _ in WrappedKey(keyID: 0, kwkID: 1, wrapped: keys[0].wrapped) }
        #expect(throws: DownloadRefusal.noKeyPath) { try finder.open(candidates) }
    }

    /// The same with keys that open, but for the way from the last to the SA.
    @Test(.timeLimit(.minutes(1))) func manyWaysToOneKeyAreOne() throws {
        var keys: [WrappedKey] = []
        for id in 1...20 as ClosedRange<UInt32> {
            let kwk = id == 20 ? gskW : Self.key(UInt8(id + 1))
            let entry = try wrapped(Self.key(UInt8(id)), id, under: kwk, id == 20 ? 0 : id + 1)
            keys += (0..<32).map { _ in entry }
        }
        var finder = finder(keys)
        let wrong = WrappedKey(keyID: 0, kwkID: 1, wrapped: [UInt8](repeating: 7, count: 40))
        let right = try wrapped(Self.key(9), 0, under: Self.key(1), 1)
        #expect(try finder.open([wrong, right]).secret.constantTimeEquals(Self.key(9).secret))
        #expect(finder.workingPath.keyIDs == Array(1...20))
    }

    @Test func aCircleOpensNothing() throws {
        let keys = [
            try wrapped(Self.key(1), 1, under: Self.key(2), 2), try wrapped(Self.key(2), 2, under: Self.key(1), 1),
        ]
        var finder = finder(keys)
        let candidate = try wrapped(Self.key(9), 0, under: Self.key(1), 1)
        #expect(throws: DownloadRefusal.noKeyPath) { try finder.open([candidate]) }
    }

    @Test func aRekeyReplacesThePathUpToItsAnchor() throws {
        let path = try memberPath()
        var finder = finder([try wrapped(Self.key(7), 7, under: Self.key(3), 3)], path, .rekey)
        _ = try finder.open([try wrapped(Self.key(9), 0, under: Self.key(7), 7)])
        #expect(finder.workingPath.keyIDs == [7, 3])
    }

    @Test func aPathThatHangsOnGSKwIsKeptAtRegistrationOnly() throws {
        let path = try memberPath()
        let keys = [try wrapped(Self.key(7), 7, under: gskW, 0)]
        let candidate = try wrapped(Self.key(9), 0, under: Self.key(7), 7)
        var rekey = finder(keys, path, .rekey)
        #expect(try rekey.open([candidate]).secret.constantTimeEquals(Self.key(9).secret))
        #expect(rekey.workingPath.keyIDs == [1, 2, 3])
        var registration = finder(keys)
        _ = try registration.open([candidate])
        #expect(registration.workingPath.keyIDs == [7])
        // Where both ways are there, the one that can be kept is taken.
        var both = finder(keys + [try wrapped(Self.key(7), 7, under: Self.key(3), 3)], path, .rekey)
        _ = try both.open([candidate])
        #expect(both.workingPath.keyIDs == [7, 3])
    }

    @Test func aPathDoesNotGrowForEver() throws {
        var path = try memberPath()
        func grow(_ id: UInt32) throws -> WorkingKeyPath {
            let (above, below) = (Self.key(UInt8(id)), Self.key(UInt8(id == 10 ? 1 : id - 1)))
            var finder = finder([try wrapped(above, id, under: below, id == 10 ? 1 : id - 1)], path, .rekey)
            _ = try finder.open([try wrapped(Self.key(9), 0, under: above, id)])
            return finder.workingPath
        }
        for id in 10..<10 + UInt32(KeyingLimits.keyPathDepth - 3) { path = try grow(id) }
        #expect(path.keyIDs.count == KeyingLimits.keyPathDepth)
        #expect(throws: DownloadRefusal.keys("a key path of more than 64 keys")) {
            try grow(10 + UInt32(KeyingLimits.keyPathDepth - 3))
        }
    }

    @Test func aKeyOfTheTreeHasTheSizeOfTheKeyWrap() throws {
        let short = HeldSecret(SecretOctets(copying: [UInt8](repeating: 7, count: 16)))
        var finder = finder([try wrapped(short, 7, under: gskW, 0)])
        #expect(throws: DownloadRefusal.noKeyPath) {
            try finder.open([WrappedKey(keyID: 0, kwkID: 7, wrapped: [UInt8](repeating: 7, count: 40))])
        }
    }
}
