import IKECrypto
import IKEVocabulary
import KeyMaterial
import TestKit
import Testing

private func secret(_ text: String) -> SecretOctets { SecretOctets(copying: hex(text)) }

@Suite struct KeyWrapVectorTests {
    private static let kek = "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"

    @Test(arguments: [
        (
            "c37b7e6492584340bed12207808941155068f738",
            "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"
        ),
        ("466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
    ])
    func rfc5649(_ key: String, _ wrapped: String) throws {
        let engine = CryptoEngine()
        #expect(try engine.wrap(.kw5649_192, kwk: secret(Self.kek), key: secret(key)) == hex(wrapped))
        let opened = try engine.unwrap(.kw5649_192, kwk: secret(Self.kek), wrapped: hex(wrapped))
        #expect(opened.exposed() == hex(key))
    }

    @Test func aFlippedBitDoesNotUnwrap() throws {
        let engine = CryptoEngine()
        let wrapped = hex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a")
        for bit in 0..<wrapped.count * 8 {
            var changed = wrapped
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: CryptoError.notAuthentic) {
                _ = try engine.unwrap(.kw5649_192, kwk: secret(Self.kek), wrapped: changed).count
            }
        }
    }

    @Test func gskWOfTheFactSheet() throws {
        let engine = CryptoEngine()
        let skD = SecretOctets(copying: (0..<32).map { UInt8($0) })
        let gskW = try engine.gskW(.hmacSHA256, skD: skD, keyWrap: .kw5649_256)
        #expect(gskW.exposed() == hex("b169180742eb22165048cce7281f2e65465010931c41a1b39a8492aff33a06d4"))
        let key = SecretOctets(copying: (0x40...0x5f).map { UInt8($0) })
        #expect(
            try engine.wrap(.kw5649_256, kwk: gskW, key: key)
                == hex("2004353526fae0e6d79f0eaa122ffb228266a6a9cd089ecc98deb2a60dec64050d2242b5d5dd9f25"))
        let keymat = SecretOctets(copying: (0x80...0xc3).map { UInt8($0) })
        #expect(
            try engine.wrap(.kw5649_256, kwk: gskW, key: keymat)
                == hex(
                    """
                    3e6c84acdccc0020901a7e571b8cb8be73d5f401e68f50a2199a11237fc4a39db7f7a356af332da13561c91d68c4e7637cd8ea6a1f9ab3e0
                    b536310e0405b2a55f25b1df27bdf51ffe5635c3a559a204
                    """))
    }
}
