import GroupModel
package import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import Octets

/// Builds, signs, encrypts and fragments GSA_REKEY. What is committed is the octets, never the plan: sealing a plan again may
/// give another signature.
package enum RekeySealer {
    /// - Returns: whole IKE messages: one, or all fragments in order.
    package static func seal(_ plan: RekeyMessagePlan, engine: CryptoEngine) throws(RekeyError) -> [[UInt8]] {
        let policy = plan.over.policy
        let keys = try RekeyError.crypto { () throws(CryptoError) in
            try RekeySAKeys(keymat: plan.over.keymat.secret, suite: policy.suite, keyWrap: policy.keyWrap)
        }
        let chain = try RekeyError.crypto { () throws(CryptoError) in try payloads(plan, keys, engine) }
        // I = 1, R = 0: the GCKS sends and owns the first SPI half (fact sheet B.4-14).
        let header = IKEHeader(
            initiatorSPI: policy.spi.initiatorHalf, responderSPI: policy.spi.responderHalf, nextPayload: .encrypted,
            exchange: .gsaRekey, flags: .initiator, messageID: plan.messageID)
        let inner = try signed(chain, header, plan).encode()
        guard inner.count <= KeyingLimits.innerOctets else { throw .tooLarge(octets: inner.count) }
        let protection = RekeyProtection(
            suite: policy.suite, keys: keys, header: header, firstInner: chain.first, engine: engine)
        return try protection.protect(inner, fragmentOctets: plan.fragmentOctets)
    }

    private static func payloads(
        _ plan: RekeyMessagePlan, _ keys: RekeySAKeys, _ engine: CryptoEngine
    ) throws(CryptoError) -> PayloadChain {
        var payloads: [Payload] = []
        if plan.newRekey != nil || !plan.newData.isEmpty {
            // GCAUTH is said at registration only; a rekey inherits it (fact sheet B.1).
            var newRekey = plan.newRekey
            newRekey?.policy.authentication = nil
            let gsa = GroupSecurityAssociation(
                rekey: newRekey?.policy, data: plan.newData.map(\.policy), groupWide: plan.groupWide)
            payloads.append(.groupSecurityAssociation(PolicyCoding.encode(gsa)))
            let writer = KeyBagWriter(gskW: keys.gskW, keyWrap: plan.over.policy.keyWrap, engine: engine)
            var bags: [KeyDownloadPayload.Bag] = []
            var wrapKeys: [GroupAttribute] = []
            switch (newRekey, plan.tree) {
            case (.some(let sa), .some(let tree)):
                let (bag, attributes) = try writer.bag(sa, tree)
                (bags, wrapKeys) = ([bag], attributes)
            case (.some(let sa), nil): bags.append(try writer.bag(sa))
            case (nil, _): break
            }
            for sa in plan.newData { bags.append(try writer.bag(sa)) }
            // AUTH_KEY and WRAP_KEYs of a rekey stand in a member key bag (fact sheet B.4-1).
            let member = KeyBagWriter.memberBag(authKey: plan.newAuthKey, senderIDs: [], wrapKeys: wrapKeys)
            if let member { bags.append(member) }
            payloads.append(.keyDownload(KeyDownloadPayload(bags)))
        }
        payloads += plan.deletes.map { .delete($0) }
        if plan.mode == .transport, !plan.newData.isEmpty { payloads.append(.notify(NotifyPayload(.useTransportMode))) }
        return PayloadChain(payloads)
    }

    /// Adds AUTH: the signature covers A | P with the signature octets of P still zero (RFC 9838 2.4.1.1, fact sheet B.3).
    private static func signed(
        _ chain: PayloadChain, _ header: IKEHeader, _ plan: RekeyMessagePlan
    ) throws(RekeyError) -> PayloadChain {
        switch (plan.over.policy.authentication, plan.signingKey) {
        case (.implicit, nil): return chain
        case (.digitalSignature(let algorithm), .some(let key)):
            guard let scheme = SignatureScheme(algorithmIdentifier: algorithm) else { throw .wrongAuthentication }
            var reserved = try RekeyError.crypto { () throws(CryptoError) in try key.sign([], scheme) }.count
            // ECDSA signatures in DER vary by an octet or two: sign again until one has the length of the one before it,
            // which is more than one in three.
            for _ in 0..<KeyingLimits.signatureTries {
                let blank = withAuthentication(chain, algorithm, [UInt8](repeating: 0, count: reserved))
                let octets = RekeySignature.covered(header, firstInner: blank.first, reserved: 0, inner: blank.encode())
                let signature = try RekeyError.crypto { () throws(CryptoError) in try key.sign(octets, scheme) }
                if signature.count == reserved { return withAuthentication(chain, algorithm, signature) }
                reserved = signature.count
            }
            throw .wrongAuthentication
        default: throw .wrongAuthentication
        }
    }

    private static func withAuthentication(
        _ chain: PayloadChain, _ algorithm: [UInt8], _ signature: [UInt8]
    ) -> PayloadChain {
        let data = DigitalSignatureData(algorithmIdentifier: algorithm, signature: signature)
        return PayloadChain(
            chain.payloads + [.authentication(AuthenticationPayload(method: .digitalSignature, octets: data.encode()))])
    }
}

