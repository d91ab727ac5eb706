import NIOCore
import NIOHTTP1

/// One visitor: reads one request, answers it, hangs up.
final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answer: AdminListener.Answer
    private let asks: () -> Void
    private var head: HTTPRequestHead?
    private var hasBody = false
    private var isAnswered = false
    private var end: Scheduled<Void>?

    init(_ answer: @escaping AdminListener.Answer, asks: @escaping () -> Void) {
        self.answer = answer
        self.asks = asks
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        end = context.eventLoop.scheduleTask(in: AdminLimits.connectionLife) { channel.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswered else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: hasBody = true
        case .end: respond(context)
        }
    }

    private func respond(_ context: ChannelHandlerContext) {
        guard let head else { return context.close(promise: nil) }
        isAnswered = true
        asks()
        let isHead = head.method == .HEAD
        guard isHead || head.method == .GET else {
            return Self.write(AdminReply(status: 405, "GET and HEAD only\n"), isHead: false, context)
        }
        guard !hasBody else {
            return Self.write(AdminReply(status: 413, "a request has no body here\n"), isHead: isHead, context)
        }
        let request = AdminRequest(
            target: head.uri, accept: head.headers[canonicalForm: "accept"].joined(separator: ","))
        let answer = answer
        context.eventLoop.makeFutureWithTask { await answer(request) }.assumeIsolated().whenSuccess { reply in
            guard context.channel.isActive else { return }
            Self.write(reply, isHead: isHead, context)
        }
    }

    private static func write(_ reply: AdminReply, isHead: Bool, _ context: ChannelHandlerContext) {
        let body = context.channel.allocator.buffer(string: reply.body)
        var headers = HTTPHeaders([
            ("content-type", reply.contentType), ("content-length", "\(body.readableBytes)"), ("connection", "close"),
            ("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
        ])
        if reply.status == 405 { headers.add(name: "allow", value: "GET, HEAD") }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status), headers: headers)
        context.write(NIOAny(HTTPServerResponsePart.head(head)), promise: nil)
        if !isHead { context.write(NIOAny(HTTPServerResponsePart.body(.byteBuffer(body))), promise: nil) }
        let channel = context.channel
        context.writeAndFlush(NIOAny(HTTPServerResponsePart.end(nil)))
            .whenComplete { _ in channel.close(promise: nil) }
    }
}
