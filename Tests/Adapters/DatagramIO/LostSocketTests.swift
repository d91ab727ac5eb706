import GroupModel
import IKEVocabulary
import NIOCore
import NIOPosix
import Synchronization
import TestKit
import Testing

@testable import DatagramIO

@Suite(.serialized) struct LostSocketTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let host = IPAddress("127.0.0.1") ?? .anyIPv4

    private func open(_ inbox: Inbox, at port: UInt16 = 0) async throws -> (DatagramSocket, Endpoint) {
        try await DatagramSocket.open(
            DatagramSocket.Plan(
                local: Endpoint(host, port: port), onEvent: { inbox.add($0) }, receive: { inbox.add($0) }), on: loop)
    }

    /// As NIO closes it by itself: over one datagram that the kernel refuses.
    private func kill(_ socket: DatagramSocket) async throws {
        let nowhere = Endpoint(host, port: 0).socketAddress
        let channel = try #require(try await loop.submit { socket.channel }.get())
        let write = AddressedEnvelope(remoteAddress: nowhere, data: ByteBuffer(bytes: [1]))
        await #expect(throws: IOError.self) { try await channel.writeAndFlush(write) }
        try await channel.closeFuture.get()
    }

    private func send(_ octets: [UInt8], _ socket: DatagramSocket, to remote: Endpoint) async throws -> Int {
        try await loop.submit {
            socket.send([octets], to: remote)
            return socket.dropped
        }.get()
    }

    @Test func itIsBoundAgainAtTheSamePlace() async throws {
        let (inbox, other) = (Inbox(), Inbox())
        let (socket, local) = try await open(inbox)
        let (peer, remote) = try await open(other)
        try await kill(socket)
        #expect(try await send([9], socket, to: remote) == 1)
        #expect(await inbox.wait(for: "socket-restored"))
        #expect(inbox.events == ["socket-lost", "socket-restored"])
        #expect(try await send([1], peer, to: local) == 0)
        #expect(await inbox.wait(for: 1).map(\.octets) == [[1]])
        #expect(try await send([2], socket, to: remote) == 1)
        let arrived = await other.wait(for: 1)
        #expect(arrived.map(\.octets) == [[2]])
        #expect(arrived.first?.remote == local)
        await socket.close()
        await peer.close()
    }

    @Test func itIsTriedUntilItWorks() async throws {
        let (inbox, other) = (Inbox(), Inbox())
        let (socket, local) = try await open(inbox)
        try await kill(socket)
        let (thief, _) = try await open(other, at: local.port)
        #expect(await inbox.wait(for: "socket-still-lost"))
        await thief.close()
        #expect(await inbox.wait(for: "socket-restored"))
        #expect(other.events == [])
        await socket.close()
    }

    @Test func whatWasClosedStaysClosed() async throws {
        let inbox = Inbox()
        let (socket, local) = try await open(inbox)
        try await kill(socket)
        await socket.close()
        let (open, _) = try await open(Inbox())
        await open.close()
        try await Task.sleep(for: .milliseconds(250))
        #expect(inbox.events == ["socket-lost"])
        let (another, _) = try await self.open(Inbox(), at: local.port)
        await another.close()
    }

    @Test func aLostMulticastReceiverJoinsAgain() async throws {
        let group = Endpoint(try #require(IPAddress("239.77.9.11")), port: 20_980)
        let inbox = Inbox()
        let receiver = try await MulticastReceiver.join(
            group, interface: "lo", on: loop, onEvent: { inbox.add($0) }, receive: { inbox.add($0) })
        try await kill(receiver.socket)
        #expect(await inbox.wait(for: "socket-restored"))
        let sender = try await MulticastSender.bind(source: host, interface: "lo", loops: true, on: loop)
        try await sender.send([[1]], to: group, timeToLive: 1)
        #expect(await inbox.wait(for: 1).map(\.octets) == [[1]])
        await receiver.leave()
        await sender.close()
    }

    /// A kernel that takes nothing while it is full.
    private final class Wire: Sendable {
        let isFull = Atomic(true)
        private let taken = Mutex<[[UInt8]]>([])
        var datagrams: [[UInt8]] { taken.withLock { $0 } }

        func take(_ octets: [UInt8]) -> CInt {
            guard !isFull.load(ordering: .relaxed) else { return EAGAIN }
            taken.withLock { $0.append(octets) }
            return 0
        }
    }

    @Test func datagramsWaitInOrderForRoomInTheKernelAndNotWithoutBound() async throws {
        let wire = Wire()
        let (socket, local) = try await DatagramSocket.open(
            DatagramSocket.Plan(
                local: Endpoint(host, port: 0), isEncapsulated: true, transmit: { _, octets, _ in wire.take(octets) },
                onEvent: { _ in }, receive: { _ in }), on: loop)
        let many = (0..<UInt16(DatagramLimits.waiting + 2)).map { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
        let dropped = try await loop.submit {
            socket.send(many, to: local)
            return socket.dropped
        }.get()
        #expect(dropped == 2)
        #expect(wire.datagrams.isEmpty)
        wire.isFull.store(false, ordering: .relaxed)
        for _ in 0..<200 where wire.datagrams.count < DatagramLimits.waiting {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(wire.datagrams == many.prefix(DatagramLimits.waiting).map { [0, 0, 0, 0] + $0 })
        await socket.close()
    }
}
