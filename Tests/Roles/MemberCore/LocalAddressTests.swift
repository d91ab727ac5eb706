import IKECrypto
import IKEVocabulary
import TestKit
import Testing

@testable import MemberCore

@Suite struct LocalAddressTests {
    /// IKE_SA_INIT says where it is sent from, as SHA-1(SPIi | SPIr | address | port) (RFC 7296 2.23).
    private func says(_ local: Endpoint, _ datagram: [UInt8]) -> Bool {
        let port = [UInt8(local.port >> 8), UInt8(local.port & 0xff)]
        let hash = CryptoEngine().sha1(Array(datagram.prefix(16)) + local.address.octets + port)
        return datagram.indices.contains { datagram[$0...].starts(with: hash) }
    }

    private func initials(_ effects: [MemberEffect]) -> [[UInt8]] {
        effects.flatMap { if case .send(let datagrams, _) = $0 { datagrams } else { [[UInt8]]() } }
    }

    @Test func theNextIKESASaysTheAddressOfNow() throws {
        let remote = try endpoint("192.0.2.1:500")
        let (before, after) = (try endpoint("198.51.100.7:500"), try endpoint("203.0.113.9:500"))
        let core = MemberCore(
            try MemberWorld.strangerConfiguration(remote), engine: CryptoEngine(), entropy: SeededEntropy(seed: 5))
        var now = start
        let first = initials(core.handle(.start, at: now, wall: WallTime(milliseconds: 0)))
        #expect(first.count == 1 && first.allSatisfy { says(before, $0) })
        core.sendFrom([after])
        var seen = Set(first)
        // A request that is repeated stays as it was; nobody answers, so another IKE SA is tried.
        for _ in 0..<20 where seen.count == 1 {
            now = max(now, core.deadline)
            seen.formUnion(initials(core.handle(.timer, at: now, wall: WallTime(milliseconds: 0))))
        }
        #expect(seen.count == 2)
        #expect(seen.subtracting(first).allSatisfy { says(after, $0) && !says(before, $0) })
    }
}
