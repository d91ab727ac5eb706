import COpenSSL
package import IKEVocabulary

/// What a trusted certificate says of its holder.
package struct JudgedCertificate: Sendable {
    package let key: VerifyingKey
    /// The subject itself, unless it is empty, and subject alternative names: DNS, e-mail and IP.
    package let identities: [Identity]
    package let notAfter: WallTime
    /// SHA-256 of the certificate.
    package let fingerprint: [UInt8]

    /// RFC 4945 3.1: the IKE identity must be one of the certificate's.
    package func names(_ identity: Identity) -> Bool {
        identities.contains { $0.canonical == identity.canonical }
    }
}

/// Why a chain is not trusted, in OpenSSL's words or ours.
package struct CertificateRefusal: Error, Hashable, Sendable {
    package let reason: String
    package init(_ reason: String) { self.reason = reason }
}

package enum CertificateLimits {
    /// Certificates in a chain.
    package static let chain = 8
    /// Octets of one certificate.
    package static let octets = 16_384
    /// Leaves remembered.
    package static let cached = 4096
    /// Issuers remembered, each with the chain it came with.
    package static let issuers = 64
    /// Subject alternative names that count; octets of one; extensions the fast path reads.
    package static let names = 64
    package static let nameOctets = 1024
    package static let extensions = 16
}

package enum PEM {
    /// The DER certificates of a PEM text, in its order; at most 64.
    package static func certificates(_ pem: [UInt8]) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for index in 0..<Int32(64) {
            guard let der = octets({ gcks_pem_certificate(pem, pem.count, index, $0, $1) }) else { break }
            found.append(der)
        }
        return found
    }
}
