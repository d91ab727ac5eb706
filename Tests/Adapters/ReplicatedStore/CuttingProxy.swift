import NIOCore
import NIOPosix
import Synchronization

/// Stands between a client and its store and cuts the connection around the first COMMIT, once.
final class CuttingProxy: Sendable {
    enum Cut: CaseIterable {
        /// COMMIT never arrives.
        case request
        /// COMMIT arrives, its answer does not.
        case answer
    }

    let path: String
    private let server: any Channel

    private init(path: String, server: any Channel) {
        self.path = path
        self.server = server
    }

    static func start(at path: String, before target: String, cut: Cut) async throws -> CuttingProxy {
        let hasCut = Mutex(false)
        let shared = Shared(hasCut)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { near in
                ClientBootstrap(group: near.eventLoop).connect(unixDomainSocketPath: target).flatMapThrowing { far in
                    let toStore = Pass(to: far, cut: cut, shared)
                    try near.pipeline.syncOperations.addHandler(toStore)
                    try far.pipeline.syncOperations.addHandler(Pass(to: near, cut: nil, shared, mutedBy: toStore))
                }
            }
            .bind(unixDomainSocketPath: path).get()
        return CuttingProxy(path: path, server: server)
    }

    func stop() async throws { try await server.close() }

    private final class Shared: Sendable {
        private let hasCut: Mutex<Bool>
        init(_ hasCut: consuming Mutex<Bool>) { self.hasCut = hasCut }

        /// True for the first caller.
        func take() -> Bool {
            hasCut.withLock { hasCut in
                defer { hasCut = true }
                return !hasCut
            }
        }
    }

    private final class Pass: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let cut: Cut?
        private let shared: Shared
        private let muting: Pass?
        private var isMute = false

        init(to other: any Channel, cut: Cut?, _ shared: Shared, mutedBy muting: Pass? = nil) {
            self.other = other
            self.cut = cut
            self.shared = shared
            self.muting = muting
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let octets = unwrapInboundIn(data)
            guard muting?.isMute != true else {
                // The answer: the store is done. Nobody hears of it.
                other.close(promise: nil)
                context.close(promise: nil)
                return
            }
            let isCommit = String(decoding: octets.readableBytesView, as: UTF8.self).contains("COMMIT")
            if let cut, isCommit, shared.take() {
                guard cut == .answer else {
                    other.close(promise: nil)
                    context.close(promise: nil)
                    return
                }
                isMute = true
            }
            other.writeAndFlush(octets, promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    }
}
