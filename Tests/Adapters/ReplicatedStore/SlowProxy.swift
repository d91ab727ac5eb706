import NIOCore
import NIOPosix

/// Stands between a client and its store and holds every answer back for a while.
final class SlowProxy: Sendable {
    let path: String
    private let server: any Channel

    private init(path: String, server: any Channel) {
        self.path = path
        self.server = server
    }

    static func start(at path: String, before target: String, delay: TimeAmount) async throws -> SlowProxy {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { near in
                ClientBootstrap(group: near.eventLoop).connect(unixDomainSocketPath: target).flatMapThrowing { far in
                    try near.pipeline.syncOperations.addHandler(Pass(to: far, delay: .zero))
                    try far.pipeline.syncOperations.addHandler(Pass(to: near, delay: delay))
                }
            }
            .bind(unixDomainSocketPath: path).get()
        return SlowProxy(path: path, server: server)
    }

    func stop() async throws { try await server.close() }

    private final class Pass: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let delay: TimeAmount

        init(to other: any Channel, delay: TimeAmount) {
            self.other = other
            self.delay = delay
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let (other, octets) = (self.other, unwrapInboundIn(data))
            context.eventLoop.scheduleTask(in: delay) { other.writeAndFlush(octets, promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    }
}
