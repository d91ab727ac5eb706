import Glibc
import GroupModel
import IKEVocabulary
import NIOCore
import NIOPosix

/// A UDP socket that is read in batches, and opened again whenever it closes although nobody closed it.
///
/// Everything mutable is touched on the event loop only; that is what makes it Sendable.
final class DatagramSocket: @unchecked Sendable {
    struct Plan: Sendable {
        /// Port 0: the kernel chooses once, and the choice stays.
        let local: Endpoint
        var isEncapsulated = false
        var sharesPort = false
        /// A bound socket that is taken over instead of making one.
        var inherited: CInt?
        /// Somebody else holds on to the socket from then on, so that it outlives this process.
        var keep: (@Sendable (CInt) -> Void)?
        /// What a fresh channel needs before it counts.
        var prepare: @Sendable (any Channel) async throws -> Void = { _ in }
        /// Puts one datagram on the wire: 0 or the kernel's error number.
        var transmit: @Sendable (NIOBSDSocket.Handle, [UInt8], Endpoint) -> CInt = Kernel.send
        let onEvent: @Sendable (Event) -> Void
        let receive: @Sendable ([ReceivedDatagram]) -> Void
    }

    private struct Outgoing {
        let octets: [UInt8]
        let remote: Endpoint
    }

    private let plan: Plan
    private let eventLoop: any EventLoop
    private var local: Endpoint
    private(set) var channel: (any Channel)?
    /// Ours to send on while the channel is active: NIO closes it on this event loop, and is inactive from then on.
    private var descriptor: NIOBSDSocket.Handle?
    /// Datagrams that could not be sent.
    private(set) var dropped = 0
    /// A second descriptor of a socket that somebody else holds too: its place cannot be bound again, so the same socket is taken
    /// up again.
    private var spare: CInt?
    private var waiting = CircularBuffer<Outgoing>()
    private var retry: Scheduled<Void>?
    private var fault: (any Error)?
    private var isClosed = false

    private init(_ plan: Plan, on eventLoop: any EventLoop) {
        self.plan = plan
        self.eventLoop = eventLoop
        local = plan.local
    }

    /// - Returns: the socket and where it is bound.
    static func open(_ plan: Plan, on eventLoop: any EventLoop) async throws -> (DatagramSocket, Endpoint) {
        let socket = DatagramSocket(plan, on: eventLoop)
        socket.spare = plan.inherited
        let channel = try await socket.bind(to: plan.local)
        let local = channel.localAddress.flatMap { Endpoint($0) } ?? plan.local
        try await eventLoop.submit {
            socket.local = local
            socket.adopt(channel)
            socket.offer()
        }.get()
        return (socket, local)
    }

    func close() async {
        let open = try? await eventLoop.submit { [self] in
            isClosed = true
            if let spare { Glibc.close(spare) }
            spare = nil
            return channel
        }.get()
        try? await open?.close()
    }

    // MARK: Opening

