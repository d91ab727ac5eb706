import DatagramIO
import IKEVocabulary
import NIOCore
import NIOPosix
import TestKit
import Testing

@Suite(.serialized) struct DatagramTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()

    private func pair(_ address: String, isEncapsulated: Bool) async throws -> (
        UnicastSockets, UnicastSockets, Inbox, Inbox
    ) {
        let host = try #require(IPAddress(address))
        let (left, right) = (Inbox(), Inbox())
        let binding = UnicastSockets.Binding(local: Endpoint(host, port: 0), isEncapsulated: isEncapsulated)
        let one = try await UnicastSockets.bind([binding], on: loop) { left.add($0) }
        let other = try await UnicastSockets.bind([binding], on: loop) { right.add($0) }
        return (one, other, left, right)
    }

    @Test(arguments: ["127.0.0.1", "::1"], [false, true])
    func datagramsArriveWithBothEnds(_ address: String, _ isEncapsulated: Bool) async throws {
        let (one, other, _, inbox) = try await pair(address, isEncapsulated: isEncapsulated)
        let sizes = [1, 1500, 9000, 60_000]
        for size in sizes {
            one.send([[UInt8](repeating: 7, count: size)], from: one.endpoints[0], to: other.endpoints[0])
            _ = await inbox.wait(for: 1)
        }
        let arrived = await inbox.wait(for: sizes.count)
        #expect(arrived.map(\.octets.count) == sizes)
        #expect(arrived.allSatisfy { $0.remote == one.endpoints[0] && $0.local == other.endpoints[0] })
        #expect(arrived.allSatisfy { $0.isEncapsulated == isEncapsulated })
        await one.close()
        await other.close()
    }

    @Test func withoutTheMarkerItIsNotIKE() async throws {
        let host = try #require(IPAddress("127.0.0.1"))
        let inbox = Inbox()
        let plain = try await UnicastSockets.bind(
            [.init(local: Endpoint(host, port: 0), isEncapsulated: false)], on: loop
        ) { _ in }
        let marked = try await UnicastSockets.bind(
            [.init(local: Endpoint(host, port: 0), isEncapsulated: true)], on: loop
        ) { inbox.add($0) }
        for octets: [UInt8] in [[0xff], [0, 0, 0, 1, 9, 9], [0, 0, 0, 0], [0, 0, 0, 0, 5]] {
            plain.send([octets], from: plain.endpoints[0], to: marked.endpoints[0])
        }
        let arrived = await inbox.wait(for: 1)
        #expect(arrived.map(\.octets) == [[5]])
        await plain.close()
        await marked.close()
    }

    @Test func multicastReachesEveryReceiverOnTheHost() async throws {
        let group = Endpoint(try #require(IPAddress("239.77.9.9")), port: 20_977)
        let inboxes = [Inbox(), Inbox()]
        var receivers: [MulticastReceiver] = []
        for inbox in inboxes {
            receivers.append(try await MulticastReceiver.join(group, interface: "lo", on: loop) { inbox.add($0) })
        }
        let sender = try await MulticastSender.bind(
            source: try #require(IPAddress("127.0.0.1")), interface: "lo", loops: true, on: loop)
        try await sender.send([[1, 2], [3]], to: group, timeToLive: 4)
        for inbox in inboxes {
            let arrived = await inbox.wait(for: 2)
            #expect(arrived.map(\.octets) == [[1, 2], [3]])
            #expect(arrived.allSatisfy { $0.local == group })
        }
        for receiver in receivers { await receiver.leave() }
        await sender.close()
    }

    @Test func wrongInterfacesAndAddressesAreErrors() async throws {
        let group = Endpoint(try #require(IPAddress("239.77.9.9")), port: 20_978)
        let unicast = Endpoint(try #require(IPAddress("127.0.0.1")), port: 20_978)
        await #expect(throws: MulticastError.noInterface("nope0")) {
            _ = try await MulticastReceiver.join(group, interface: "nope0", on: loop) { _ in }
        }
        await #expect(throws: MulticastError.notMulticast(unicast)) {
            _ = try await MulticastReceiver.join(unicast, interface: nil, on: loop) { _ in }
        }
    }
}
