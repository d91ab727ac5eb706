import Foundation
package import IKEVocabulary
import SwiftASN1
import X509

/// When a file of certificates ends to be of use.
package enum CertificateExpiry {
    /// The earliest end among the certificates of a PEM text; nil when there is none in it.
    package static func earliest(pem: [UInt8]) -> WallTime? {
        let documents = (try? PEMDocument.parseMultiple(pemString: String(decoding: pem, as: UTF8.self))) ?? []
        return documents.compactMap { document in
            guard let certificate = try? Certificate(pemDocument: document) else { return nil }
            let seconds = certificate.notValidAfter.timeIntervalSince1970
            return WallTime(milliseconds: Int64(max(min(seconds, 1e12), 0)) * 1000)
        }.min()
    }
}