    private func bind(to local: Endpoint) async throws -> any Channel {
        var bootstrap = DatagramBootstrap(group: eventLoop)
            .channelOption(.datagramVectorReadMessageCount, value: DatagramLimits.readBatch)
            // One read each time the kernel says that there is something: a second one mostly finds nothing.
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(
                    capacity: DatagramLimits.readBatch * (DatagramLimits.octets + 1))
            )
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        DatagramReader(plan.local, isEncapsulated: plan.isEncapsulated, receive: plan.receive) {
                            self.fault = $0
                        })
                }
            }
        if plan.sharesPort { bootstrap = bootstrap.channelOption(.socketOption(.so_reuseaddr), value: 1) }
        let channel = try await taken(bootstrap, local)
        do {
            try await plan.prepare(channel)
        } catch {
            try? await channel.close()
            throw error
        }
        return channel
    }

    private func taken(_ bootstrap: DatagramBootstrap, _ local: Endpoint) async throws -> any Channel {
        guard let spare else { return try await bootstrap.bind(to: local.socketAddress).get() }
        let copy = fcntl(spare, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw IOError(errnoCode: errno, reason: "fcntl") }
        // The channel owns the copy, also when it fails.
        return try await bootstrap.withBoundSocket(copy).get()
    }

    /// Lets somebody else hold on to the socket too.
    private func offer() {
        guard let keep = plan.keep, let descriptor else { return }
        if spare == nil { spare = fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }
        keep(descriptor)
    }

    /// On the event loop: what comes from now on waits in the kernel, for the process after this one, when the socket outlives us.
    func pause() {
        guard spare != nil else { return }
        channel?.setOption(.autoRead, value: false).whenFailure { _ in }
    }

    private func adopt(_ fresh: any Channel) {
        guard !isClosed else { return fresh.close(promise: nil) }
        (channel, fault) = (fresh, nil)
        descriptor = try? fresh.pipeline.syncOperations.withUnsafeTransportIfAvailable { $0 }
        fresh.closeFuture.whenComplete { [self] _ in lost() }
    }

    private func lost() {
        (channel, descriptor) = (nil, nil)
        dropped += waiting.count
        waiting.removeAll()
        guard !isClosed else { return }
        tell("socket-lost", .error, [("why", fault.map { "\($0)" } ?? "the kernel refused it")])
        reopen(after: DatagramLimits.reopenPauseLeast)
    }

    private func reopen(after pause: Duration) {
        eventLoop.scheduleTask(in: TimeAmount(pause)) { [self] in
            guard !isClosed else { return }
            let local = local
            Task {
                do {
                    let fresh = try await bind(to: local)
                    eventLoop.execute { self.reopened(fresh) }
                } catch {
                    eventLoop.execute { self.stayedLost(error, after: pause) }
                }
            }
        }
    }

    private func reopened(_ fresh: any Channel) {
        if !isClosed { tell("socket-restored", .notice, [("unsent", "\(dropped)")]) }
        adopt(fresh)
    }

    private func stayedLost(_ error: any Error, after pause: Duration) {
        guard !isClosed else { return }
        tell("socket-still-lost", .error, [("why", "\(error)")])
        reopen(after: min(pause * 2, DatagramLimits.reopenPauseMost))
    }

    private func tell(_ name: String, _ level: Event.Level, _ fields: [(key: String, value: String)]) {
        plan.onEvent(Event(name, level, limitedBy: "\(local)", [("local", "\(local)")] + fields))
    }

    // MARK: Sending

    /// On the event loop; the marker is added where it belongs.
    ///
    /// It goes past NIO, which closes a socket when the kernel refuses one datagram (no route, a firewall): whoever
    /// chose the source address of a request would choose when the socket closes. Here such a datagram is lost alone.
    func send(_ datagrams: [[UInt8]], to remote: Endpoint) {
        for octets in datagrams {
            let marked = plan.isEncapsulated ? [UInt8](repeating: 0, count: DatagramLimits.marker) + octets : octets
            let datagram = Outgoing(octets: marked, remote: remote)
            guard waiting.isEmpty, transmits(datagram) else {
                wait(datagram)
                continue
            }
        }
    }

    /// False when the kernel has no room for it now; true when it is gone, one way or the other.
    private func transmits(_ datagram: Outgoing) -> Bool {
        guard let channel, channel.isActive, let descriptor, datagram.remote.port != 0 else {
            dropped += 1
            return true
        }
        let error = plan.transmit(descriptor, datagram.octets, datagram.remote)
        switch error {
        case 0: break
        case EAGAIN: return false
        default:
            dropped += 1
            plan.onEvent(
                Event(
                    "datagram-unsent", .warning, limitedBy: "\(datagram.remote.address)",
                    [
                        ("local", "\(local)"), ("remote", "\(datagram.remote)"),
                        ("why", String(cString: strerror(error))),
                    ]))
        }
        return true
    }

    private func wait(_ datagram: Outgoing) {
        guard waiting.count < DatagramLimits.waiting else {
            dropped += 1
            return
        }
        waiting.append(datagram)
        tryLater()
    }

    private func tryLater() {
        guard retry == nil else { return }
        retry = eventLoop.scheduleTask(in: TimeAmount(DatagramLimits.waitForRoom)) { [self] in
            retry = nil
            while let next = waiting.first {
                guard transmits(next) else { return tryLater() }
                _ = waiting.popFirst()
            }
        }
    }
}

enum Kernel {
    static func send(_ descriptor: NIOBSDSocket.Handle, _ octets: [UInt8], to remote: Endpoint) -> CInt {
        remote.withKernelAddress { address, length in
            sendto(descriptor, octets, octets.count, CInt(MSG_DONTWAIT), address, length) < 0 ? errno : 0
        }
    }
}

/// Collects what one read brings in and hands it on at once.
private final class DatagramReader: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let isEncapsulated: Bool
    private let receive: @Sendable ([ReceivedDatagram]) -> Void
    private let failed: (any Error) -> Void
    private let planned: Endpoint
    private var local: Endpoint?
    private var batch: [ReceivedDatagram] = []

    init(
        _ planned: Endpoint, isEncapsulated: Bool, receive: @escaping @Sendable ([ReceivedDatagram]) -> Void,
        failed: @escaping (any Error) -> Void
    ) {
        self.planned = planned
        self.isEncapsulated = isEncapsulated
        self.receive = receive
        self.failed = failed
    }

    func channelActive(context: ChannelHandlerContext) {
        local = context.channel.localAddress.flatMap { Endpoint($0) } ?? planned
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        // Nothing can be sent to port 0.
        guard let local, let remote = Endpoint(envelope.remoteAddress), remote.port != 0 else { return }
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

    /// ICMP errors of one peer come up here and the socket serves the others; after any other error NIO closes it.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { failed(error) }
}
