package import IKEVocabulary
package import KeyMaterial

/// The seven keys of an IKE SA in one block (RFC 7296 2.14): SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr.
package struct IKEKeys: Sendable {
    package let skD: HeldSecret
    package let skAi: HeldSecret
    package let skAr: HeldSecret
    package let skEi: HeldSecret
    package let skEr: HeldSecret
    package let skPi: HeldSecret
    package let skPr: HeldSecret
}

/// What the key schedule of one IKE SA is made from.
package struct IKEKeyContext: Hashable, Sendable {
    package let prf: PRFID
    package let suite: ProtectionSuite
    package let nonceI: [UInt8]
    package let nonceR: [UInt8]
    package let spiI: IKESPI
    package let spiR: IKESPI

    package init(
        prf: PRFID, suite: ProtectionSuite, nonceI: [UInt8], nonceR: [UInt8], spiI: IKESPI, spiR: IKESPI
    ) {
        self.prf = prf
        self.suite = suite
        self.nonceI = nonceI
        self.nonceR = nonceR
        self.spiI = spiI
        self.spiR = spiR
    }
}

extension CryptoEngine {
    /// SKEYSEED = prf(Ni | Nr, g^ir), then prf+(SKEYSEED, Ni | Nr | SPIi | SPIr).
    package func deriveIKEKeys(
        _ context: IKEKeyContext, shared: borrowing SecretOctets
    ) throws(CryptoError) -> IKEKeys {
        let nonces = SecretOctets(copying: context.nonceI + context.nonceR)
        let seed = try prf(context.prf, key: nonces, secret: shared)
        return try expand(seed, context)
    }

    /// The rekey of an IKE SA: SKEYSEED = prf(SK_d of the old SA, g^ir | Ni | Nr) (RFC 7296 2.18).
    package func deriveRekeyedIKEKeys(
        _ context: IKEKeyContext, oldPRF: PRFID, oldSKD: borrowing SecretOctets, shared: borrowing SecretOctets
    ) throws(CryptoError) -> IKEKeys {
        let seed = try prf(oldPRF, key: oldSKD, secret: shared, context.nonceI, context.nonceR)
        return try expand(seed, context)
    }

    private func expand(_ seed: borrowing SecretOctets, _ context: IKEKeyContext) throws(CryptoError) -> IKEKeys {
        guard let size = context.prf.outputOctets else { throw .unsupportedAlgorithm }
        let integrity = context.suite.integrityKeyOctets
        let encryption = context.suite.encryptionKeyOctets
        let all = try prfPlus(
            context.prf, key: seed,
            seed: context.nonceI + context.nonceR + context.spiI.octets + context.spiR.octets,
            count: 3 * size + 2 * integrity + 2 * encryption)
        var start = 0
        func take(_ count: Int, _ all: borrowing SecretOctets) -> HeldSecret {
            defer { start += count }
            return HeldSecret(all.slice(start..<start + count))
        }
        return IKEKeys(
            skD: take(size, all), skAi: take(integrity, all), skAr: take(integrity, all), skEi: take(encryption, all),
            skEr: take(encryption, all), skPi: take(size, all), skPr: take(size, all))
    }

    /// GSK_w = prf+(SK_d, "Key Wrap for G-IKEv2"), as long as the KWA's key (RFC 9838 2.2.1).
    package func gskW(_ prf: PRFID, skD: borrowing SecretOctets, keyWrap: KeyWrapID) throws(CryptoError) -> SecretOctets
    {
        guard let count = keyWrap.keyOctets else { throw .unsupportedAlgorithm }
        return try prfPlus(prf, key: skD, seed: Array("Key Wrap for G-IKEv2".utf8), count: count)
    }
}

/// The keys of a Rekey SA: KEYMAT = GSK_e | GSK_a | GSK_w, GSK_a empty with an AEAD (RFC 9838 2.4.1).
package struct RekeySAKeys: Sendable {
    package let gskE: HeldSecret
    package let gskA: HeldSecret
    package let gskW: HeldSecret

    /// - Throws: `.badKey` unless KEYMAT has exactly the octets that suite and key wrap need.
    package init(
        keymat: borrowing SecretOctets, suite: ProtectionSuite, keyWrap: KeyWrapID
    ) throws(CryptoError) {
        guard let wrap = keyWrap.keyOctets else { throw .unsupportedAlgorithm }
        let (encryption, integrity) = (suite.encryptionKeyOctets, suite.integrityKeyOctets)
        guard keymat.count == encryption + integrity + wrap else { throw .badKey("KEYMAT has the wrong size") }
        gskE = HeldSecret(keymat.slice(0..<encryption))
        gskA = HeldSecret(keymat.slice(encryption..<encryption + integrity))
        gskW = HeldSecret(keymat.slice(encryption + integrity..<encryption + integrity + wrap))
    }
}

extension CryptoEngine {
    /// AUTH by shared key: prf(prf(Shared Secret, "Key Pad for IKEv2"), signed octets) (RFC 7296 2.15).
    package func sharedKeyAuthentication(
        _ prf: PRFID, sharedSecret: borrowing SecretOctets, signedOctets: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        let padded = try self.prf(prf, key: sharedSecret, Array("Key Pad for IKEv2".utf8))
        return try self.prf(prf, key: padded, signedOctets).exposed()
    }
}
