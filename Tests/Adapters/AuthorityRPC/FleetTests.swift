import Foundation
import GRPCCore
import GroupModel
import IKEVocabulary
import KeyMaterial
import Synchronization
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

    @Test(arguments: [false, true])
    func keysDoNotStayInTheMessage(isRefused: Bool) throws {
        var wire = Gcks_V1_FleetUpdate(try update())
        if isRefused { wire.number = 0 }
        let kept = wire
        let witnesses = [kept.cookieKeys[0].key, kept.cookieKeys[1].key, kept.keys[0].spiKey, kept.keys[0].relayKey]
        #expect(!witnesses.contains { $0.contains(0) })
        let taken = try? FleetUpdate(wire)
        #expect((taken == nil) == isRefused)
        #expect(witnesses.allSatisfy { $0.count == 32 && $0.allSatisfy { $0 == 0 } })
        #expect(taken.map { $0.keys[0].spi.secret.exposed() == [UInt8](repeating: 3, count: 32) } ?? true)
    }

    /// What the authority sent is zeroised when its octets are written, not before.
    @Test func whatWasWrittenIsHandedBack() async throws {
        let message = Gcks_V1_FleetUpdate(try update())
        let log = Log()
        let stream = PeerStream<Int, Gcks_V1_FleetUpdate, Int, Int>(
            open: { $0 }, take: { _, _ in }, close: { _ in }, welcome: Gcks_V1_FleetUpdate(),
            outputs: { _ in
                AsyncStream { continuation in
                    continuation.yield(.items([1]))
                    continuation.yield(.ended(.unavailable("done")))
                    continuation.finish()
                }
            }, encode: { _, _ in [message] }, written: { $0.zeroiseKeys() })
        let (requests, sender) = AsyncThrowingStream<Int, any Error>.makeStream()
        sender.yield(1)
        await #expect(throws: RPCError.self) {
            try await stream.run(
                RPCAsyncSequence(wrapping: requests), RPCWriter(wrapping: log), until: StopSignal())
        }
        #expect(log.relayKeys.withLock { $0 } == [nil, 4])
        #expect(message.keys[0].relayKey.allSatisfy { $0 == 0 })
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

/// Notes the first octet of the relay key as it is at the moment of writing.
private final class Log: RPCWriterProtocol {
    let relayKeys = Mutex<[UInt8?]>([])

    func write(_ element: Gcks_V1_FleetUpdate) async throws {
        relayKeys.withLock { $0.append(element.keys.first?.relayKey.first) }
    }

    func write(contentsOf elements: some Sequence<Gcks_V1_FleetUpdate>) async throws {
        for element in elements { try await write(element) }
    }
}