/// What a GSA_REKEY signature covers, for both ends.
enum RekeySignature {
    /// A | P: header and SK header with lengths that count P only, as if the message had never been fragmented, and P.
    static func covered(
        _ header: IKEHeader, firstInner: PayloadType, reserved: UInt8, inner: [UInt8]
    ) -> [UInt8] {
        MessageAssembly.encryptedPrefix(
            header, firstInner: firstInner, reserved: reserved, sealedOctets: inner.count) + inner
    }
}

/// Encrypts the inner payloads of one GSA_REKEY, whole or in fragments, with IVs that follow from the Message ID.
struct RekeyProtection {
    let suite: ProtectionSuite
    let keys: RekeySAKeys
    let header: IKEHeader
    let firstInner: PayloadType
    let engine: CryptoEngine

    func protect(_ inner: [UInt8], fragmentOctets: Int?) throws(RekeyError) -> [[UInt8]] {
        let sealed = suite.sealedOctets(for: inner.count)
        guard let limit = fragmentOctets, IKEHeader.octetCount + 4 + sealed > limit else {
            let prefix = MessageAssembly.encryptedPrefix(header, firstInner: firstInner, sealedOctets: sealed)
            return [prefix + (try seal(inner, prefix, fragment: 1))]
        }
        guard let room = suite.plainOctets(within: limit - IKEHeader.octetCount - 8) else {
            throw .tooLarge(octets: inner.count)
        }
        let total = (inner.count + room - 1) / room
        guard total <= Int(WireLimits.fragments) else { throw .tooLarge(octets: inner.count) }
        var datagrams: [[UInt8]] = []
        for index in 0..<total {
            let part = Array(inner[index * room..<min((index + 1) * room, inner.count)])
            let number = UInt16(index + 1)
            let prefix = MessageAssembly.fragmentPrefix(
                header, firstInner: firstInner, number: number, total: UInt16(total),
                sealedOctets: suite.sealedOctets(for: part.count))
            datagrams.append(prefix + (try seal(part, prefix, fragment: number)))
        }
        return datagrams
    }

    private func seal(_ plain: [UInt8], _ prefix: [UInt8], fragment: UInt16) throws(RekeyError) -> [UInt8] {
        try RekeyError.crypto { () throws(CryptoError) in
            try engine.seal(
                suite, key: keys.gskE.secret, integrityKey: keys.gskA.secret, iv: try iv(plain, fragment),
                associatedData: prefix, plaintext: plain)
        }
    }

    /// AEAD: Message ID (4) | 0 (2) | fragment number (2): never twice under one key, because a Message ID has one octet
    /// string (fact sheet F.4). AES-CBC wants an IV nobody can foresee: HMAC under GSK_a of the same numbers and the text.
    private func iv(_ plain: [UInt8], _ fragment: UInt16) throws(CryptoError) -> [UInt8] {
        let counter =
            header.messageID.rawValue.octets + [0, 0, UInt8(fragment >> 8), UInt8(truncatingIfNeeded: fragment)]
        guard !suite.isAEAD else { return counter }
        let mac = try engine.mac(.hmacSHA256, key: keys.gskA.secret, Array("gcks rekey IV".utf8), counter, plain)
        return Array(mac.prefix(suite.ivOctets))
    }
}
