import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// Makes the engine's outgoing connections: a socket pair whose one end the engine gets, and a TLS channel to the peer behind the
/// other. A connection exists only when the peer's certificate names it.
final class PeerDialer: Sendable {
    private let peers: PeerDirectory
    private let tls: StoreTLS
    private let group: any EventLoopGroup

    init(peers: PeerDirectory, tls: StoreTLS, group: any EventLoopGroup) {
        self.peers = peers
        self.tls = tls
        self.group = group
    }

    /// Blocks its thread, one of the engine's four, below a second. Nil when there is no such peer or it does not answer.
    func dial(_ address: String) -> CInt? {
        guard let peer = peers.peer(at: address) else { return nil }
        var pair: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else { return nil }
        let (enginesEnd, relayEnd) = (pair[0], pair[1])
        do {
            try connect(peer, relayEnd).wait()
            return enginesEnd
        } catch {
            close(enginesEnd)
            return nil
        }
    }

    /// The cluster as a peer knows it; nil when it does not answer.
    func cluster(asking peer: StorePeer) async -> [StoreNode]? {
        let verified = group.next().makePromise(of: Void.self)
        do {
            let channel = try await bootstrap(peer, on: verified.futureResult.eventLoop, verified) { channel in
                try channel.pipeline.syncOperations.addHandler(EngineCallHandler())
            }.connect(host: peer.host, port: peer.port).get()
            let connection = EngineConnection(channel: channel)
            defer { connection.close() }
            guard case .servers(let nodes) = try await connection.perform(.cluster, within: .seconds(1)) else {
                return nil
            }
            try await verified.futureResult.get()
            return nodes
        } catch {
            verified.fail(error)
            return nil
        }
    }

    /// A TLS channel on which only the expected peer is heard.
    private func bootstrap(
        _ peer: StorePeer, on loop: any EventLoop, _ verified: EventLoopPromise<Void>,
        then more: @escaping @Sendable (any Channel) throws -> Void = { _ in }
    ) -> ClientBootstrap {
        let tls = self.tls
        return ClientBootstrap(group: loop).connectTimeout(StoreLimits.peerDial)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let wanted = StoreIdentity(uri: "spiffe://\(tls.identity.trustDomain)/gcks/store/\(peer.name)")
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(try NIOSSLClientHandler(context: tls.client, serverHostname: nil))
                    try pipeline.addHandler(PeerCheck(expecting: wanted, verified))
                    try more(channel)
                }
            }
    }

    /// Takes the descriptor over, also when it fails.
    private func connect(_ peer: StorePeer, _ descriptor: CInt) -> EventLoopFuture<Void> {
        let loop = group.next()
        let verified = loop.makePromise(of: Void.self)
        let alarm = loop.scheduleTask(in: StoreLimits.peerDial) {
            verified.fail(ChannelError.connectTimeout(StoreLimits.peerDial))
        }
        let dialled = bootstrap(peer, on: loop, verified).connect(host: peer.host, port: peer.port)
        dialled.whenFailure { verified.fail($0) }
        let joined = dialled.and(verified.futureResult).flatMap { channel, _ in
            Self.join(channel, descriptor)
        }
        joined.whenFailure { _ in dialled.whenSuccess { $0.close(promise: nil) } }
        // Until the join took it, the descriptor is ours to close.
        dialled.and(verified.futureResult).whenFailure { _ in close(descriptor) }
        joined.whenComplete { _ in alarm.cancel() }
        return joined
    }

    private static func join(_ channel: any Channel, _ descriptor: CInt) -> EventLoopFuture<Void> {
        ClientBootstrap(group: channel.eventLoop)
            .channelInitializer { inner in
                inner.eventLoop.makeCompletedFuture {
                    let (outside, inside) = RelayEnd.pair()
                    try channel.pipeline.syncOperations.addHandler(outside)
                    try inner.pipeline.syncOperations.addHandler(inside)
                }
            }
            .withConnectedSocket(descriptor).map { _ in }
    }
}

/// Stands behind the TLS handler of an outgoing connection and lets it go on only with the expected peer.
private final class PeerCheck: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private struct NotThePeer: Error {}

    private let expected: StoreIdentity?
    private let verified: EventLoopPromise<Void>

    init(expecting expected: StoreIdentity?, _ verified: EventLoopPromise<Void>) {
        self.expected = expected
        self.verified = verified
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
            let shown = StoreIdentity(handler?.peerCertificate)
            guard let expected, shown == expected else {
                verified.fail(NotThePeer())
                context.close(promise: nil)
                return
            }
            verified.succeed()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        verified.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        verified.fail(ChannelError.eof)
        context.fireChannelInactive()
    }
}
