import Foundation
package import IKEVocabulary
import SwiftASN1
import X509

/// The leaf in a PEM file, as far as people ask about it.
package struct CertificateFile: Sendable {
    package let expiresAt: WallTime
    /// The one URI SAN; nil when there is none or several.
    package let uri: String?

    /// Nil when the file is not there or holds no certificate.
    package init?(_ path: String) {
        guard let data = FileManager.default.contents(atPath: path), data.count <= 1 << 20,
            let documents = try? PEMDocument.parseMultiple(pemString: String(decoding: data, as: UTF8.self)),
            let first = documents.first(where: { $0.discriminator == Certificate.defaultPEMDiscriminator }),
            let certificate = try? Certificate(pemDocument: first)
        else { return nil }
        let seconds = certificate.notValidAfter.timeIntervalSince1970
        guard seconds.isFinite, abs(seconds) < 1e11 else { return nil }
        expiresAt = WallTime(milliseconds: Int64(seconds * 1000))
        let uris = (try? certificate.extensions.subjectAlternativeNames)?.compactMap { name in
            if case .uniformResourceIdentifier(let uri) = name { uri } else { nil }
        }
        uri = uris?.count == 1 ? uris?.first : nil
    }
}
