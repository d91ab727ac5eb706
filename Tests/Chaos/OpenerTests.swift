import IKECrypto
import IKEVocabulary
import KeyMaterial
import Testing

@testable import gcks_chaos

@Suite struct OpenerTests {
    private let key = [UInt8](0..<36)

    private func row(_ key: [UInt8]) -> String {
        let hex = key.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return
            "0707070707070707,0707070707070707,\(hex),\(hex),\"AES-GCM-256 with 16 octet ICV [RFC5282]\",,,\"NONE [RFC4306]\""
    }

    @Test func aLoggedKeyOpensItsMessageAndNoOther() throws {
        // Header and SK header are what the AEAD authenticates beside the text.
        let text: [UInt8] = [1, 2, 3, 4]
        let length = 28 + 4 + 8 + text.count + 1 + 16
        let head =
            [UInt8](repeating: 7, count: 16) + [46, 0x20, 41, 0x08, 0, 0, 0, 5, 0, 0, 0, UInt8(length)]
            + [0, 0, 0, UInt8(length - 28)]
        let secret = SecretOctets(copying: key)
        let sealed = try CryptoEngine().seal(
            .aesGCM256, key: secret, integrityKey: SecretOctets(copying: []), iv: [UInt8](repeating: 1, count: 8),
            associatedData: head, plaintext: text)
        let datagram = head + sealed
        let opener = try #require(RekeyOpener(row(key)))
        #expect(opener.opens(datagram))
        #expect(!opener.opens(Array(datagram.dropLast()) + [0]))
        let other = try #require(RekeyOpener(row(key.reversed())))
        #expect(!other.opens(datagram))
        #expect(RekeyOpener("nonsense") == nil)
    }
}
