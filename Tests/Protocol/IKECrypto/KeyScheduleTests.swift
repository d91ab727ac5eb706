import IKECrypto
import IKEVocabulary
import KeyMaterial
import TestKit
import Testing

private func secret(_ octets: some Collection<UInt8>) -> SecretOctets { SecretOctets(copying: octets) }
private func secret(_ text: String) -> SecretOctets { secret(Array(text.utf8)) }

@Suite struct PRFTests {
    /// RFC 4231 cases 1, 2 and 6.
    @Test(
        arguments: [
            (
                PRFID.hmacSHA256,
                [
                    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                ]
            ),
            (
                .hmacSHA384,
                [
                    "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
                    "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
                    "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
                ]
            ),
            (
                .hmacSHA512,
                [
                    """
                    87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde
                    daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854
                    """,
                    """
                    164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554
                    9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737
                    """,
                    """
                    80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352
                    6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598
                    """,
                ]
            ),
        ])
    func rfc4231(_ id: PRFID, _ expected: [String]) throws {
        let engine = CryptoEngine()
        let inputs: [(key: [UInt8], data: String)] = [
            ([UInt8](repeating: 0x0b, count: 20), "Hi There"),
            (Array("Jefe".utf8), "what do ya want for nothing?"),
            ([UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First"),
        ]
        for (input, output) in zip(inputs, expected) {
            let data = Array(input.data.utf8)
            #expect(try engine.prf(id, key: secret(input.key), data).exposed() == hex(output))
            // Split in parts, and with part of the data secret.
            let (head, tail) = (Array(data.prefix(3)), Array(data.dropFirst(3)))
            #expect(try engine.prf(id, key: secret(input.key), head, [], tail).exposed() == hex(output))
            #expect(try engine.prf(id, key: secret(input.key), secret: secret(head), tail).exposed() == hex(output))
        }
    }

    @Test func unknownFunctionsAndTooLongOutputsAreRefused() throws {
        let engine = CryptoEngine()
        #expect(throws: CryptoError.unsupportedAlgorithm) {
            _ = try engine.prf(.hmacSHA1, key: secret("key"), [1]).count
        }
        let longest = try engine.prfPlus(.hmacSHA256, key: secret("key"), seed: [1], count: 255 * 32)
        #expect(longest.count == 8160)
        for count in [-1, 255 * 32 + 1] {
            #expect(throws: CryptoError.unsupportedAlgorithm) {
                _ = try engine.prfPlus(.hmacSHA256, key: secret("key"), seed: [1], count: count).count
            }
        }
    }

    /// A NULL key means "as before" to OpenSSL's MAC; an empty key must not.
    @Test func anEmptyKeyIsAKeyOfItsOwn() throws {
        let engine = CryptoEngine()
        _ = try engine.prf(.hmacSHA256, key: secret("another"), [1]).count
        #expect(
            try engine.prf(.hmacSHA256, key: secret([]), []).exposed()
                == hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"))
    }

    @Test func keyCheckValue() {
        #expect(CryptoEngine().keyCheckValue(of: secret((0..<32).map { UInt8($0) })) == "41eb2f7d")
    }
}

/// Expected values: Python's hmac.
@Suite struct KeyScheduleTests {
    private static let shared = (0x60..<0x80).map { UInt8($0) }

    private static func context(_ prf: PRFID, _ suite: ProtectionSuite) -> IKEKeyContext {
        IKEKeyContext(
            prf: prf, suite: suite, nonceI: (0x10..<0x30).map { UInt8($0) }, nonceR: (0x30..<0x60).map { UInt8($0) },
            spiI: IKESPI(rawValue: 0x0102_0304_0506_0708),
            spiR: IKESPI(rawValue: 0xf1f2_f3f4_f5f6_f7f8))
    }

