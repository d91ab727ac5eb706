import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial

extension AuthorityCore {
    /// A new Rekey SA. `signingKey` is carried over unless a new AUTH_KEY is wanted; the SPI is the promised one.
    func makeRekeySA(
        for name: GroupName, _ definition: RekeyDefinition, signingKey carried: SigningKey?,
        spi promised: RekeySPI? = nil,
        at now: WallTime
    ) throws(CryptoError) -> HeldRekeySA {
        guard let octets = KeyedRekeySA.keymatOctets(definition.suite, definition.keyWrap) else {
            throw .unsupportedAlgorithm
        }
        let spi = promised ?? newRekeySPI()
        let keymat = entropy.secret(octets)
        var signingKey = carried
        if signingKey == nil, let kind = definition.authentication.keyKind {
            signingKey = try SigningKey.generate(kind)
        }
        var sealedSigningKey: SealedKey?
        if let signingKey {
            let encoded = try signingKey.privateKeyInfo()
            sealedSigningKey = sealer.seal(encoded, context: SealedPlace.signingKey(name, spi))
        }
        let row = RekeySARow(
            group: name, spi: spi, sealedKeymat: sealer.seal(keymat, context: SealedPlace.keymat(name, spi)),
            authKey: signingKey?.subjectPublicKeyInfo, sealedSigningKey: sealedSigningKey, nextMessageID: .zero,
            createdAt: now, expiresAt: now.adding(definition.lifetime), retiredAt: nil)
        let policy = definition.policy(spi: spi, lifetime: definition.lifetime)
        return HeldRekeySA(
            row: row, sa: KeyedRekeySA(policy: policy, keymat: HeldSecret(keymat)), signingKey: signingKey)
    }

    func makeDataSA(for name: GroupName, _ definition: DataSADefinition, at now: WallTime) -> HeldDataSA {
        let spi = newESPSPI()
        let key = entropy.secret(definition.suite.keyOctets)
        let row = DataSARow(
            group: name, name: definition.name, spi: spi,
            sealedKey: sealer.seal(key, context: SealedPlace.dataKey(name, spi)), createdAt: now,
            expiresAt: now.adding(definition.lifetime), retiredAt: nil)
        let policy = definition.policy(spi: spi, lifetime: definition.lifetime)
        return HeldDataSA(row: row, sa: KeyedDataSA(policy: policy, key: HeldSecret(key)))
    }

    func newRekeySPI() -> RekeySPI {
        while true {
            let spi = RekeySPI(
                initiatorHalf: IKESPI(rawValue: entropy.uint64()), responderHalf: IKESPI(rawValue: entropy.uint64()))
            if spi.initiatorHalf != .zero, spi.responderHalf != .zero { return spi }
        }
    }

    /// Unique over all groups of this house, so that (destination, SPI, protocol) never meets twice in a member's SAD.
    private func newESPSPI() -> ESPSPI {
        while true {
            let spi = life.spi(entropy.uint32())
            if spisInUse.insert(spi).inserted { return spi }
        }
    }
}
