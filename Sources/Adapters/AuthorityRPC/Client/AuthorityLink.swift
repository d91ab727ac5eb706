import GRPCCore
import GRPCNIOTransportHTTP2Posix
import NIOCore

/// Where one authority listens, under the name that leader hints and certificates use.
package struct AuthorityTarget: Hashable, Sendable {
    package enum Address: Hashable, Sendable {
        case unix(path: String)
        case tcp(host: String, port: UInt16)
    }

    package let name: String
    package let address: Address

    package init(name: String, address: Address) {
        self.name = name
        self.address = address
    }

    /// Reads "/run/gcks/auth-1.sock", "unix:/run/gcks/auth-1.sock", "auth-1.example:7400" or "[2001:db8::1]:7400".
    package init?(name: String, _ text: String) {
        let path = text.hasPrefix("unix:") ? text.dropFirst(5) : text[...]
        if path.hasPrefix("/") {
            // What SwiftNIO takes; sun_path itself holds four more.
            guard path.utf8.count <= 103 else { return nil }
            self.init(name: name, address: .unix(path: String(path)))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.init(name: name, address: .tcp(host: String(host), port: port))
    }
}

/// How a process reaches the authorities of its cluster.
package struct AuthorityLink: Sendable {
    /// Tried in this order.
    package var targets: [AuthorityTarget]
    /// This process's name: what Hello says. Over TLS it must equal the certificate's name, or be empty.
    package var name: String
    /// Needed for TCP targets.
    package var credentials: TLSCredentials?

    package init(targets: [AuthorityTarget], name: String, credentials: TLSCredentials? = nil) {
        self.targets = targets
        self.name = name
        self.credentials = credentials
    }

    struct NoCredentials: Error, CustomStringConvertible {
        let target: String
        var description: String { "\(target) is reached by TLS, and no certificate is configured" }
    }

    /// A transport that makes one connection. `onReady` is called when it stands: over TLS only after the authority
    /// proved its role and the target's name.
    func makeTransport(
        to target: AuthorityTarget, onReady: @escaping @Sendable () -> Void
    ) throws -> HTTP2ClientTransport.Posix {
        var config = HTTP2ClientTransport.Posix.Config.defaults
        config.http2.targetWindowSize = 4 << 20
        config.connection.keepalive = .init(time: .seconds(5), timeout: .seconds(5), allowWithoutCalls: false)
        config.backoff = .init(initial: .milliseconds(50), max: .seconds(2), multiplier: 1.6, jitter: 0.2)
        switch target.address {
        case .unix(let path):
            config.channelDebuggingCallbacks.onCreateTCPConnection = { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ReadyNotice(onReady), position: .first)
                }
            }
            return try HTTP2ClientTransport.Posix(
                target: .unixDomainSocket(path: path, authority: "localhost"), transportSecurity: .plaintext,
                config: config)
        case .tcp(let host, let port):
            guard let credentials else { throw NoCredentials(target: target.name) }
            let expected = PeerIdentity(role: .authority, name: target.name)
            config.http2.authority = target.name
            config.channelDebuggingCallbacks.onCreateTCPConnection = { channel in
                ConnectionGuard.install(on: channel, trustDomain: credentials.trustDomain) { peer in
                    guard peer == expected else { return false }
                    onReady()
                    return true
                }
            }
            return try HTTP2ClientTransport.Posix(
                target: .dns(host: host, port: Int(port)),
                transportSecurity: .mTLS(
                    certificateChain: credentials.chain, privateKey: credentials.privateKey
                ) { tls in
                    tls.trustRoots = credentials.roots
                    // The authority is known by its URI SAN, which ConnectionGuard checks, not by its host name.
                    tls.serverCertificateVerification = .noHostnameVerification
                },
                config: config)
        }
    }
}

/// Tells that a plain connection stands.
private final class ReadyNotice: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let onReady: @Sendable () -> Void

    init(_ onReady: @escaping @Sendable () -> Void) { self.onReady = onReady }

    func channelActive(context: ChannelHandlerContext) {
        onReady()
        context.fireChannelActive()
    }
}
