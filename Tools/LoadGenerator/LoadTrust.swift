import IKECrypto
import IKEExchange
import IKEVocabulary
import KeyMaterial

/// Whom the members of a run believe: the holder of their shared key, or a responder their CA vouches for.
final class LoadTrust: PeerTrust {
    private let key: HeldSecret?
    private let judge: CertificateJudge?

    init(_ members: LoadMembers) throws {
        key = members.sharedKey
        judge = try members.trustAnchor.map { try CertificateJudge(anchorsPEM: [$0]) }
    }

    func sharedKey(with peer: Identity) -> HeldSecret? { key }

    func judge(_ chain: [[UInt8]], at now: WallTime) throws(CertificateRefusal) -> JudgedCertificate {
        guard let judge else { throw CertificateRefusal("no trust anchors") }
        return try judge.judge(chain, at: now)
    }

    var authorityKeyIDs: [UInt8] { judge?.authorityKeyIDs ?? [] }
}
