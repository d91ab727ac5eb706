import Glibc
package import IKEVocabulary
package import NIOCore
import NIOPosix

package enum MulticastError: Error, Hashable, Sendable, CustomStringConvertible {
    case noInterface(String)
    case notMulticast(Endpoint)

    package var description: String {
        switch self {
        case .noInterface(let name): "there is no network interface \(name)"
        case .notMulticast(let endpoint): "\(endpoint) is not a multicast address"
        }
    }
}

/// Receives one multicast group on one interface.
package final class MulticastReceiver: Sendable {
    private let channel: any Channel
    package let group: Endpoint

    private init(_ channel: any Channel, _ group: Endpoint) {
        self.channel = channel
        self.group = group
    }

    /// Binds to the group's own address, so that datagrams of other groups on the port do not come here.
    ///
    /// - Parameter interface: a name such as "eth0"; nil lets the kernel choose.
    package static func join(
        _ group: Endpoint, interface: String?, on eventLoop: any EventLoop,
        receive: @escaping @Sendable ([ReceivedDatagram]) -> Void
    ) async throws -> MulticastReceiver {
        guard group.address.isMulticast else { throw MulticastError.notMulticast(group) }
        let device = try Interface.named(interface, ipv4: group.address.isIPv4)
        let address = try group.socketAddress()
        let channel = try await DatagramBootstrap(group: eventLoop)
            .channelOption(.socketOption(.so_reuseaddr), value: 1)
            .channelOption(.datagramVectorReadMessageCount, value: DatagramLimits.readBatch)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(
                    capacity: DatagramLimits.readBatch * (DatagramLimits.octets + 1))
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(MulticastReader(group: group, receive: receive))
                }
            }
            .bind(to: address).get()
        do {
            try await Interface.join(group.address, on: device, channel)
        } catch {
            try? await channel.close()
            throw error
        }
        return MulticastReceiver(channel, group)
    }

    package func leave() async { try? await channel.close() }
}

private final class MulticastReader: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let group: Endpoint
    private let receive: @Sendable ([ReceivedDatagram]) -> Void
    private var batch: [ReceivedDatagram] = []

    init(group: Endpoint, receive: @escaping @Sendable ([ReceivedDatagram]) -> Void) {
        self.group = group
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let remote = Endpoint(envelope.remoteAddress) else { return }
        batch.append(
            ReceivedDatagram(
                octets: Array(envelope.data.readableBytesView), local: group, remote: remote, isEncapsulated: false))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard !batch.isEmpty else { return }
        let whole = batch
        batch = []
        receive(whole)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

/// Sends to multicast groups from one address and interface.
package final class MulticastSender: Sendable {
    private let channel: any Channel

    private init(_ channel: any Channel) { self.channel = channel }

    /// - Parameters:
    ///   - source: the address the datagrams come from; its family decides which groups can be reached.
    ///   - loops: members on this host receive too.
    package static func bind(
        source: IPAddress, interface: String?, loops: Bool, on eventLoop: any EventLoop
    ) async throws -> MulticastSender {
        let device = try Interface.named(interface, ipv4: source.isIPv4)
        let channel = try await DatagramBootstrap(group: eventLoop)
            .bind(to: try Endpoint(source, port: 0).socketAddress()).get()
        guard let options = channel as? any SocketOptionProvider else { return MulticastSender(channel) }
        if source.isIPv4 {
            try await options.setIPMulticastLoop(loops ? 1 : 0).get()
            let address = source.octets.withUnsafeBytes { $0.loadUnaligned(as: in_addr.self) }
            try await options.setIPMulticastIF(address).get()
        } else {
            try await options.setIPv6MulticastLoop(loops ? 1 : 0).get()
            if let device { try await options.setIPv6MulticastIF(CUnsignedInt(device.interfaceIndex)).get() }
        }
        return MulticastSender(channel)
    }

    /// Sends datagrams in order; the TTL (hop limit) is that of this call.
    package func send(_ datagrams: [[UInt8]], to group: Endpoint, timeToLive: UInt8) async throws {
        let address = try group.socketAddress()
        if let options = channel as? any SocketOptionProvider {
            if group.address.isIPv4 {
                try await options.setIPMulticastTTL(CUnsignedChar(timeToLive)).get()
            } else {
                try await options.setIPv6MulticastHops(CInt(timeToLive)).get()
            }
        }
        for octets in datagrams {
            let buffer = channel.allocator.buffer(bytes: octets)
            try await channel.writeAndFlush(AddressedEnvelope(remoteAddress: address, data: buffer))
        }
    }

    package func close() async { try? await channel.close() }
}

enum Interface {
    /// ip_mreq and ipv6_mreq as the kernel reads them.
    private struct Membership4 { let group: (UInt8, UInt8, UInt8, UInt8), interface: (UInt8, UInt8, UInt8, UInt8) }
    private struct Membership6 { let group: in6_addr, interface: UInt32 }

    /// Joins by the socket option itself: NIO's own call refuses interfaces without the MULTICAST flag, and loopback, where a
    /// whole cluster on one host meets, has none although the kernel delivers there.
    static func join(_ group: IPAddress, on device: NIONetworkDevice?, _ channel: any Channel) async throws {
        guard let options = channel as? any SocketOptionProvider else { throw MulticastError.noInterface("socket") }
        if group.isIPv4 {
            let local = device?.address.flatMap { Endpoint($0) }?.address.octets ?? [0, 0, 0, 0]
            let octets = group.octets + local
            let value = octets.withUnsafeBytes { $0.loadUnaligned(as: Membership4.self) }
            try await options.unsafeSetSocketOption(
                level: .ip, name: .ip_add_membership, value: value
            ).get()
        } else {
            let index = UInt32(device?.interfaceIndex ?? 0)
            let address = group.octets.withUnsafeBytes { $0.loadUnaligned(as: in6_addr.self) }
            try await options.unsafeSetSocketOption(
                level: .ipv6, name: .ipv6_join_group, value: Membership6(group: address, interface: index)
            ).get()
        }
    }

    /// Nil when no name is given.
    static func named(_ name: String?, ipv4: Bool) throws -> NIONetworkDevice? {
        guard let name else { return nil }
        let family: NIOBSDSocket.ProtocolFamily = ipv4 ? .inet : .inet6
        let device = try System.enumerateDevices().first { $0.name == name && $0.address?.protocol == family }
        guard let device else { throw MulticastError.noInterface(name) }
        return device
    }
}
