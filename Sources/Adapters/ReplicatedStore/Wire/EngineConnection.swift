import NIOCore
import NIOPosix

/// Why a request has no good answer.
enum EngineFault: Error, Hashable, Sendable {
    /// The node refused, with its code.
    case refused(code: UInt64, String)
    /// The connection could not be made, was cut, fell silent or spoke nonsense; what was sent may have been done.
    case cut(String)
}

/// A connection to the engine's node: one request at a time, each with a deadline. A missed deadline closes it.
struct EngineConnection: Sendable {
    /// Its pipeline ends with an `EngineCallHandler`.
    let channel: any Channel

    /// Through the relay's Unix socket.
    static func open(
        socketPath: String, on group: any EventLoopGroup
    ) async throws(EngineFault) -> EngineConnection {
        try await result {
            try await bootstrap(group).connect(unixDomainSocketPath: socketPath).get()
        }
    }

    /// Over a connected socket; takes it over.
    static func open(
        descriptor: CInt, on group: any EventLoopGroup
    ) async throws(EngineFault) -> EngineConnection {
        try await result {
            try await bootstrap(group).withConnectedSocket(descriptor).get()
        }
    }

    var isActive: Bool { channel.isActive }
    func close() { channel.close(promise: nil) }

    /// - Returns: any reply but a failure.
    func perform(_ request: EngineRequest, within limit: Duration) async throws(EngineFault) -> EngineReply {
        guard limit > .zero else {
            close()
            throw .cut("no time left")
        }
        let promise = channel.eventLoop.makePromise(of: EngineReply.self)
        let call = EngineCall(request: request, limit: TimeAmount(limit), promise: promise)
        channel.writeAndFlush(call).whenFailure { promise.fail(EngineFault.cut("\($0)")) }
        let reply: EngineReply
        do {
            reply = try await promise.futureResult.get()
        } catch {
            throw error as? EngineFault ?? .cut("\(error)")
        }
        if case .failure(let code, let message) = reply { throw .refused(code: code, message) }
        return reply
    }

    private static func bootstrap(_ group: any EventLoopGroup) -> ClientBootstrap {
        ClientBootstrap(group: group).connectTimeout(TimeAmount(StoreLimits.request)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(EngineCallHandler())
            }
        }
    }

    private static func result(
        _ connect: () async throws -> any Channel
    ) async throws(EngineFault) -> EngineConnection {
        do {
            return EngineConnection(channel: try await connect())
        } catch {
            throw .cut("\(error)")
        }
    }
}

/// A request on its way, and who waits for its reply.
struct EngineCall: Sendable {
    let request: EngineRequest
    let limit: TimeAmount
    let promise: EventLoopPromise<EngineReply>
}

/// Frames requests and replies, gathers the parts of row replies, keeps the deadline.
final class EngineCallHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = EngineCall
    typealias OutboundOut = ByteBuffer

    private var received = ByteBuffer()
    private var waiting: Waiting?

    private struct Waiting {
        let promise: EventLoopPromise<EngineReply>
        let alarm: Scheduled<Void>
        var rows: [SQLRow] = []
        var octets = 0
    }

    func channelActive(context: ChannelHandlerContext) {
        var greeting = context.channel.allocator.buffer(capacity: 8)
        greeting.writeInteger(EngineRequest.protocolVersion, endianness: .little)
        context.writeAndFlush(wrapOutboundOut(greeting), promise: nil)
        context.fireChannelActive()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let call = unwrapOutboundIn(data)
        guard waiting == nil else {
            call.promise.fail(EngineFault.cut("a request is under way"))
            promise?.succeed()
            return
        }
        let channel = context.channel
        let alarm = context.eventLoop.assumeIsolated().scheduleTask(in: call.limit) {
            self.fail("no answer in time")
            channel.close(promise: nil)
        }
        waiting = Waiting(promise: call.promise, alarm: alarm)
        var buffer = context.channel.allocator.buffer(capacity: 256)
        call.request.encode(into: &buffer)
        context.write(wrapOutboundOut(buffer), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var octets = unwrapInboundIn(data)
        received.writeBuffer(&octets)
        do {
            while let message = try nextMessage() { try take(message) }
        } catch {
            fail("malformed reply: \(error.field)")
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail("the connection was closed")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail("\(error)")
        context.close(promise: nil)
    }

    private func nextMessage() throws(ReplyFault) -> (type: UInt8, body: ByteBuffer)? {
        guard let words = received.getInteger(at: received.readerIndex, endianness: .little, as: UInt32.self),
            let type = received.getInteger(at: received.readerIndex + 4, as: UInt8.self)
        else { return nil }
        // A dump is one message as large as the database; every other reply is small or comes in parts.
        let limit = type == 9 ? StoreLimits.replyOctets : StoreLimits.messageOctets
        guard Int(words) <= limit / 8 else { throw ReplyFault("length") }
        let length = Int(words) * 8
        guard received.readableBytes >= EngineFrame.headerOctets + length else { return nil }
        received.moveReaderIndex(forwardBy: EngineFrame.headerOctets)
        guard let body = received.readSlice(length: length) else { return nil }
        if received.readableBytes == 0 { received = ByteBuffer() }
        return (type, body)
    }

    private func take(_ message: (type: UInt8, body: ByteBuffer)) throws(ReplyFault) {
        guard waiting != nil else { throw ReplyFault("unasked reply") }
        waiting?.octets += message.body.readableBytes
        guard waiting.map(\.octets) ?? 0 <= StoreLimits.replyOctets else { throw ReplyFault("reply size") }
        switch try EngineReplyPart(type: message.type, body: message.body) {
        case .rows(let rows, let isLast):
            waiting?.rows += rows
            if isLast { succeed(.rows(waiting?.rows ?? [])) }
        // A failure may also end a result of several parts.
        case .whole(let reply): succeed(reply)
        }
    }

    private func succeed(_ reply: EngineReply) {
        let waiting = self.waiting
        self.waiting = nil
        waiting?.alarm.cancel()
        waiting?.promise.succeed(reply)
    }

    private func fail(_ why: String) {
        let waiting = self.waiting
        self.waiting = nil
        waiting?.alarm.cancel()
        waiting?.promise.fail(EngineFault.cut(why))
    }
}
