import IKECrypto
import IKEVocabulary
import KeyMaterial
import TestKit
import Testing

/// Gives the same octets again and again.
private struct FixedEntropy: EntropySource {
    let octets: [UInt8]
    mutating func fill(_ target: UnsafeMutableRawBufferPointer) {
        for index in target.indices { target[index] = octets[index % octets.count] }
    }
}

@Suite struct KeyExchangeTests {
    static let providers: [CryptoProvider] = [.fastest, .openSSLOnly]

    private func make(
        _ provider: CryptoProvider, _ method: KeyExchangeMethod, _ octets: [UInt8]
    ) throws -> KeyExchangeSecret {
        var entropy = FixedEntropy(octets: octets)
        return try CryptoEngine(provider: provider).makeKeyExchange(method, entropy: &entropy)
    }

    @Test(arguments: KeyExchangeVector.all, providers)
    func knownAnswers(_ vector: KeyExchangeVector, _ provider: CryptoProvider) throws {
        let one = try make(provider, vector.method, hex(vector.privateI))
        let other = try make(provider, vector.method, hex(vector.privateR))
        #expect(one.publicValue == hex(vector.publicI))
        #expect(other.publicValue == hex(vector.publicR))
        #expect(try one.agree(with: other.publicValue).exposed() == hex(vector.shared))
        #expect(try other.agree(with: one.publicValue).exposed() == hex(vector.shared))
    }

    @Test func providersMeet() throws {
        var entropy = SeededEntropy(seed: 7)
        for method in KeyExchangeVector.all.map(\.method) {
            let one = try CryptoEngine(provider: .fastest).makeKeyExchange(method, entropy: &entropy)
            let other = try CryptoEngine(provider: .openSSLOnly).makeKeyExchange(method, entropy: &entropy)
            #expect(one.publicValue != other.publicValue)
            #expect(
                try one.agree(with: other.publicValue).exposed() == other.agree(with: one.publicValue).exposed())
        }
    }

    @Test(arguments: KeyExchangeVector.all, providers)
    func wrongLengthsAreRefused(_ vector: KeyExchangeVector, _ provider: CryptoProvider) throws {
        let own = try make(provider, vector.method, hex(vector.privateI))
        let peer = hex(vector.publicR)
        for value in [[], Array(peer.dropLast()), peer + [0], [0] + peer, [4] + peer] {
            #expect(throws: CryptoError.badPeerValue) { _ = try own.agree(with: value).count }
        }
    }

    /// RFC 7748 section 6.1: these give zero whatever the own value is, also with the top bit set.
    @Test(arguments: providers) func pointsOfLowOrderAreRefused(_ provider: CryptoProvider) throws {
        var entropy = SeededEntropy(seed: 1)
        let own = try CryptoEngine(provider: provider).makeKeyExchange(.curve25519, entropy: &entropy)
        let points = [
            String(repeating: "00", count: 32), "01" + String(repeating: "00", count: 31),
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ec" + String(repeating: "ff", count: 30) + "7f", "ed" + String(repeating: "ff", count: 30) + "7f",
            "ee" + String(repeating: "ff", count: 30) + "7f",
        ]
        for point in points {
            var octets = hex(point)
            #expect(throws: CryptoError.badPeerValue) { _ = try own.agree(with: octets).count }
            octets[31] |= 0x80
            #expect(throws: CryptoError.badPeerValue) { _ = try own.agree(with: octets).count }
        }
    }

    @Test(arguments: [KeyExchangeMethod.ecp256, .ecp384, .ecp521]) func pointsOffTheCurveAreRefused(
        _ method: KeyExchangeMethod
    ) throws {
        let vector = try #require(KeyExchangeVector.all.first { $0.method == method })
        let own = try make(.fastest, method, hex(vector.privateI))
        let peer = hex(vector.publicR)
        var offCurve = peer
        offCurve[peer.count - 1] ^= 1
        let zero = [UInt8](repeating: 0, count: peer.count)
        let large = [UInt8](repeating: 0xff, count: peer.count)
        for value in [offCurve, zero, large] {
            #expect(throws: CryptoError.badPeerValue) { _ = try own.agree(with: value).count }
        }
    }

    @Test func modularValuesOutOfRangeAreRefused() throws {
        for (method, text) in KeyExchangeVector.minusOne {
            let vector = try #require(KeyExchangeVector.all.first { $0.method == method })
            let own = try make(.fastest, method, hex(vector.privateI))
            let minusOne = hex(text)
            let zero = [UInt8](repeating: 0, count: minusOne.count)
            var one = zero
            one[one.count - 1] = 1
            var prime = minusOne
            prime[prime.count - 1] |= 1
            let large = [UInt8](repeating: 0xff, count: minusOne.count)
            for value in [zero, one, minusOne, prime, large] {
                #expect(throws: CryptoError.badPeerValue) { _ = try own.agree(with: value).count }
            }
            var two = zero
            two[two.count - 1] = 2
            #expect(try own.agree(with: two).exposed() == own.publicValue)
        }
    }

    @Test func scalarsOutOfRangeAreNotUsed() throws {
        for method in [KeyExchangeMethod.ecp256, .ecp384, .ecp521, .modp2048] {
            #expect(throws: CryptoError.libraryFailure("no key pair for \(method)")) {
                _ = try make(.fastest, method, [0])
            }
        }
        #expect(throws: CryptoError.libraryFailure("no key pair for \(KeyExchangeMethod.ecp256)")) {
            _ = try make(.fastest, .ecp256, [0xff])
        }
        #expect(throws: CryptoError.unsupportedAlgorithm) {
            _ = try make(.fastest, KeyExchangeMethod(rawValue: 2), [1])
        }
    }
}
