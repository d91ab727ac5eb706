import IKECrypto
import IKEVocabulary
import KeyMaterial
import TestKit
import Testing

@Suite struct SignatureTests {
    static let providers: [CryptoProvider] = [.fastest, .openSSLOnly]

    @Test(arguments: SignatureVector.all, providers)
    func signaturesOfOthersVerify(_ vector: SignatureVector, _ provider: CryptoProvider) throws {
        let key = try VerifyingKey(subjectPublicKeyInfo: hex(vector.publicKey), provider: provider)
        let signature = hex(vector.signature)
        try key.verify(SignatureVector.message, signature: signature, vector.scheme)
        // Any other octets, scheme or message do not.
        for index in stride(from: 0, to: signature.count, by: 7) {
            var changed = signature
            changed[index] ^= 1
            #expect(throws: CryptoError.badSignature) {
                try key.verify(SignatureVector.message, signature: changed, vector.scheme)
            }
        }
        for scheme in SignatureScheme.allCases where scheme != vector.scheme {
            #expect(throws: CryptoError.badSignature) {
                try key.verify(SignatureVector.message, signature: signature, scheme)
            }
        }
        for other in [[], signature.dropLast(), signature + [0]] as [[UInt8]] {
            #expect(throws: CryptoError.badSignature) {
                try key.verify(SignatureVector.message, signature: other, vector.scheme)
            }
        }
        #expect(throws: CryptoError.badSignature) {
            try key.verify(SignatureVector.message + [0], signature: signature, vector.scheme)
        }
    }

    @Test func privateKeysOfOthersSign() throws {
        for (kind, text, publicKey) in SignatureVector.privateKeys {
            let key = try SigningKey(privateKeyInfo: SecretOctets(copying: hex(text)))
            #expect(key.kind == kind)
            #expect(key.subjectPublicKeyInfo == hex(publicKey))
            try check(key)
        }
    }

    @Test(arguments: [SigningKeyKind.ed25519, .ecdsaP256, .ecdsaP384, .rsa2048, .rsaPSS2048])
    func freshKeysSignAndSurviveStorage(_ kind: SigningKeyKind) throws {
        let key = try SigningKey.generate(kind)
        let again = try SigningKey(privateKeyInfo: try key.privateKeyInfo())
        #expect(again.subjectPublicKeyInfo == key.subjectPublicKeyInfo)
        #expect(again.kind == key.kind)
        // A key for PSS names its digest, so that SHA-256 alone is left.
        try check(again, kind == .rsaPSS2048 ? [.rsaPSSSHA256] : nil)
    }

    private func check(_ key: SigningKey, _ schemes: [SignatureScheme]? = nil) throws {
        let message = Array("to be signed".utf8)
        let suitable = schemes ?? SignatureScheme.allCases.filter { $0.suits(key.kind) }
        #expect(!suitable.isEmpty)
        for scheme in suitable {
            for signer in Self.providers {
                let signature = try key.sign(message, scheme, provider: signer)
                for verifier in Self.providers {
                    let other = try VerifyingKey(subjectPublicKeyInfo: key.subjectPublicKeyInfo, provider: verifier)
                    try other.verify(message, signature: signature, scheme)
                }
            }
        }
        for scheme in SignatureScheme.allCases where !scheme.suits(key.kind) {
            #expect(throws: CryptoError.unsupportedAlgorithm) { try key.sign(message, scheme) }
        }
    }

    /// RFC 8032 7.1, test 2.
    @Test(arguments: providers) func rfc8032(_ provider: CryptoProvider) throws {
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
        let key = try SigningKey(
            privateKeyInfo: SecretOctets(copying: hex("302e020100300506032b657004220420" + seed)))
        #expect(
            key.subjectPublicKeyInfo.suffix(32)
                == hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"))
        // swift-crypto may randomise Ed25519; OpenSSL does as the RFC says.
        let signature = hex(
            """
            92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
            085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
            """)
        if provider == .openSSLOnly { #expect(try key.sign([0x72], .ed25519, provider: provider) == signature) }
        try VerifyingKey(subjectPublicKeyInfo: key.subjectPublicKeyInfo, provider: provider).verify(
            [0x72], signature: signature, .ed25519)
    }

    @Test func keysThatDoNotParseAreRefused() throws {
        for (_, text, publicKey) in SignatureVector.privateKeys {
            let (octets, spki) = (hex(text), hex(publicKey))
            for count in stride(from: 0, to: octets.count, by: 5) {
                #expect(throws: CryptoError.self) {
                    _ = try SigningKey(privateKeyInfo: SecretOctets(copying: octets.prefix(count)))
                }
            }
            for count in 0..<spki.count {
                #expect(throws: CryptoError.self) {
                    _ = try VerifyingKey(subjectPublicKeyInfo: Array(spki.prefix(count)))
                }
            }
            #expect(throws: CryptoError.self) { _ = try VerifyingKey(subjectPublicKeyInfo: spki + [0]) }
        }
        #expect(throws: CryptoError.self) { _ = try SigningKey(pem: SecretOctets(copying: Array("no key".utf8))) }
    }

    /// RFC 7427 appendix A and RFC 8420 appendix A; the PSS forms as the OpenSSL command line writes them.
    @Test func algorithmIdentifiers() {
        let expected: [(SignatureScheme, String)] = [
            (.ed25519, "300506032b6570"), (.ecdsaSHA256, "300a06082a8648ce3d040302"),
            (.ecdsaSHA384, "300a06082a8648ce3d040303"), (.ecdsaSHA512, "300a06082a8648ce3d040304"),
            (.rsaPKCS1SHA256, "300d06092a864886f70d01010b0500"), (.rsaPKCS1SHA384, "300d06092a864886f70d01010c0500"),
            (.rsaPKCS1SHA512, "300d06092a864886f70d01010d0500"),
            (
                .rsaPSSSHA256,
                """
                304106092a864886f70d01010a3034a00f300d06096086480165030402010500
                a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120
                """
            ),
            (
                .rsaPSSSHA384,
                """
                304106092a864886f70d01010a3034a00f300d06096086480165030402020500
                a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130
                """
            ),
            (
                .rsaPSSSHA512,
                """
                304106092a864886f70d01010a3034a00f300d06096086480165030402030500
                a11c301a06092a864886f70d010108300d06096086480165030402030500a203020140
                """
            ),
        ]
        #expect(Set(expected.map(\.0)) == Set(SignatureScheme.allCases))
        for (scheme, text) in expected {
            #expect(scheme.algorithmIdentifier == hex(text))
            #expect(SignatureScheme(algorithmIdentifier: hex(text)) == scheme)
        }
        // RSA with SHA-1, and nothing.
        #expect(SignatureScheme(algorithmIdentifier: hex("300d06092a864886f70d0101050500")) == nil)
        #expect(SignatureScheme(algorithmIdentifier: []) == nil)
        #expect(SignatureScheme(algorithmIdentifier: hex("300b06092a864886f70d01010b")) == .rsaPKCS1SHA256)
    }

    @Test func schemesAreChosenFromWhatThePeerAnnounced() {
        #expect(PublicKeyKind.ed25519.preferredScheme(among: [.sha256, .identity]) == .ed25519)
        #expect(PublicKeyKind.ed25519.preferredScheme(among: [.sha256]) == nil)
        #expect(PublicKeyKind.ecdsaP384.preferredScheme(among: [.sha256, .sha384]) == .ecdsaSHA384)
        #expect(PublicKeyKind.rsa.preferredScheme(among: [.sha512, .sha1]) == .rsaPSSSHA512)
        #expect(PublicKeyKind.rsa.preferredScheme(among: [.sha1]) == nil)
    }
}
