import Foundation
import GRPCCore
import Glibc
import NIOCore
import NIOHPACK
import NIOHTTP2

/// The user at the other end of a Unix socket, as the kernel knows it (SO_PEERCRED).
enum UnixPeer {
    struct Refused: Error {}

    /// struct ucred of <sys/socket.h>, which the Glibc module leaves out.
    private struct Credentials {
        var pid: Int32
        var uid: UInt32
        var gid: UInt32
    }

    /// Refuses connections from users that are not configured.
    static func check(_ channel: any Channel, users: Set<UInt32>) -> EventLoopFuture<Void> {
        user(of: channel).flatMapThrowing { uid in
            guard users.contains(uid) else { throw Refused() }
        }
    }

    private static func user(of channel: any Channel) -> EventLoopFuture<UInt32> {
        guard let options = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(Refused())
        }
        let credentials: EventLoopFuture<Credentials> = options.unsafeGetSocketOption(
            level: .socket, name: .init(rawValue: SO_PEERCRED))
        return credentials.map(\.uid)
    }

    /// Makes each call of a connection say who made it, in a metadata field that a caller cannot set.
    static func stamp(_ stream: any Channel) -> EventLoopFuture<Void> {
        guard let connection = stream.parent else { return stream.eventLoop.makeFailedFuture(Refused()) }
        return user(of: connection).flatMapThrowing { uid in
            try stream.pipeline.syncOperations.addHandler(CallStamp(user: uid), position: .first)
        }
    }

    /// Who made a call on a Unix socket, by `stamp`: "unix uid=0 (root)", or without a name that this host does not know.
    ///
    /// - Parameter names: of the users that may connect.
    static func proof(_ metadata: Metadata, _ names: [UInt32: String]) -> String? {
        guard let text = metadata[stringValues: CallStamp.field].first(where: { _ in true }), let uid = UInt32(text)
        else {
            return nil
        }
        return "unix uid=\(uid)" + (names[uid].map { " (\($0))" } ?? "")
    }

    static func name(of user: UInt32) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var text = [CChar](repeating: 0, count: 16_384)
        // The name lies in that buffer.
        return text.withUnsafeMutableBufferPointer { text in
            guard let base = text.baseAddress, getpwuid_r(user, &entry, base, text.count, &found) == 0, found != nil,
                let name = entry.pw_name
            else { return nil }
            return String(cString: name)
        }
    }
}

/// First on a call's stream: writes the user into its head, whatever the caller wrote there.
private final class CallStamp: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload

    static let field = "gcks-unix-user"

    private let user: UInt32

    init(user: UInt32) { self.user = user }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .headers(var head) = unwrapInboundIn(data) else {
            context.fireChannelRead(data)
            return
        }
        head.headers.remove(name: Self.field)
        head.headers.add(name: Self.field, value: "\(user)")
        context.fireChannelRead(wrapInboundOut(.headers(head)))
    }
}
