import IKECrypto
import KeyMaterial
import Octets
import TestKit
import Testing

@Suite struct RecipientSealingTests {
    private let engine = CryptoEngine()
    private let plain = Array("what a cluster is made again from".utf8)

    private func key(_ octet: UInt8) throws -> KeyExchangeSecret {
        try engine.keyExchange(x25519: SecretOctets(copying: [UInt8](repeating: octet, count: 32)))
    }

    /// From another implementation (python3-cryptography, X25519 of 01 02 … 20).
    @Test func aPrivateValueGivesItsPublicOne() throws {
        let secret = SecretOctets(copying: (1...32).map { UInt8($0) })
        let expected = "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c"
        #expect(Hex.encode(try engine.keyExchange(x25519: secret).publicValue) == expected)
    }

    @Test func onlyTheRecipientOpensItAndOnlyWhole() throws {
        var entropy = SeededEntropy(seed: 5)
        let sealing = RecipientSealing(magic: "TESTFILE")
        let (recipient, other) = (try key(7), try key(9))
        let sealed = try sealing.seal(
            SecretOctets(copying: plain), to: recipient.publicValue, entropy: &entropy)
        #expect(sealed.count == 8 + 32 + 32 + plain.count + 16)
        #expect(try sealing.open(sealed, with: recipient).exposed() == plain)
        #expect(throws: CryptoError.self) { _ = try sealing.open(sealed, with: other).exposed() }
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 0x80
            // X25519 ignores the top bit of a public value, but the value is authenticated as it stands.
            #expect(throws: CryptoError.self, "octet \(index)") {
                _ = try sealing.open(changed, with: recipient).exposed()
            }
        }
        for count in [0, 8, 71, 87, sealed.count - 1] {
            #expect(throws: CryptoError.self) {
                _ = try sealing.open(Array(sealed.prefix(count)), with: recipient).exposed()
            }
        }
    }
}