    private static let rows: [(prf: PRFID, suite: ProtectionSuite, first: String, rekeyed: String, psk: String)] = [
        (
            .hmacSHA256, .aesGCM256,
            """
            4f94ff4db912540d03bb1c96cc8ab7062ccd0711df36c31f78076b482ebc646c3074aa8906ecc9c750b9c9ff7d528c81
            fa732108cd455002883d135d56eadcb47ae9a7078f917cee6cc5416b68ad5dddb6ad0fd60c720dbb914857add5edbe85
            8ee1fd85d12da3fb383ee411642577b89e6365d611a8be6b6b6e4fbcc3652aea740a64dc737e08deb92e372ba6b3c08b
            0d66316bb1873588c725fa328842cde3d1e8d05ae86a5058
            """,
            """
            a505ea3aee7d72d7241b099f9a87b98dd6d7677bb7643457eab7b0d3958377de64af9999532906fbcf1bf219a3ff8784
            ed7cf09dac4351bc2212ca6d38e21f3ef694d60de18a93c553bbc59269b1ed39b34021b7d7dc03296abe39fe1be18b76
            2d736dd9d92be22ee99d9e065c0ebedb935a846d130b4baba5a5878433555e59387ec165f3d7321d64ef90679edc16cc
            2e6ab29bedddbc3053ff105af8962d02730f999f7f70b35f
            """,
            """
            9ed338c0f7f4cc1df6e1a7638713524c80f037e56c4986111497ffa9101da1aa
            """
        ),
        (
            .hmacSHA384, .aesCBC256SHA384,
            """
            213fd38a0d6bd01735b500fbf211be585b5d13dd4aa8a5cc4a5180c6eca1993ec05aa075789b4da09e6699dc33bd6d12
            9084f5825140a686b4f99d4a4c2a22048af9cc955bd6701d882d1ebbb4fbf81a9ae16066451e942c3f0def9d0092237e
            71442eef44c4bed173cb3844174769d9a766e0debf8af9fec30b9036f2dc5017102681f3c561948728da1da757012296
            7d9f45f011260f1cd7d1c4541bb7095d08bbafce4d10292dfa9d508606fcd413a026dcebcfd55badda6b411a7870e6fd
            623b156e27b565772a4745acec1d9a1985361d0e8b920245825212959df618ea28645df41b36229cbd9b8e16ecd92b22
            7310ae14eaeb7f3e1b163cb35927544308650b9142ff1afebc11b36b3ad2e3126c935c489f96eea3edb7824901b2e282
            157bd31776c5374ec396501bb4c1a348
            """,
            """
            f6ad2bba214536f6f518441f01fee98d2bbbf1578a557e988be4a7beb37d9756d8487120a68d858d9ee508b37a1ebc62
            112989b3cf68af476cb0f6fa062e0e4e91de58d6cdc1cd3ea5208ba2885db173e5e24ee837a5697876e405c97337d201
            3c4636ea880c083b60ecba2e5a8b6ced6c052b11c4b4db6f060e6f68d986c4af7d36e6d5339832cc8d02315f9c2e1937
            de4e17899df85218da69641e4359a26998f0b5471de86d700ebe7c60985e7c8be1412b1f978fb0215d0c5e1f8b60a051
            1df50027d99999b6108940d3040da89043fc14497918823ab138742e14ec2c78a687082c9e648b287a6b3fe8c15da5ae
            d87fdb0ca48855d0d02d2c4c617f95f66345e41e86f7e6476450e368dfcda912cd92a7ea18dc32acda7f55339570cd4a
            4e25d925e708fc5a6ae4ec2c6b1be712
            """,
            """
            40b696949f67f83da3029a0513412448b758e0eb0231c9ec756096ba36e56b510853683767d77bf6eb5432aab29dbf30
            """
        ),
        (
            .hmacSHA512, .chacha20Poly1305,
            """
            402d6e0e24b2abe685d3ac6bb77bbf994e538b8e754a27cabf07178799ded8b33dede9e01855c7be9e9442d9d2aad434
            5be8c097f0eeb0d1f7677c8a574531bab240a0971fdd50a001330bc8b4d347c733e78a77f5c32a2705881f4991282199
            172af42924a994a87debcffd6aebbd25c19643f71f5ebe029519f8bcf5024bf9e836ebc2d8e22b2bfbbd1819ad447735
            081f5b0daa07315b153c0e0f878d9927ed93cc1fd851bfab3002a0f757347819070d779a3adf62dcb5b191c5fa560ca6
            e465cf690ce0f988549dbaf75052a164c8cc10a3b22ca5bd028cf1050d7e69853e3b22f2116354df13d2ec83dc6b895c
            074480ef9ad4ce515b42c742af57c207e831c5ce31ad017a
            """,
            """
            34865aa26a6c0aca419a9a1b5ed9159a9c80cbd4796a57652d0f310f61dc8b0ebb1c626518a78855c06642c59aee8065
            2d1c6a4a5a8c41fbaeff035e863759ef0ae0b4b8db237ac141a624436a8b1c56eb8f8a575bcd8b5a1d41bebc5d9d7855
            a1f9275539a04e07a20d7172d4fef59df2fdfde0afcc37b1e78e023c780f09e5048e2fd850747e05f4461b9161bfd3d0
            6d147b9dfa0ed8cf430c1c48fb42d52bcc8bfb2dfe59666c88027bfb23e4514be034c539d3a4f2c2f82ec4752f16e677
            9f66da47117d86ef607038c9d554e3c72ae8e3ade74962eaa4317b48c30d8a92ba4c4c2a0fb3f4765d8f2950e8223048
            7a92dc5f83e830b43ef1115bcc709ae5fdde684886d11fd2
            """,
            """
            f3aee51414463e9c55185109813827bbadcc6602616fca136f971ef5a23c3189c656362fadb9687f3010003c4db5258a
            2fabbe6d4bcbf6d3d1834d6ec495ce0a
            """
        ),
    ]

