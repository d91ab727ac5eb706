import Foundation
import GroupModel
import IKEVocabulary
import KeyMaterial
import Testing

@testable import AuthorityRPC

/// What frontends are told over their stream, and what operators ask about them.
@Suite struct FleetTests {
    private func update() throws -> FleetUpdate {
        func key(_ octet: UInt8) -> HeldSecret {
            HeldSecret(SecretOctets(copying: [UInt8](repeating: octet, count: 32)))
        }
        let instance = try #require(FrontendInstance(octets: [1, 2, 3, 4, 5, 6, 7, 8]))
        return FleetUpdate(
            number: try #require(FrontendNumber(rawValue: 3)),
            cookieKeys: [.init(version: 9, key: key(1)), .init(version: 8, key: key(2))],
            keys: [.init(epoch: 4, spi: key(3), relay: key(4))],
            peers: [
                .init(
                    name: "frontend-2", number: try #require(FrontendNumber(rawValue: 2)),
                    announcement: .init(
                        instance: instance, relay: Endpoint("192.0.2.2:7711"), publicAddress: IPAddress("2001:db8::2")),
                    isDraining: true)
            ], drain: DrainOrder(redirectTo: "frontend-2", deadline: WallTime(milliseconds: 1_790_000_000_000)))
    }

    @Test func anUpdateComesBackFromTheWire() throws {
        let sent = try update()
        let back = try FleetUpdate(Gcks_V1_FleetUpdate(sent))
        #expect(back.number == sent.number && back.peers == sent.peers && back.drain == sent.drain)
        #expect(back.cookieKeys.map(\.version) == [9, 8] && back.keys.map(\.epoch) == [4])
        #expect(back.cookieKeys[1].key.secret.exposed() == [UInt8](repeating: 2, count: 32))
        #expect(back.keys[0].relay.secret.exposed() == [UInt8](repeating: 4, count: 32))
        let plain = FrontendAnnouncement(instance: sent.peers[0].announcement.instance, relay: nil, publicAddress: nil)
        #expect(try FrontendAnnouncement(Gcks_V1_FrontendAnnouncement(plain)) == plain)
        let status = FrontendStatus(
            name: "f", number: sent.number, state: .drained, since: WallTime(milliseconds: 5), counters: ["a": 1],
            relay: nil, publicAddress: nil, drain: DrainOrder(redirectTo: nil, deadline: nil))
        #expect(try FrontendStatus(Gcks_V1_FrontendStatus(status)) == status)
    }

    @Test func whatIsNotRightIsRefused() throws {
        let good = Gcks_V1_FleetUpdate(try update())
        let damages: [(inout Gcks_V1_FleetUpdate) -> Void] = [
            { $0.number = 0 }, { $0.number = 65_536 }, { $0.cookieKeys = [] }, { $0.keys = [] },
            { $0.cookieKeys[0].key.removeLast() }, { $0.cookieKeys[0].version = 256 }, { $0.keys[0].epoch = 256 },
            { $0.keys[0].spiKey.append(0) }, { $0.keys[0].relayKey = Data() }, { $0.peers[0].number = 0 },
            { $0.peers[0].instance.removeLast() }, { $0.peers[0].publicAddress = Data([1]) },
            { $0.cookieKeys += $0.cookieKeys + $0.cookieKeys }, { $0.drain.deadlineMilliseconds = -1 },
            { wire in wire.peers = Array(repeating: wire.peers[0], count: 1025) },
        ]
        _ = try FleetUpdate(good)
        for (index, damage) in damages.enumerated() {
            var bad = good
            damage(&bad)
            #expect(throws: ContractError.self, "damage \(index)") { try FleetUpdate(bad) }
        }
    }
}
