package import IKECrypto
package import IKEVocabulary
import IKEWire
package import Octets

/// Why a member does not take what a GCKS sent. The keys it has stay as they are.
package enum DownloadRefusal: Error, Hashable, Sendable {
    case malformed(WireError)
    case unsupportedCritical(UInt8)
    /// A transform or attribute that this member cannot do, or a required one that is missing or stands twice.
    case policy(String)
    /// Key bags that contradict the policies or each other.
    case keys(String)
    /// No wrapped key opens with a key this member holds: it is excluded (fact sheet B.4-22).
    case noKeyPath
    case crypto(CryptoError)
    /// GSA_REKEY only.
    case notForThisSA
    case replayed(MessageID)
    case notAuthentic
    case badSignature

    /// What the member tells the GCKS in GSA_REGISTRATION when it cannot use the answer (RFC 9838 2.3.4).
    package var notify: NotifyType { .noProposalChosen }
}

extension DownloadRefusal {
    static func wire<Result>(_ work: () throws(WireError) -> Result) throws(DownloadRefusal) -> Result {
        do throws(WireError) {
            return try work()
        } catch {
            throw .malformed(error)
        }
    }

    static func crypto<Result: ~Copyable>(
        _ work: () throws(CryptoError) -> Result
    ) throws(DownloadRefusal) -> Result {
        do throws(CryptoError) {
            return try work()
        } catch {
            throw .crypto(error)
        }
    }
}