    private static func joined(_ keys: IKEKeys) -> [UInt8] {
        [keys.skD, keys.skAi, keys.skAr, keys.skEi, keys.skEr, keys.skPi, keys.skPr].flatMap { $0.secret.exposed() }
    }

    @Test func firstAndRekeyedKeys() throws {
        let engine = CryptoEngine()
        for row in Self.rows {
            let context = Self.context(row.prf, row.suite)
            let keys = try engine.deriveIKEKeys(context, shared: secret(Self.shared))
            #expect(Self.joined(keys) == hex(row.first))
            #expect(keys.skD.secret.count == row.prf.outputOctets)
            #expect(keys.skAi.secret.count == row.suite.integrityKeyOctets)
            #expect(keys.skEr.secret.count == row.suite.encryptionKeyOctets)
            #expect(keys.skPr.secret.count == row.prf.outputOctets)
            let old = secret((0xa0..<0xc0).map { UInt8($0) })
            let next = try engine.deriveRekeyedIKEKeys(
                context, oldPRF: row.prf, oldSKD: old, shared: secret(Self.shared))
            #expect(Self.joined(next) == hex(row.rekeyed))
        }
    }

    @Test func sharedKeyAuthentication() throws {
        let engine = CryptoEngine()
        for row in Self.rows {
            let value = try engine.sharedKeyAuthentication(
                row.prf, sharedSecret: secret("correct horse"), signedOctets: Array("signed octets".utf8))
            #expect(value == hex(row.psk))
        }
    }

    @Test func rekeySAKeysAreCutInOrder() throws {
        let octets = (0..<148).map { UInt8($0) }
        let cbc = try RekeySAKeys(
            keymat: secret(octets.prefix(96)), suite: .aesCBC256SHA256, keyWrap: .kw5649_256)
        #expect(cbc.gskE.secret.exposed() == Array(octets[0..<32]))
        #expect(cbc.gskA.secret.exposed() == Array(octets[32..<64]))
        #expect(cbc.gskW.secret.exposed() == Array(octets[64..<96]))
        let gcm = try RekeySAKeys(keymat: secret(octets.prefix(36)), suite: .aesGCM128, keyWrap: .kw5649_128)
        #expect(gcm.gskE.secret.exposed() == Array(octets[0..<20]))
        #expect(gcm.gskA.secret.count == 0)
        #expect(gcm.gskW.secret.exposed() == Array(octets[20..<36]))
        for count in [35, 37] {
            #expect(throws: CryptoError.badKey("KEYMAT has the wrong size")) {
                _ = try RekeySAKeys(keymat: secret(octets.prefix(count)), suite: .aesGCM128, keyWrap: .kw5649_128)
            }
        }
        #expect(throws: CryptoError.unsupportedAlgorithm) {
            _ = try RekeySAKeys(keymat: secret(octets), suite: .aesGCM128, keyWrap: .kwARX)
        }
    }
}
