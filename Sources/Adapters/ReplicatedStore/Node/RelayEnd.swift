import NIOCore

/// One end of a relay: what one channel reads the other writes, no faster than it is taken, and both close together.
/// Both channels live on one event loop.
final class RelayEnd: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var other: RelayEnd?
    private var context: ChannelHandlerContext?
    private var isReadHeld = false

    static func pair() -> (RelayEnd, RelayEnd) {
        let (one, two) = (RelayEnd(), RelayEnd())
        one.other = two
        two.other = one
        return (one, two)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { other?.becameWritable() }
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other?.context?.write(wrapOutboundOut(unwrapInboundIn(data)), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) { other?.context?.flush() }
    func channelInactive(context: ChannelHandlerContext) { leave() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { other?.becameWritable() }
    }

    func read(context: ChannelHandlerContext) {
        if let partner = other?.context, partner.channel.isWritable {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    private func becameWritable() {
        guard isReadHeld, let context else { return }
        isReadHeld = false
        context.read()
    }

    private func leave() {
        let partner = other
        other = nil
        context = nil
        partner?.other = nil
        partner?.context?.close(promise: nil)
    }
}
