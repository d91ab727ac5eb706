import DatagramIO
import IKEVocabulary
import NIOCore
import NIOPosix
import TestKit
import Testing

/// Nobody on the network and no route may silence a socket.
@Suite(.serialized) struct RefusalTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let host = IPAddress("127.0.0.1") ?? .anyIPv4

    private func open(_ inbox: Inbox) async throws -> UnicastSockets {
        let binding = UnicastSockets.Binding(local: Endpoint(host, port: 0), isEncapsulated: false)
        return try await UnicastSockets.bind([binding], on: loop, onEvent: { inbox.add($0) }) { inbox.add($0) }
    }

    private func dropped(_ sockets: UnicastSockets) async throws -> Int {
        try await loop.submit { sockets.dropped }.get()
    }

    @Test(.enabled(if: RawUDP.isPermitted, "needs CAP_NET_RAW for a source port of 0"))
    func aDatagramFromPortZeroIsDroppedAndTheListenerServesOn() async throws {
        let (inbox, other) = (Inbox(), Inbox())
        let listener = try await open(inbox)
        let member = try await open(other)
        #expect(RawUDP.send([6, 6, 6], fromPort: 0, to: listener.endpoints[0]))
        #expect(RawUDP.send([7], fromPort: 9, to: listener.endpoints[0]))
        let first = await inbox.wait(for: 1)
        #expect(first.map(\.octets) == [[7]])
        // The answer that killed the socket.
        listener.send([[6]], from: listener.endpoints[0], to: Endpoint(host, port: 0))
        member.send([[1]], from: member.endpoints[0], to: listener.endpoints[0])
        let arrived = await inbox.wait(for: 2)
        #expect(arrived.map(\.octets) == [[7], [1]])
        listener.send([[2]], from: listener.endpoints[0], to: member.endpoints[0])
        #expect(await other.wait(for: 1).map(\.octets) == [[2]])
        #expect(try await dropped(listener) == 1)
        #expect(inbox.events == [])
        await listener.close()
        await member.close()
    }

    /// The limited broadcast address needs a permission that these sockets do not have: EACCES for anybody.
    @Test func whatTheKernelRefusesIsLostAlone() async throws {
        let (inbox, other) = (Inbox(), Inbox())
        let listener = try await open(inbox)
        let member = try await open(other)
        let everybody = Endpoint(try #require(IPAddress("255.255.255.255")), port: 9)
        listener.send([[9], [9]], from: listener.endpoints[0], to: everybody)
        listener.send([[1], [2]], from: listener.endpoints[0], to: member.endpoints[0])
        #expect(await other.wait(for: 2).map(\.octets) == [[1], [2]])
        #expect(inbox.events == ["datagram-unsent", "datagram-unsent"])
        #expect(try await dropped(listener) == 2)
        await listener.close()
        await member.close()
    }

    @Test func aMulticastSenderSendsAgainAfterARefusal() async throws {
        let group = Endpoint(try #require(IPAddress("239.77.9.10")), port: 20_979)
        let everybody = Endpoint(try #require(IPAddress("255.255.255.255")), port: 9)
        let inbox = Inbox()
        let receiver = try await MulticastReceiver.join(group, interface: "lo", on: loop) { inbox.add($0) }
        let sender = try await MulticastSender.bind(source: host, interface: "lo", loops: true, on: loop)
        await #expect(throws: IOError.self) { try await sender.send([[9]], to: everybody, timeToLive: 1) }
        try await sender.send([[1], [2]], to: group, timeToLive: 1)
        #expect(await inbox.wait(for: 2).map(\.octets) == [[1], [2]])
        await receiver.leave()
        await sender.close()
    }

    @Test(arguments: ["127.0.0.1:1", "192.0.2.7:65535", "[::1]:848", "[2001:db8::ff]:500"])
    func addressesKeepTheirOctets(_ text: String) throws {
        let endpoint = try #require(Endpoint(text))
        let address = try SocketAddress(ipAddress: "\(endpoint.address)", port: Int(endpoint.port))
        #expect(endpoint.socketAddress == address)
        #expect(Endpoint(address) == endpoint)
    }

    @Test func theRouteSaysTheSource() throws {
        for text in ["127.0.0.1:500", "[::1]:500"] {
            let remote = try #require(Endpoint(text))
            #expect(Routes.source(to: remote) == remote.address)
        }
        #expect(Routes.source(to: try #require(Endpoint("255.255.255.255:500"))) == nil)
    }
}
