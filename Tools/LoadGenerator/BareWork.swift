import IKECrypto
import IKEVocabulary
import KeyMaterial

/// The public-key operations of one registration at the responder, on prepared input.
struct BareWork {
    private let auth: MemberProof
    private let engine: CryptoEngine
    private let peerValue: [UInt8]
    private let own: SigningKey
    private let issuer: VerifyingKey
    private let members: [Member]

    /// What a member's certificate and AUTH come down to.
    private struct Member {
        let publicKey: [UInt8]
        let certificate: [UInt8]
        let certificateSignature: [UInt8]
        let auth: [UInt8]
        let authSignature: [UInt8]
    }

    /// About as long as what is signed in a certificate, and in AUTH: IKE_SA_INIT message, nonce, prf output.
    private static let (certificateOctets, authOctets) = (360, 480)
    private static let memberCount = 32

    init(_ auth: MemberProof, _ provider: CryptoProvider) throws {
        var entropy = SystemEntropy()
        self.auth = auth
        engine = CryptoEngine(provider: provider)
        peerValue = try engine.makeKeyExchange(.curve25519, entropy: &entropy).publicValue
        own = try SigningKey.generate(.ecdsaP256)
        let issuerKey = try SigningKey.generate(.ecdsaP256)
        issuer = try VerifyingKey(subjectPublicKeyInfo: issuerKey.subjectPublicKeyInfo, provider: provider)
        members = try (0..<Self.memberCount).map { _ in
            let key = try SigningKey.generate(.ecdsaP256)
            let (certificate, auth) = (entropy.octets(Self.certificateOctets), entropy.octets(Self.authOctets))
            return Member(
                publicKey: key.subjectPublicKeyInfo, certificate: certificate,
                certificateSignature: try issuerKey.sign(certificate, .ecdsaSHA256), auth: auth,
                authSignature: try key.sign(auth, .ecdsaSHA256))
        }
    }

    /// CPU time of this thread for one registration, the mean of `repetitions`.
    func microseconds(_ repetitions: Int) throws -> Double {
        var entropy = SystemEntropy()
        let start = ThreadTime.nanoseconds
        for repetition in 0..<repetitions {
            _ = try engine.makeKeyExchange(.curve25519, entropy: &entropy).agree(with: peerValue)
            if auth == .ecdsa { try signatures(members[repetition % members.count]) }
        }
        return Double(ThreadTime.nanoseconds - start) / 1000 / Double(repetitions)
    }

    private func signatures(_ member: Member) throws {
        let key = try VerifyingKey(subjectPublicKeyInfo: member.publicKey, provider: engine.provider)
        try issuer.verify(member.certificate, signature: member.certificateSignature, .ecdsaSHA256)
        try key.verify(member.auth, signature: member.authSignature, .ecdsaSHA256)
        _ = try own.sign(member.auth, .ecdsaSHA256, provider: engine.provider)
    }
}
