import Glibc
package import IKEVocabulary
package import NIOCore
import NIOHTTP1
import NIOPosix

/// A small HTTP/1.1 listener for metrics and health, on a program's own event loop: when that loop does not turn, nothing is
/// answered, which is what a liveness probe is to find out.
///
/// GET and HEAD only, one request for each connection; whatever is more, longer or slower is hung up on, and what is too many is
/// answered 503.
package final class AdminListener: Sendable {
    package typealias Answer = @Sendable (AdminRequest) async -> AdminReply

    private let channel: any Channel
    package let endpoint: IKEVocabulary.Endpoint

    private init(_ channel: any Channel, _ endpoint: IKEVocabulary.Endpoint) {
        self.channel = channel
        self.endpoint = endpoint
    }

    package static func bind(
        _ endpoint: IKEVocabulary.Endpoint, on eventLoop: any EventLoop, answer: @escaping Answer
    ) async throws -> AdminListener {
        let visitors = Visitors()
        let channel = try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: AdminLimits.backlog)
            .serverChannelOption(.maxMessagesPerRead, value: AdminLimits.acceptedAtOnce)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    let isLocal = channel.remoteAddress?.isOfThisHost == true
                    guard let number = visitors.come(isLocal: isLocal, hangUp: { channel.close(promise: nil) }) else {
                        return try pipeline.addHandler(TurnedAway())
                    }
                    channel.closeFuture.whenComplete { _ in visitors.go(number) }
                    try pipeline.addHandler(OctetBudget())
                    try pipeline.configureHTTPServerPipeline(
                        withPipeliningAssistance: false, withErrorHandling: true)
                    try pipeline.addHandler(AdminHandler(answer) { visitors.asks(number) })
                }
            }
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .bind(host: endpoint.address.description, port: Int(endpoint.port)).get()
        let port = channel.localAddress?.port.flatMap { UInt16(exactly: $0) } ?? endpoint.port
        return AdminListener(channel, IKEVocabulary.Endpoint(endpoint.address, port: port))
    }

    package func close() async { try? await channel.close() }
}

extension SocketAddress {
    fileprivate var isOfThisHost: Bool {
        guard let text = ipAddress else { return false }
        return text == "::1" || text.hasPrefix("127.") || text.hasPrefix("::ffff:127.")
    }
}

/// Hangs up on who sends more than a request needs.
private final class OctetBudget: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var left = AdminLimits.requestOctets

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        left -= unwrapInboundIn(data).readableBytes
        guard left >= 0 else { return context.close(promise: nil) }
        context.fireChannelRead(data)
    }
}
