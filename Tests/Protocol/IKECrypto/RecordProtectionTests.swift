import IKECrypto
import IKEVocabulary
import KeyMaterial
import TestKit
import Testing

/// Expected values: Python cryptography, "inner payloads, 27 octets.." under 32 octets of associated data.
@Suite struct RecordProtectionTests {
    struct Row: Sendable {
        let suite: ProtectionSuite
        let sealed: String
        var key: [UInt8] {
            let cipher = (0..<suite.encryptionKeyOctets - (suite.isAEAD ? 4 : 0)).map { UInt8(0x40 + $0) }
            return suite.isAEAD ? cipher + Array("salt".utf8) : cipher
        }
        var integrityKey: [UInt8] { (0..<suite.integrityKeyOctets).map { UInt8(0x80 + $0) } }
        var iv: [UInt8] { suite.isAEAD ? (0..<8).map { UInt8($0) } : (0xe0..<0xf0).map { UInt8($0) } }
    }

    static let rows = [
        Row(
            suite: .aesGCM128,
            sealed:
                "0001020304050607d9d6ccef7fee3ed446bf99f3c0d2f56b1ad6576b561ccc41fddb345972cc2bc7fa4b3832c856eca8aa6761fc"
        ),
        Row(
            suite: .aesGCM256,
            sealed:
                "000102030405060774aa1dadc2c98d63cf1fe0f6915de36b2351d8ed519d293215479c673906e5d16470c9c8680d51aac5a22f97"
        ),
        Row(
            suite: .chacha20Poly1305,
            sealed:
                "0001020304050607e6df85e9b0f181d5b86580b87c94d24087bfaa1cc837bf68081a303afc56317d6e54807d511cbca3a0d13bcd"
        ),
        Row(
            suite: .aesCBC128SHA256,
            sealed: """
                e0e1e2e3e4e5e6e7e8e9eaebecedeeefe0b445d65bf6f75f69c0a6d695c3469d3ed89be8cfced67105281f530a7bc3b0
                a4544797b54e3693bc1f778f9ea03f1c
                """),
        Row(
            suite: .aesCBC256SHA256,
            sealed: """
                e0e1e2e3e4e5e6e7e8e9eaebecedeeef02c336a91b56bb7270750f45814f8802b260b94cdaa817eb16b7f255013ecbb4
                93ed317b06b51297613a360df21db26f
                """),
        Row(
            suite: .aesCBC256SHA384,
            sealed: """
                e0e1e2e3e4e5e6e7e8e9eaebecedeeef02c336a91b56bb7270750f45814f8802b260b94cdaa817eb16b7f255013ecbb4
                e23cc4a186ec00d73d0e4351ee29c208e6ca8881c1c84d55
                """),
        Row(
            suite: .aesCBC256SHA512,
            sealed: """
                e0e1e2e3e4e5e6e7e8e9eaebecedeeef02c336a91b56bb7270750f45814f8802b260b94cdaa817eb16b7f255013ecbb4
                a98283a5230e3baed95e94ed5ecaf103f30c8958659d07c2200c2272da4050d5
                """),
    ]
    static let plain = Array("inner payloads, 27 octets..".utf8)
    static let associated = (0..<32).map { UInt8($0) }

    private func open(
        _ engine: CryptoEngine, _ row: Row, key: [UInt8]? = nil, integrityKey: [UInt8]? = nil,
        associated: [UInt8] = Self.associated, _ sealed: [UInt8]
    ) throws -> [UInt8] {
        try engine.open(
            row.suite, key: SecretOctets(copying: key ?? row.key),
            integrityKey: SecretOctets(copying: integrityKey ?? row.integrityKey), associatedData: associated,
            sealed: sealed)
    }

    private func seal(_ engine: CryptoEngine, _ row: Row, _ plain: [UInt8]) throws -> [UInt8] {
        try engine.seal(
            row.suite, key: SecretOctets(copying: row.key), integrityKey: SecretOctets(copying: row.integrityKey),
            iv: row.iv, associatedData: Self.associated, plaintext: plain)
    }

