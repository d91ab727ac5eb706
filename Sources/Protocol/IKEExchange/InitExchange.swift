import IKECrypto
import IKEVocabulary
import IKEWire
package import KeyMaterial

/// Notifies that both ends put into IKE_SA_INIT.
enum InitNotifies {
    /// All hashes this house verifies (RFC 7427 4, RFC 8420 2).
    static let hashes: [SignatureHashID] = [.sha256, .sha384, .sha512, .identity]

    static var signatureHashes: Payload {
        let data = hashes.flatMap {
            [UInt8(truncatingIfNeeded: $0.rawValue >> 8), UInt8(truncatingIfNeeded: $0.rawValue)]
        }
        return .notify(NotifyPayload(.signatureHashAlgorithms, data: data))
    }

    /// The peer's hashes; an odd octet at the end is ignored.
    static func hashes(of chain: PayloadChain) -> Set<SignatureHashID> {
        guard let data = chain.notify(.signatureHashAlgorithms)?.data else { return [] }
        var found: Set<SignatureHashID> = []
        for index in stride(from: 0, to: data.count - data.count % 2, by: 2) {
            found.insert(SignatureHashID(rawValue: UInt16(data[index]) << 8 | UInt16(data[index + 1])))
        }
        return found
    }

    /// SHA-1(SPIi | SPIr | address | port) (RFC 7296 2.23).
    static func natHash(_ spiI: IKESPI, _ spiR: IKESPI, _ endpoint: Endpoint, _ engine: CryptoEngine) -> [UInt8] {
        let port = [UInt8(truncatingIfNeeded: endpoint.port >> 8), UInt8(truncatingIfNeeded: endpoint.port)]
        return engine.sha1(spiI.octets + spiR.octets + endpoint.address.octets + port)
    }

    static func natDetection(
        _ spiI: IKESPI, _ spiR: IKESPI, own: Endpoint, peer: Endpoint, _ engine: CryptoEngine
    ) -> [Payload] {
        [
            .notify(NotifyPayload(.natDetectionSourceIP, data: natHash(spiI, spiR, own, engine))),
            .notify(NotifyPayload(.natDetectionDestinationIP, data: natHash(spiI, spiR, peer, engine))),
        ]
    }

    /// True when a hash says that an address was changed on the way. A peer that sends no hashes does no NAT traversal.
    static func meetsNAT(
        _ chain: PayloadChain, _ spiI: IKESPI, _ spiR: IKESPI, own: Endpoint, peer: Endpoint, _ engine: CryptoEngine
    ) -> Bool {
        let sources = chain.payloads.compactMap { payload -> [UInt8]? in
            if case .notify(let notify) = payload, notify.type == .natDetectionSourceIP { notify.data } else { nil }
        }
        guard let destination = chain.notify(.natDetectionDestinationIP)?.data, !sources.isEmpty else { return false }
        return !sources.contains(natHash(spiI, spiR, peer, engine))
            || destination != natHash(spiI, spiR, own, engine)
    }
}

/// Stateless cookies (RFC 7296 2.6): version (1) | HMAC-SHA-256(secret, Ni | SPIi | address | port) cut to 32 octets.
///
/// Frontends that share the secrets take each other's cookies.
package struct CookieJar: Sendable {
    package struct CookieSecret: Sendable {
        package let version: UInt8
        package let key: HeldSecret
        package init(version: UInt8, key: HeldSecret) {
            self.version = version
            self.key = key
        }
    }

    private var current: CookieSecret
    /// Good as well: the secret before, and with shared secrets the next.
    private var others: [CookieSecret]

    package init(_ secret: CookieSecret, others: [CookieSecret] = []) {
        current = secret
        self.others = others
    }

    /// The old secret stays good until the next rotation.
    package mutating func rotate(to secret: CookieSecret) {
        others = [current]
        current = secret
    }

    package var currentVersion: UInt8 { current.version }

    func make(nonce: [UInt8], spi: IKESPI, peer: Endpoint, engine: CryptoEngine) -> [UInt8]? {
        Self.cookie(current, nonce, spi, peer, engine)
    }

    func accepts(_ cookie: [UInt8], nonce: [UInt8], spi: IKESPI, peer: Endpoint, engine: CryptoEngine) -> Bool {
        for secret in [current] + others where cookie.first == secret.version {
            if let expected = Self.cookie(secret, nonce, spi, peer, engine), ConstantTime.equal(expected, cookie) {
                return true
            }
        }
        return false
    }

    private static func cookie(
        _ secret: CookieSecret, _ nonce: [UInt8], _ spi: IKESPI, _ peer: Endpoint, _ engine: CryptoEngine
    ) -> [UInt8]? {
        let port = [UInt8(truncatingIfNeeded: peer.port >> 8), UInt8(truncatingIfNeeded: peer.port)]
        let mac = try? engine.mac(
            .hmacSHA256, key: secret.key.secret, nonce, spi.octets, peer.address.octets, port)
        return mac.map { [secret.version] + $0 }
    }
}
