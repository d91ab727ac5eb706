import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import TestKit
import Testing

@Suite struct TransformFitTests {
    private static let signature = Transform(
        type: .groupControllerAuthentication, id: 2,
        attributes: [
            TransformAttribute(
                type: .signatureAlgorithmIdentifier, value: .octets(SignatureScheme.ed25519.algorithmIdentifier))
        ])
    private static let implicit = Transform(type: .groupControllerAuthentication, id: 1)
    private static let gcm = Transform.encryption(.aesGCM16, keyBits: 256)

    private static func rekey(_ transforms: [Transform], number: UInt8 = 1) -> Proposal {
        Proposal(number: number, securityProtocol: .gikeUpdate, transforms: transforms)
    }
    private static func esp(_ transforms: [Transform], number: UInt8 = 1) -> Proposal {
        Proposal(number: number, securityProtocol: .esp, transforms: transforms)
    }
    private static let goodRekey = rekey([gcm, signature, .keyWrap(.kw5649_256)])
    private static let goodESP = esp([gcm, .sequenceNumbers(.sequential32)])

    private static func unmet(_ proposals: [Proposal]) throws -> String? {
        TransformFit.unmet(
            by: proposals, rekey: try RekeyVector.rekeySA().policy, data: [try RekeyVector.dataSA().policy])
    }

    @Test func whatIsOfferedIsEnough() throws {
        #expect(try Self.unmet([Self.goodRekey, Self.goodESP]) == nil)
        let wide = Self.rekey([
            .encryption(.aesGCM16, keyBits: 128), Self.gcm, Self.implicit, Self.signature, .keyWrap(.kw5649_128),
            .keyWrap(.kw5649_256),
        ])
        #expect(try Self.unmet([wide, Self.goodESP]) == nil)
    }

    /// SAg of a member that can do everything meets whatever a group file may say.
    @Test func theOfferOfEverythingFitsEveryGroup() throws {
        let offer = TransformOffer.proposals()
        #expect(Set(offer.map(\.number)) == [1])
        for (_, suite) in ProtectionSuite.named {
            for keyWrap in [KeyWrapID.kw5649_128, .kw5649_192, .kw5649_256] {
                for scheme in SignatureScheme.allCases.map({ Optional($0) }) + [nil] {
                    var rekey = try RekeyVector.rekeySA().policy
                    (rekey.suite, rekey.keyWrap) = (suite, keyWrap)
                    rekey.authentication =
                        scheme.map { .digitalSignature(algorithmIdentifier: $0.algorithmIdentifier) } ?? .implicit
                    var data = try RekeyVector.dataSA().policy
                    data.suite = suite
                    data.sequenceNumbers = .unspecified32
                    #expect(TransformFit.unmet(by: offer, rekey: rekey, data: [data]) == nil)
                }
            }
        }
    }

    @Test func anOfferSaysNoMoreThanItWasTold() throws {
        let narrow = TransformOffer.proposals(
            suites: [.aesGCM256], keyWraps: [.kw5649_256], authentications: [.ed25519])
        #expect(try Self.unmet(narrow) == nil)
        #expect(narrow.first?.transforms == [Self.gcm, Self.signature, .keyWrap(.kw5649_256)])
        #expect(try Self.unmet(TransformOffer.proposals(authentications: [.implicit, .rsaPSS2048])) != nil)
        #expect(try Self.unmet(TransformOffer.proposals(suites: [.aesCBC256SHA256])) != nil)
    }

    @Test func aSecondSetMayFit() throws {
        let poor = Self.esp([.encryption(.aesGCM16, keyBits: 128), .sequenceNumbers(.sequential32)])
        let first = [Self.goodRekey, poor]
        let second = [
            Self.rekey(Self.goodRekey.transforms, number: 2), Self.esp(Self.goodESP.transforms, number: 2),
        ]
        #expect(try Self.unmet(first) != nil)
        #expect(try Self.unmet(first + second) == nil)
        // Halves of two sets are no set.
        #expect(try Self.unmet([Self.goodRekey, Self.esp(Self.goodESP.transforms, number: 2)]) != nil)
    }

    @Test func twoProposalsOfOneProtocolMayShareANumber() throws {
        let cbc = Self.esp([
            .encryption(.aesCBC, keyBits: 256), .integrity(.hmacSHA256_128), .sequenceNumbers(.unspecified32),
        ])
        #expect(try Self.unmet([Self.goodRekey, cbc, Self.goodESP]) == nil)
        #expect(try Self.unmet([Self.goodRekey, cbc]) != nil)
    }

    @Test func eachMissingPieceIsNamed() throws {
        #expect(try Self.unmet([]) == "SAg has no proposal")
        #expect(try Self.unmet([Self.goodESP]) == "SAg offers no GIKE_UPDATE")
        #expect(try Self.unmet([Self.goodRekey]) == "SAg offers no ESP")
        for (index, type) in ["encryption", "groupControllerAuthentication", "keyWrapAlgorithm"].enumerated() {
            var transforms = Self.goodRekey.transforms
            transforms.remove(at: index)
            #expect(try Self.unmet([Self.rekey(transforms), Self.goodESP])?.contains(type) == true)
        }
        #expect(
            try Self.unmet([Self.goodRekey, Self.esp([Self.gcm, .sequenceNumbers(.unspecified32)])])?
                .contains("sequenceNumbers 0") == true)
        // Another signature algorithm is another transform.
        let implicitOnly = Self.rekey([Self.gcm, Self.implicit, .keyWrap(.kw5649_256)])
        #expect(try Self.unmet([implicitOnly, Self.goodESP]) != nil)
    }

    @Test func aGroupWithoutMulticastRekeyNeedsNoOfferForIt() throws {
        #expect(
            TransformFit.unmet(by: [Self.goodESP], rekey: nil, data: [try RekeyVector.dataSA().policy]) == nil)
    }
}
