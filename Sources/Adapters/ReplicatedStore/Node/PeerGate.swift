import GroupModel
import NIOCore
import NIOSSL
import NIOTLS

/// Stands behind the TLS handler of an incoming connection until it is known who calls: the certificate must name a node of the
/// log or a configured peer, and the first message must be that node's CONNECT. The engine itself checks nothing of this.
///
/// One question is answered too, CLUSTER, after which the caller may say no more: a node with an empty disk asks it before
/// it starts.
///
///     | version (8) = 1 | words (4) | type (1) = 11 | schema (1) | 0 (2) | id (8) | address, NUL, zeros |
final class PeerGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private let trustDomain: String
    private let peers: PeerDirectory
    private let proved: (any Channel) -> Bool
    private let admit: (any Channel) -> EventLoopFuture<Void>
    private let refused: (String) -> Void

    private var name: String?
    private var held = ByteBuffer()
    private var isAdmitting = false
    private var mayAskOnly = false
    private var alarm: Scheduled<Void>?

    /// - Parameters:
    ///   - peers: who may come in.
    ///   - proved: called when the certificate named a peer; false when there is no room for one more.
    ///   - admit: joins the channel to the engine; what was held is delivered after it.
    init(
        trustDomain: String, peers: PeerDirectory, refused: @escaping (String) -> Void,
        proved: @escaping (any Channel) -> Bool, admit: @escaping (any Channel) -> EventLoopFuture<Void>
    ) {
        self.trustDomain = trustDomain
        self.peers = peers
        self.refused = refused
        self.proved = proved
        self.admit = admit
    }

    func handlerAdded(context: ChannelHandlerContext) { setAlarm(StoreLimits.handshake, context) }

    private func setAlarm(_ limit: TimeAmount, _ context: ChannelHandlerContext) {
        alarm?.cancel()
        let channel = context.channel
        alarm = context.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { alarm?.cancel() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
            let shown = StoreIdentity(handler?.peerCertificate)
            guard let shown, shown.trustDomain == trustDomain, peers.mayAsk(shown.name) else {
                refuse(context, "its certificate names no node of this cluster")
                return
            }
            guard proved(context.channel) else {
                refuse(context, "\(shown.name) has too many connections")
                return
            }
            name = shown.name
            setAlarm(StoreLimits.greeting, context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var octets = unwrapInboundIn(data)
        held.writeBuffer(&octets)
        guard !mayAskOnly else { return refuse(context, "\(name ?? "?") says more than its question") }
        guard !isAdmitting else { return }
        guard let name else {
            refuse(context, "it speaks before it is known")
            return
        }
        switch PeerGreeting.read(held) {
        case .incomplete:
            if held.readableBytes > StoreLimits.greetingOctets { refuse(context, "\(name) sends no greeting") }
        case .malformed: refuse(context, "\(name) does not begin with CONNECT")
        case .connect(let claimedID, let claimedName):
            guard let id = peers.member(name) else {
                refuse(context, "\(name) is not in the log of this cluster")
                return
            }
            guard claimedID == id, StoreNode.parts(of: claimedName).name == name else {
                refuse(context, "\(name) says that it is \(claimedName), id \(claimedID)")
                return
            }
            pass(context)
        case .cluster:
            mayAskOnly = true
            pass(context)
        }
    }

    /// While the engine is being joined nothing more is read.
    func read(context: ChannelHandlerContext) {
        if !isAdmitting { context.read() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        refuse(context, "TLS: \(error)")
    }

    private func pass(_ context: ChannelHandlerContext) {
        isAdmitting = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        admit(context.channel).whenComplete { result in
            let (gate, context) = bound.value
            guard case .success = result else {
                context.close(promise: nil)
                return
            }
            context.fireChannelRead(gate.wrapInboundOut(gate.held))
            context.fireChannelReadComplete()
            gate.isAdmitting = false
            if gate.mayAskOnly {
                // It stays, so that nothing more is passed on; so does its alarm, which ends the connection.
                context.channel.read()
                return
            }
            let pipeline = context.pipeline
            pipeline.syncOperations.removeHandler(context: context, promise: nil)
            context.channel.read()
        }
    }

    private func refuse(_ context: ChannelHandlerContext, _ why: String) {
        refused(why)
        context.close(promise: nil)
    }
}

/// The first octets of an incoming connection, read without trust.
enum PeerGreeting: Equatable {
    case incomplete
    case malformed
    case connect(id: UInt64, name: String)
    case cluster

    private static let connectType: UInt8 = 11
    private static let clusterType: UInt8 = 16

    static func read(_ octets: ByteBuffer) -> PeerGreeting {
        var octets = octets
        guard let version = octets.readInteger(endianness: .little, as: UInt64.self) else { return .incomplete }
        guard version == EngineRequest.protocolVersion else { return .malformed }
        guard let words = octets.readInteger(endianness: .little, as: UInt32.self),
            let type = octets.readInteger(as: UInt8.self), octets.readSlice(length: 3) != nil
        else { return .incomplete }
        if type == clusterType, words == 1 {
            guard octets.readableBytes >= 8 else { return .incomplete }
            return octets.readableBytes == 8 ? .cluster : .malformed
        }
        // Id and the shortest address are two words.
        guard type == connectType, words >= 2, words <= StoreLimits.greetingOctets / 8 else { return .malformed }
        guard var body = octets.readSlice(length: Int(words) * 8),
            let id = body.readInteger(endianness: .little, as: UInt64.self)
        else { return .incomplete }
        guard let end = body.readableBytesView.firstIndex(of: 0),
            let name = body.readString(length: end - body.readerIndex)
        else { return .malformed }
        return .connect(id: id, name: name)
    }
}