    @Test(arguments: rows) func knownAnswers(_ row: Row) throws {
        let engine = CryptoEngine()
        #expect(try seal(engine, row, Self.plain) == hex(row.sealed))
        #expect(try open(engine, row, hex(row.sealed)) == Self.plain)
    }

    @Test(arguments: rows) func everyLengthComesBack(_ row: Row) throws {
        let engine = CryptoEngine()
        for count in 0...65 {
            let plain = [UInt8](repeating: 0xa5, count: count)
            let sealed = try seal(engine, row, plain)
            #expect(sealed.count == row.suite.sealedOctets(for: count))
            #expect(try open(engine, row, sealed) == plain)
            // The most that fits a room, fits; one more does not.
            guard let most = row.suite.plainOctets(within: sealed.count) else {
                #expect(count == 0 && row.suite.isAEAD)
                continue
            }
            #expect(most >= count)
            #expect(row.suite.sealedOctets(for: most) <= sealed.count)
            #expect(row.suite.sealedOctets(for: most + 1) > sealed.count)
        }
    }

    @Test(arguments: rows) func aFlippedBitDoesNotOpen(_ row: Row) throws {
        let engine = CryptoEngine()
        let sealed = hex(row.sealed)
        for bit in 0..<sealed.count * 8 {
            var changed = sealed
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: CryptoError.notAuthentic) { try open(engine, row, changed) }
        }
        for index in Self.associated.indices {
            var changed = Self.associated
            changed[index] ^= 0x80
            #expect(throws: CryptoError.notAuthentic) { try open(engine, row, associated: changed, sealed) }
        }
        for count in 0..<sealed.count {
            #expect(throws: CryptoError.notAuthentic) { try open(engine, row, Array(sealed.prefix(count))) }
        }
    }

    @Test(arguments: rows) func anotherKeyDoesNotOpen(_ row: Row) throws {
        let engine = CryptoEngine()
        // Every octet counts, the salt too. With CBC the integrity key alone decides.
        let key = row.suite.isAEAD ? row.key : row.integrityKey
        for index in key.indices {
            var changed = key
            changed[index] ^= 1
            #expect(throws: CryptoError.notAuthentic) {
                try open(
                    engine, row, key: row.suite.isAEAD ? changed : nil,
                    integrityKey: row.suite.isAEAD ? nil : changed, hex(row.sealed))
            }
        }
        #expect(throws: CryptoError.badKey("a key has the wrong size")) {
            try open(engine, row, key: Array(row.key.dropLast()), hex(row.sealed))
        }
    }

    /// Authentic, but the pad length exceeds what there is.
    @Test func aPadLengthBeyondTheTextIsRefused() throws {
        let engine = CryptoEngine()
        let row = Self.rows[1]
        let key = SecretOctets(copying: row.key.dropLast(4))
        let nonce = Array(row.key.suffix(4)) + row.iv
        for (octets, expected) in [([7, 2, 2], [] as [UInt8]?), ([7, 1, 1], [7]), ([7, 3, 3], nil), ([0xff], nil)]
            as [([UInt8], [UInt8]?)]
        {
            let body = try engine.sealPlain(
                key: key, nonce: nonce, associatedData: Self.associated, plaintext: SecretOctets(copying: octets))
            #expect((try? open(engine, row, row.iv + body)) == expected)
        }
    }

    @Test func storedKeysOpenOnlyWhereTheyBelong() throws {
        let engine = CryptoEngine()
        let key = SecretOctets(copying: [UInt8](repeating: 9, count: 32))
        let nonce = [UInt8](repeating: 3, count: 12)
        let sealed = try engine.sealPlain(
            key: key, nonce: nonce, associatedData: [1], plaintext: SecretOctets(copying: [1, 2, 3]))
        #expect(
            try engine.openPlain(key: key, nonce: nonce, associatedData: [1], sealed: sealed).exposed() == [1, 2, 3])
        #expect(throws: CryptoError.notAuthentic) {
            _ = try engine.openPlain(key: key, nonce: nonce, associatedData: [2], sealed: sealed).count
        }
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: CryptoError.notAuthentic) {
                _ = try engine.openPlain(key: key, nonce: nonce, associatedData: [1], sealed: changed).count
            }
        }
    }
}
