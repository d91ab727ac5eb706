package import IKECrypto
package import IKEExchange
package import IKEVocabulary
package import KeyMaterial
package import Settings

/// Trust from files: shared keys by identity, certificates under anchors and CRLs. Belongs to one thread.
package final class FileTrust: PeerTrust {
    private var keys: [Identity: HeldSecret]
    private var certificates: CertificateJudge?

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
        } catch let refusal as CertificateRefusal {
            throw CredentialFault("trust_anchors: \(refusal.reason)")
        } catch {
            throw CredentialFault("trust_anchors: \(error)")
        }
    }

    /// What a `TrustWatch` read anew. Everything that was judged under older CRLs is judged again.
    package func apply(_ update: TrustUpdate) {
        switch update {
        case .sharedKeys(let fresh): keys = fresh
        case .revocationLists(let prepared): certificates?.replaceCRLs(prepared)
        }
    }

    /// Everything that another trust believes, and nothing else any more.
    package func become(_ other: FileTrust) { (keys, certificates) = (other.keys, other.certificates) }

    /// The key of a member: the one it shares with its GCKS, or the only one it has.
    package func ownKey(with gcks: Identity?) -> HeldSecret? {
        gcks.flatMap { sharedKey(with: $0) } ?? (keys.count == 1 ? keys.values.first : nil)
    }

    package func sharedKey(with peer: Identity) -> HeldSecret? { keys[peer.canonical] }

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
        let pem = try CredentialFile.secret(keyFile)
        let signingKey: SigningKey
        do throws(CryptoError) {
            signingKey = try SigningKey(pem: pem)
        } catch {
            throw CredentialFault("\(keyFile): \(error)")
        }
        // The end of the public key stands in the certificate as it is, whatever names its algorithm there.
        guard chain[0].contains(signingKey.subjectPublicKeyInfo.suffix(32)) else {
            throw CredentialFault("\(keyFile) is not the key of the certificate in \(certificate)")
        }
        self.init(identity: identity, signing: (signingKey, chain))
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
