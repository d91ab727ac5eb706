import NIOCore

/// Who is there, the oldest first. Whoever says nothing gives way to a newcomer, and some places are for those of this host only:
/// a probe comes through, whoever else holds connections open. Touched on the event loop only.
final class Visitors: @unchecked Sendable {
    private struct Visitor {
        let number: UInt64
        let isLocal: Bool
        var isAsking = false
        let hangUp: () -> Void
    }

    private var present: [Visitor] = []
    private var last: UInt64 = 0

    /// - Returns: what to call this visitor; nil when there is no room, for all who could give way are being answered.
    func come(isLocal: Bool, hangUp: @escaping () -> Void) -> UInt64? {
        guard hasRoom(isLocal) || giveWay(isLocal) else { return nil }
        last += 1
        present.append(Visitor(number: last, isLocal: isLocal, hangUp: hangUp))
        return last
    }

    /// The whole request of this one is here.
    func asks(_ number: UInt64) {
        if let index = present.firstIndex(where: { $0.number == number }) { present[index].isAsking = true }
    }

    func go(_ number: UInt64) { present.removeAll { $0.number == number } }

    private func hasRoom(_ isLocal: Bool) -> Bool {
        if isLocal { return present.count < AdminLimits.connections + AdminLimits.connectionsKept }
        return present.count { !$0.isLocal } < AdminLimits.connections
            && present.count < AdminLimits.connections + AdminLimits.connectionsKept
    }

    /// Nobody of this host gives way to one from elsewhere.
    private func giveWay(_ isLocal: Bool) -> Bool {
        let silent = present.filter { !$0.isAsking }
        guard let leaving = silent.first(where: { !$0.isLocal }) ?? silent.first(where: { _ in isLocal }) else {
            return false
        }
        go(leaving.number)
        leaving.hangUp()
        return true
    }
}

/// Says that there is no room, and hangs up.
final class TurnedAway: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let words =
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n"

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: Self.words)))
            .whenComplete { _ in channel.close(promise: nil) }
    }

    /// What he asks is not read.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}
