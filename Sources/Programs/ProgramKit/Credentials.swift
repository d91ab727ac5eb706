import Foundation
package import IKECrypto
package import IKEExchange
package import IKEVocabulary
package import KeyMaterial
import Octets
package import Settings

/// Why credentials cannot be used: the file and what is wrong with it.
package struct CredentialFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

/// Trust from files: shared keys by identity, certificates under anchors and CRLs. Belongs to one thread.
package final class FileTrust: PeerTrust {
    private let keys: [Identity: HeldSecret]
    private let certificates: CertificateJudge?

    package init(_ files: CredentialFiles) throws(CredentialFault) {
        keys = try files.sharedKeys.map { path throws(CredentialFault) in try SharedKeyFile.read(path) } ?? [:]
        guard !files.trustAnchors.isEmpty else {
            certificates = nil
            return
        }
        do {
            certificates = try CertificateJudge(
                anchorsPEM: try files.trustAnchors.map(CredentialFile.octets),
                crlsPEM: try files.revocationLists.map(CredentialFile.octets))
        } catch let fault as CredentialFault {
            throw fault
        } catch {
            throw CredentialFault("trust_anchors: \(error)")
        }
    }

    /// The one key of a member that has one shared key only, with whomever.
    package var onlySharedKey: HeldSecret? { keys.count == 1 ? keys.values.first : nil }

    package func sharedKey(with peer: Identity) -> HeldSecret? { keys[peer] }

    package func judge(_ chain: [[UInt8]], at now: WallTime) throws(CertificateRefusal) -> JudgedCertificate {
        guard let certificates else { throw CertificateRefusal("no trust anchors are configured") }
        return try certificates.judge(chain, at: now)
    }

    package var authorityKeyIDs: [UInt8] { certificates?.authorityKeyIDs ?? [] }
}

extension OwnCredentials {
    package init(identity: Identity, _ files: CredentialFiles) throws(CredentialFault) {
        guard let certificate = files.certificate, let keyFile = files.key else {
            self.init(identity: identity, signing: nil)
            return
        }
        let chain = PEM.certificates(try CredentialFile.octets(certificate))
        guard !chain.isEmpty else { throw CredentialFault("\(certificate): no certificate in it") }
        do throws(CryptoError) {
            let key = try SigningKey(pem: SecretOctets(copying: (try? CredentialFile.octets(keyFile)) ?? []))
            self.init(identity: identity, signing: (key, chain))
        } catch {
            throw CredentialFault("\(keyFile): \(error)")
        }
    }
}

enum CredentialFile {
    static func octets(_ path: String) throws(CredentialFault) -> [UInt8] {
        guard let content = FileManager.default.contents(atPath: path) else {
            throw CredentialFault("\(path) cannot be read")
        }
        guard content.count <= 1 << 20 else { throw CredentialFault("\(path) is too large") }
        return Array(content)
    }
}

/// One "identity secret" a line; '#' begins a comment. The secret is text, or octets as 0x and hex.
enum SharedKeyFile {
    static func read(_ path: String) throws(CredentialFault) -> [Identity: HeldSecret] {
        let text = String(decoding: try CredentialFile.octets(path), as: UTF8.self)
        var keys: [Identity: HeldSecret] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let parts = line.split(maxSplits: 1, whereSeparator: { $0 == " " || $0 == "\t" })
            guard let first = parts.first, !first.hasPrefix("#") else { continue }
            guard parts.count == 2, let identity = Identity(String(first)) else {
                throw CredentialFault("\(path):\(index + 1): not an identity and a secret")
            }
            let secret = parts[1].trimmingCharacters(in: .whitespaces)
            guard let octets = secret.hasPrefix("0x") ? Hex.decode(secret.dropFirst(2)) : Array(secret.utf8),
                octets.count >= 8
            else { throw CredentialFault("\(path):\(index + 1): a secret has 8 octets or more") }
            guard keys.updateValue(HeldSecret(SecretOctets(copying: octets)), forKey: identity) == nil else {
                throw CredentialFault("\(path):\(index + 1): \(identity) stands twice")
            }
        }
        return keys
    }
}

extension IKEPolicy {
    package init(_ settings: IKEProposalSettings) {
        self = .standard
        suites = settings.suites ?? suites
        prfs = settings.prfs ?? prfs
        keyExchanges = settings.keyExchanges ?? keyExchanges
        keyWraps = settings.keyWraps ?? keyWraps
    }
}
