package import IKEVocabulary
package import NIOCore
import NIOPosix

/// UDP sockets of one event loop, one for each local address and port: a reply leaves from where its request arrived.
package final class UnicastSockets: Sendable {
    package struct Binding: Hashable, Sendable {
        package let local: Endpoint
        /// Port 4500: IKE messages follow four zero octets, and everything else is ESP or a keep-alive.
        package let isEncapsulated: Bool

        package init(local: Endpoint, isEncapsulated: Bool) {
            self.local = local
            self.isEncapsulated = isEncapsulated
        }
    }

    package let eventLoop: any EventLoop
    private let channels: [Endpoint: any Channel]
    private let encapsulated: Set<Endpoint>
    /// Where the sockets are; port 0 was replaced by what the kernel chose, in the order of the bindings.
    package let endpoints: [Endpoint]

    private init(
        _ eventLoop: any EventLoop, _ channels: [Endpoint: any Channel], _ encapsulated: Set<Endpoint>,
        _ endpoints: [Endpoint]
    ) {
        self.eventLoop = eventLoop
        self.channels = channels
        self.encapsulated = encapsulated
        self.endpoints = endpoints
    }

    /// Binds all or none.
    ///
    /// - Parameter receive: called on the event loop with what one read brought in.
    package static func bind(
        _ bindings: [Binding], on eventLoop: any EventLoop, sharesPort: Bool = false,
        receive: @escaping @Sendable ([ReceivedDatagram]) -> Void
    ) async throws -> UnicastSockets {
        var channels: [Endpoint: any Channel] = [:]
        var encapsulated: Set<Endpoint> = []
        var endpoints: [Endpoint] = []
        do {
            for binding in bindings {
                var bootstrap = DatagramBootstrap(group: eventLoop)
                    .channelOption(.datagramVectorReadMessageCount, value: DatagramLimits.readBatch)
                    .channelOption(
                        .recvAllocator,
                        value: FixedSizeRecvByteBufferAllocator(
                            capacity: DatagramLimits.readBatch * (DatagramLimits.octets + 1)))
                if sharesPort { bootstrap = bootstrap.channelOption(.socketOption(.so_reuseaddr), value: 1) }
                let channel = try await bootstrap.channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            DatagramReader(isEncapsulated: binding.isEncapsulated, receive: receive))
                    }
                }.bind(to: try binding.local.socketAddress()).get()
                guard let address = channel.localAddress, let local = Endpoint(address) else { continue }
                channels[local] = channel
                endpoints.append(local)
                if binding.isEncapsulated { encapsulated.insert(local) }
            }
        } catch {
            for channel in channels.values { try? await channel.close() }
            throw error
        }
        return UnicastSockets(eventLoop, channels, encapsulated, endpoints)
    }

    /// Sends on the event loop; the marker is added where it belongs. A socket that is not ours is nothing.
    package func send(_ datagrams: [[UInt8]], from local: Endpoint, to remote: Endpoint) {
        guard let channel = channels[local], let address = try? remote.socketAddress() else { return }
        for octets in datagrams {
            var buffer = channel.allocator.buffer(capacity: octets.count + DatagramLimits.marker)
            if encapsulated.contains(local) { buffer.writeRepeatingByte(0, count: DatagramLimits.marker) }
            buffer.writeBytes(octets)
            channel.write(AddressedEnvelope(remoteAddress: address, data: buffer), promise: nil)
        }
        channel.flush()
    }

    package func close() async {
        for channel in channels.values { try? await channel.close() }
    }
}

/// Collects what one read brings in and hands it on at once.
private final class DatagramReader: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let isEncapsulated: Bool
    private let receive: @Sendable ([ReceivedDatagram]) -> Void
    private var batch: [ReceivedDatagram] = []

    init(isEncapsulated: Bool, receive: @escaping @Sendable ([ReceivedDatagram]) -> Void) {
        self.isEncapsulated = isEncapsulated
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let remote = Endpoint(envelope.remoteAddress),
            let local = context.channel.localAddress.flatMap({ Endpoint($0) })
        else { return }
        var octets = Array(envelope.data.readableBytesView)
        if isEncapsulated {
            // Anything without the marker is ESP or a NAT keep-alive, and not for us.
            guard octets.count > DatagramLimits.marker, octets.prefix(DatagramLimits.marker).allSatisfy({ $0 == 0 })
            else {
                return
            }
            octets.removeFirst(DatagramLimits.marker)
        }
        batch.append(ReceivedDatagram(octets: octets, local: local, remote: remote, isEncapsulated: isEncapsulated))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard !batch.isEmpty else { return }
        let whole = batch
        batch = []
        receive(whole)
    }

    /// ICMP errors of one peer come up here; the socket serves the others.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
