import GroupModel
package import IKECrypto
package import IKEVocabulary
import IKEWire
package import KeyMaterial

/// How an end proves who it is.
package struct OwnCredentials: Sendable {
    package let identity: Identity
    /// A signing key with its certificates, leaf first; nil when only shared keys are used.
    package let signing: (key: SigningKey, chain: [[UInt8]])?

    package init(identity: Identity, signing: (key: SigningKey, chain: [[UInt8]])?) {
        self.identity = identity
        self.signing = signing
    }
}

/// Whom an end believes.
package protocol PeerTrust: AnyObject {
    /// The key shared with this identity, or nil.
    func sharedKey(with peer: Identity) -> HeldSecret?
    func judge(_ chain: [[UInt8]], at now: WallTime) throws(CertificateRefusal) -> JudgedCertificate
    /// SHA-1 key ids for CERTREQ; empty when no certificate is trusted.
    var authorityKeyIDs: [UInt8] { get }
}

/// Why the peer is not who it says. Told to the log, never to the peer (RFC 7296 2.21.2).
package struct AuthenticationRefusal: Error, Hashable, Sendable {
    package let reason: String
    package init(_ reason: String) { self.reason = reason }
}

/// What AUTH covers and how it is made and checked (RFC 7296 2.15, RFC 7427).
struct AuthenticationContext {
    let prf: PRFID
    /// The IKE_SA_INIT messages as they were on the wire, without non-ESP marker.
    let initiatorMessage: [UInt8]
    let responderMessage: [UInt8]
    let nonceI: [UInt8]
    let nonceR: [UInt8]
    let skPi: HeldSecret
    let skPr: HeldSecret

    /// RealMessage | nonce of the other end | prf(SK_p, ID payload body).
    func signedOctets(
        byInitiator: Bool, identity: Identity, engine: CryptoEngine
    ) throws(CryptoError) -> [UInt8] {
        let key = byInitiator ? skPi : skPr
        let maced = try engine.prf(prf, key: key.secret, identity.payloadBody).exposed()
        return byInitiator ? initiatorMessage + nonceR + maced : responderMessage + nonceI + maced
    }

    func sharedKeyPayload(
        byInitiator: Bool, identity: Identity, key: HeldSecret, engine: CryptoEngine
    ) throws(CryptoError) -> AuthenticationPayload {
        let covered = try signedOctets(byInitiator: byInitiator, identity: identity, engine: engine)
        let octets = try engine.sharedKeyAuthentication(prf, sharedSecret: key.secret, signedOctets: covered)
        return AuthenticationPayload(method: .sharedKey, octets: octets)
    }

    /// Nil when the peer announced no hash that suits our key.
    func signaturePayload(
        byInitiator: Bool, identity: Identity, key: SigningKey, peerHashes: Set<SignatureHashID>, engine: CryptoEngine
    ) throws(CryptoError) -> AuthenticationPayload? {
        guard let scheme = key.kind.preferredScheme(among: peerHashes) else { return nil }
        let covered = try signedOctets(byInitiator: byInitiator, identity: identity, engine: engine)
        let data = DigitalSignatureData(
            algorithmIdentifier: scheme.algorithmIdentifier,
            signature: try key.sign(covered, scheme, provider: engine.provider))
        return AuthenticationPayload(method: .digitalSignature, octets: data.encode())
    }

    /// Checks the peer's AUTH.
    ///
    /// - Returns: how it proved itself.
    func verify(
        _ payload: AuthenticationPayload, isInitiator: Bool, identity: Identity, certificates: [[UInt8]],
        trust: any PeerTrust, at now: WallTime, engine: CryptoEngine
    ) throws(AuthenticationRefusal) -> MemberAuthentication {
        let covered: [UInt8]
        do throws(CryptoError) {
            covered = try signedOctets(byInitiator: isInitiator, identity: identity, engine: engine)
        } catch {
            throw AuthenticationRefusal("signed octets: \(error)")
        }
        switch payload.method {
        case .sharedKey:
            guard let key = trust.sharedKey(with: identity.canonical) else {
                throw AuthenticationRefusal("no shared key with \(identity)")
            }
            let expected = try? engine.sharedKeyAuthentication(prf, sharedSecret: key.secret, signedOctets: covered)
            guard let expected, ConstantTime.equal(expected, payload.octets) else {
                throw AuthenticationRefusal("the shared key of \(identity) does not match")
            }
            return .sharedKey
        case .digitalSignature:
            try verifySignature(payload, covered, identity, certificates, trust, now)
            return .signature
        default: throw AuthenticationRefusal("method \(payload.method) is not accepted")
        }
    }

    private func verifySignature(
        _ payload: AuthenticationPayload, _ covered: [UInt8], _ identity: Identity, _ certificates: [[UInt8]],
        _ trust: any PeerTrust, _ now: WallTime
    ) throws(AuthenticationRefusal) {
        let certificate: JudgedCertificate
        do throws(CertificateRefusal) {
            certificate = try trust.judge(certificates, at: now)
        } catch {
            throw AuthenticationRefusal("certificate of \(identity): \(error.reason)")
        }
        guard certificate.names(identity) else {
            throw AuthenticationRefusal("the certificate does not name \(identity)")
        }
        guard let data = try? DigitalSignatureData(decoding: payload.octets),
            let scheme = SignatureScheme(algorithmIdentifier: data.algorithmIdentifier)
        else { throw AuthenticationRefusal("a signature algorithm that is not accepted") }
        do throws(CryptoError) {
            try certificate.key.verify(covered, signature: data.signature, scheme)
        } catch {
            throw AuthenticationRefusal("the signature of \(identity) is wrong")
        }
    }
}
