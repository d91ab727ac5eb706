package import GroupModel
import IKECrypto
package import IKEVocabulary

/// What a GM says in SAg that it can do (RFC 9838 4.2.2): one proposal for GIKE_UPDATE and one for ESP, with one number,
/// because any of its algorithms goes with any other.
package enum TransformOffer {
    /// - Parameters: what is nil is everything this house can do.
    package static func proposals(
        suites: [ProtectionSuite]? = nil, keyWraps: [KeyWrapID]? = nil, authentications: [RekeyAuthentication]? = nil
    ) -> [Proposal] {
        let ciphers = unique((suites ?? ProtectionSuite.named.map(\.suite)).flatMap(\.transforms))
        let wraps = (keyWraps ?? [.kw5649_256, .kw5649_192, .kw5649_128]).map { Transform.keyWrap($0) }
        let schemes = authentications?.map(\.signatureScheme) ?? SignatureScheme.allCases.map { $0 } + [nil]
        let numbers = [SequenceNumbersID.sequential32, .unspecified32].map { Transform.sequenceNumbers($0) }
        return [
            Proposal(
                number: 1, securityProtocol: .gikeUpdate,
                transforms: ciphers + unique(schemes.map(gcauth)) + unique(wraps)),
            Proposal(number: 1, securityProtocol: .esp, transforms: ciphers + numbers),
        ]
    }

    private static func gcauth(_ scheme: SignatureScheme?) -> Transform {
        guard let scheme else {
            return Transform(
                type: .groupControllerAuthentication, id: GroupControllerAuthenticationID.implicit.rawValue)
        }
        return Transform(
            type: .groupControllerAuthentication, id: GroupControllerAuthenticationID.digitalSignature.rawValue,
            attributes: [
                TransformAttribute(type: .signatureAlgorithmIdentifier, value: .octets(scheme.algorithmIdentifier))
            ])
    }

    private static func unique(_ transforms: [Transform]) -> [Transform] {
        var seen: Set<Transform> = []
        return transforms.filter { seen.insert($0).inserted }
    }
}

extension RekeyAuthentication {
    fileprivate var signatureScheme: SignatureScheme? {
        switch self {
        case .implicit: nil
        case .ed25519: .ed25519
        case .ecdsaP256: .ecdsaSHA256
        case .rsaPSS2048: .rsaPSSSHA256
        }
    }
}
