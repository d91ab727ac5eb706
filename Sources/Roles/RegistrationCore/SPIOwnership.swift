package import GroupModel
package import IKECrypto
package import IKEVocabulary
package import KeyMaterial

/// The owner of a responder SPI, sealed in the SPI: any frontend of the fleet finds it, nobody else learns or makes one.
///
///     | owner (16) | zeros (16) | random (32) |  before the permutation
///
/// The permutation has four Feistel rounds over halves of 32 bits; round i takes the first four octets of
/// HMAC-SHA-256(key, i | right half), i from 1. An SPI that was made up opens with zeros in one of 2^16 cases, and then names
/// a frontend that is there in few of those.
package enum SPIOwnership {
    /// An SPI of this owner; never zero for one of two following `random`.
    package static func seal(
        _ owner: FrontendNumber, random: UInt32, key: HeldSecret, engine: CryptoEngine
    ) -> IKESPI? {
        var (left, right) = (UInt32(owner.rawValue) << 16, random)
        for round in UInt8(1)...4 {
            guard let mask = mask(round, right, key, engine) else { return nil }
            (left, right) = (right, left ^ mask)
        }
        return IKESPI(rawValue: UInt64(left) << 32 | UInt64(right))
    }

    /// Nil for an SPI that no frontend of the fleet made under this key.
    package static func owner(of spi: IKESPI, key: HeldSecret, engine: CryptoEngine) -> FrontendNumber? {
        var left = UInt32(truncatingIfNeeded: spi.rawValue >> 32)
        var right = UInt32(truncatingIfNeeded: spi.rawValue)
        for round in (UInt8(1)...4).reversed() {
            guard let mask = mask(round, left, key, engine) else { return nil }
            (left, right) = (right ^ mask, left)
        }
        guard left & 0xffff == 0 else { return nil }
        return FrontendNumber(rawValue: UInt16(truncatingIfNeeded: left >> 16))
    }

    private static func mask(_ round: UInt8, _ half: UInt32, _ key: HeldSecret, _ engine: CryptoEngine) -> UInt32? {
        let octets = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: half >> $0) }
        let mac = try? engine.mac(.hmacSHA256, key: key.secret, [round], octets)
        return mac.map { $0.prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }
    }
}
