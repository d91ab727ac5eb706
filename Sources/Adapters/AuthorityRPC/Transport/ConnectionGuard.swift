import NIOCore
import NIOSSL
import NIOTLS
import SwiftASN1
import X509

/// Sits behind the TLS handler and closes a connection that is not TLS 1.3 or whose peer has no acceptable identity.
///
/// The transport's own floor is TLS 1.2. The handshake event passes here before any decrypted octet, so nothing of a
/// refused peer reaches HTTP/2. Per-call checks use the same certificate again; this is the first of two doors.
final class ConnectionGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let trustDomain: String
    private let admits: @Sendable (PeerIdentity) -> Bool

    init(trustDomain: String, admits: @escaping @Sendable (PeerIdentity) -> Bool) {
        self.trustDomain = trustDomain
        self.admits = admits
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted? = event as? TLSUserEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        if isAcceptable(context.pipeline.syncOperations) {
            context.fireUserInboundEventTriggered(event)
        } else {
            context.close(promise: nil)
        }
    }

    private func isAcceptable(_ pipeline: ChannelPipeline.SynchronousOperations) -> Bool {
        guard let handler = try? pipeline.handler(type: NIOSSLHandler.self), handler.tlsVersion == .tlsv13,
            let der = try? handler.peerCertificate?.toDERBytes(), let certificate = try? Certificate(derEncoded: der),
            let peer = PeerIdentity(certificate: certificate, trustDomain: trustDomain)
        else { return false }
        return admits(peer)
    }

    /// Puts a guard right behind the channel's TLS handler; fails when there is none.
    static func install(
        on channel: any Channel, trustDomain: String, admits: @escaping @Sendable (PeerIdentity) -> Bool
    ) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let tls = try pipeline.handler(type: NIOSSLHandler.self)
            try pipeline.addHandler(
                ConnectionGuard(trustDomain: trustDomain, admits: admits), position: .after(tls))
        }
    }
}
