package import IKECrypto
import IKEExchange
package import IKEVocabulary
package import KeyMaterial

/// Believes those it shares a key with, and certificates when it was given a judge.
package final class SharedKeyTrust: PeerTrust {
    package var keys: [Identity: HeldSecret]
    private let judge: CertificateJudge?

    package init(_ keys: [Identity: String] = [:], judge: CertificateJudge? = nil) {
        self.keys = keys.mapValues { HeldSecret(SecretOctets(copying: Array($0.utf8))) }
        self.judge = judge
    }

    package func sharedKey(with peer: Identity) -> HeldSecret? { keys[peer] }

    package func judge(_ chain: [[UInt8]], at now: WallTime) throws(CertificateRefusal) -> JudgedCertificate {
        guard let judge else { throw CertificateRefusal("no trust anchors") }
        return try judge.judge(chain, at: now)
    }

    package var authorityKeyIDs: [UInt8] { judge?.authorityKeyIDs ?? [] }
}
