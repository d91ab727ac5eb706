import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Glibc
import GroupModel
package import IKEVocabulary

/// One socket of an authority and who may use it.
package struct AuthorityListener: Sendable {
    package enum Socket: Sendable {
        /// A Unix socket: only processes of these users, in these roles. The file is made anew, readable by owner and group.
        case unix(path: String, users: Set<UInt32>, roles: Set<PeerRole>)
        /// TCP with mutual TLS 1.3: role and name come from the certificate's one URI SAN. Port 0 lets the system choose.
        case tls(IKEVocabulary.Endpoint, TLSCredentials)
    }

    package let socket: Socket
    /// Of the users of a Unix socket; looked up once, for a directory may be slow to answer.
    private let userNames: [UInt32: String]

    package init(_ socket: Socket) {
        self.socket = socket
        guard case .unix(path: _, let users, roles: _) = socket else {
            userNames = [:]
            return
        }
        userNames = users.reduce(into: [:]) { $0[$1] = UnixPeer.name(of: $1) }
    }

    /// - Parameter rotating: asked at each handshake of a TLS socket for the certificate to show; what it does not say is as
    ///   in the credentials.
    func makeTransport(_ rotating: RotatingCertificate) -> HTTP2ServerTransport.Posix {
        switch socket {
        case .unix(let path, let users, _):
            let config = HTTP2ServerTransport.Posix.Config.defaults { config in
                Self.tune(&config)
                config.channelDebuggingCallbacks.onAcceptTCPConnection = { UnixPeer.check($0, users: users) }
                config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { UnixPeer.stamp($0) }
            }
            return HTTP2ServerTransport.Posix(
                address: .unixDomainSocket(path: path), transportSecurity: .plaintext, config: config)
        case .tls(let endpoint, let credentials):
            let config = HTTP2ServerTransport.Posix.Config.defaults { config in
                Self.tune(&config)
                config.channelDebuggingCallbacks.onAcceptTCPConnection = { channel in
                    ConnectionGuard.install(on: channel, trustDomain: credentials.trustDomain) { _ in true }
                }
            }
            let host = endpoint.address.description
            let port = Int(endpoint.port)
            return HTTP2ServerTransport.Posix(
                address: endpoint.address.isIPv4 ? .ipv4(host: host, port: port) : .ipv6(host: host, port: port),
                transportSecurity: .mTLS(
                    certificateChain: credentials.chain, privateKey: credentials.privateKey
                ) { tls in
                    tls.trustRoots = credentials.roots
                    tls.certificateReloader = rotating
                },
                config: config)
        }
    }

    struct ModeNotSet: Error, CustomStringConvertible {
        let path: String
        var description: String { "the mode of \(path) cannot be set" }
    }

    /// After binding: a Unix socket is for its owner and group. Who may connect is decided by SO_PEERCRED all the same.
    func restrictFile() throws(ModeNotSet) {
        guard case .unix(let path, users: _, roles: _) = socket else { return }
        guard chmod(path, 0o660) == 0 else { throw ModeNotSet(path: path) }
    }

    /// Dead frontends are found within 15 s; live ones may ping as often as once a second.
    private static func tune(_ config: inout HTTP2ServerTransport.Posix.Config) {
        config.rpc.maxRequestPayloadSize = Limits.messageOctets
        config.http2.targetWindowSize = 4 << 20
        config.http2.maxConcurrentStreams = 256
        config.connection.keepalive = .init(
            time: .seconds(10), timeout: .seconds(5),
            clientBehavior: .init(minPingIntervalWithoutCalls: .seconds(1), allowWithoutCalls: true))
    }

    /// Who calls, in the role the method is for; `.operator` stands for every role of people. Throws PERMISSION_DENIED; no certificate means "deny".
    func admit(_ role: PeerRole, name: String, _ context: ServerContext) throws(RPCError) -> PeerIdentity {
        switch socket {
        case .unix(path: _, users: _, let roles):
            let operators = roles.intersection(PeerRole.operators)
            guard roles.contains(role) || (role == .operator && !operators.isEmpty) else {
                throw Self.denied("this socket does not serve the role \(role.rawValue)")
            }
            let admitted =
                role == .operator
                ? PeerIdentity(roles: operators, name: name) : PeerIdentity(role: role, name: name)
            guard let peer = admitted else {
                throw RPCError(code: .invalidArgument, message: "the name in Hello is missing or not plain")
            }
            return peer
        case .tls(_, let credentials):
            let transport = context.transportSpecific as? HTTP2ServerTransport.Posix.Context
            guard
                let peer = PeerIdentity(
                    certificate: transport?.peerCertificate, trustDomain: credentials.trustDomain)
            else { throw Self.denied("no acceptable identity in the certificate") }
            guard peer.role == role || (role == .operator && peer.role.operatorRole != nil) else {
                throw Self.denied("\(peer) may not act as \(role.rawValue)")
            }
            guard name.isEmpty || name == peer.name else {
                throw Self.denied("\(peer) says its name is \(name.prefix(64))")
            }
            return peer
        }
    }

    /// An operator, who over a Unix socket says its name itself: what the kernel says of it goes with it.
    func admitOperator(
        name: String?, _ metadata: Metadata, _ context: ServerContext
    ) throws(RPCError) -> PeerIdentity {
        guard case .unix = socket else { return try admit(.operator, name: name ?? "", context) }
        var peer = try admit(.operator, name: name ?? "local", context)
        guard let proof = UnixPeer.proof(metadata, userNames) else { throw Self.denied("the kernel names no user") }
        peer.proof = proof
        return peer
    }

    private static func denied(_ reason: String) -> RPCError {
        OperatorFailure.notAuthorised(reason).rpcError
    }
}
