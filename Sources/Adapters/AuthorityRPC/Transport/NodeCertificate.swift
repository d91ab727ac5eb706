package import Foundation
import SwiftASN1
import X509

/// The certificate of a store that is to join, looked at before anybody is asked: whether the others will take it.
package enum NodeCertificate {
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
        init(_ description: String) { self.description = description }
    }

    /// - Parameters:
    ///   - certificate: PEM file of the chain, the store's own first.
    ///   - authority: PEM file of the CA.
    ///   - fingerprint: SHA-256 of the CA of the cluster that is to be joined.
    package static func check(
        certificate: String, authority: String, name: String, trustDomain: String, fingerprint: [UInt8],
        now: Date = Date(), sha256: ([UInt8]) -> [UInt8]
    ) throws(Fault) {
        let chain = try read(certificate)
        let roots = try read(authority)
        guard let leaf = chain.first, let root = roots.first else { throw Fault("\(certificate): no certificate") }
        guard try fingerprint == sha256(der(root, authority)) else {
            throw Fault(
                "\(authority): this is not the CA of the cluster that made the token; use the CA file of its stores")
        }
        let uri = "spiffe://\(trustDomain)/gcks/store/\(name)"
        let names = (try? leaf.extensions.subjectAlternativeNames)?.compactMap { name -> String? in
            if case .uniformResourceIdentifier(let uri) = name { uri } else { nil }
        }
        guard names == [uri] else { throw Fault("\(certificate): its one URI must be \(uri)") }
        guard leaf.notValidBefore <= now, now <= leaf.notValidAfter else {
            let when =
                now < leaf.notValidBefore ? "is not valid before \(leaf.notValidBefore)" : "ended \(leaf.notValidAfter)"
            throw Fault("\(certificate): the certificate \(when); have a new one issued")
        }
        guard isIssued(chain, by: roots) else {
            throw Fault("\(certificate): it was not issued by the CA in \(authority); have one issued there")
        }
    }

    /// Each certificate was signed by the next, the last of them by a root.
    private static func isIssued(_ chain: [Certificate], by roots: [Certificate]) -> Bool {
        for (index, certificate) in chain.enumerated() {
            let issuers = (index + 1 < chain.count ? [chain[index + 1]] : []) + roots
            guard
                issuers.contains(where: {
                    $0.subject == certificate.issuer
                        && $0.publicKey.isValidSignature(certificate.signature, for: certificate)
                })
            else { return false }
        }
        return true
    }

    private static func read(_ path: String) throws(Fault) -> [Certificate] {
        do {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let certificates = try PEMDocument.parseMultiple(pemString: text)
                .filter { $0.discriminator == "CERTIFICATE" }.map { try Certificate(pemDocument: $0) }
            guard !certificates.isEmpty else { throw Fault("\(path): no certificate") }
            return certificates
        } catch let fault as Fault {
            throw fault
        } catch {
            throw Fault("\(path): no PEM certificate can be read")
        }
    }

    private static func der(_ certificate: Certificate, _ path: String) throws(Fault) -> [UInt8] {
        do {
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            return serializer.serializedBytes
        } catch {
            throw Fault("\(path): the certificate cannot be encoded")
        }
    }
}
