import Glibc
import GroupModel
import NIOCore
import NIOPosix
import NIOSSL

/// The doors of a store process: a Unix socket for its authority, mutual TLS for the other stores, both onto the engine's own
/// abstract socket.
final class StoreRelay: Sendable {
    private let node: EngineNode
    private let group: any EventLoopGroup
    private let events: @Sendable (Event) -> Void
    private let authorityConnections = ConnectionBudget(StoreLimits.authorityConnections)
    private let peerConnections = ConnectionBudget(StoreLimits.peerConnections)
    private let strangers = UnprovedConnections(StoreLimits.unprovedConnections)

    init(node: EngineNode, group: any EventLoopGroup, events: @escaping @Sendable (Event) -> Void) {
        self.node = node
        self.group = group
        self.events = events
    }

    /// Listens on a socket of mode 0600 (the process's umask sees to it) and takes callers of its own user only.
    func listenToAuthority(_ path: String) async throws {
        _ = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                guard self.authorityConnections.take(until: channel.closeFuture) else {
                    return channel.eventLoop.makeFailedFuture(ConnectionBudget.Spent())
                }
                return UnixPeer.requireOwnUser(channel).flatMap {
                    self.join(channel, silence: StoreLimits.authoritySilence)
                }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        guard chmod(path, 0o600) == 0 else {
            throw StoreNodeFault("socket \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Whoever has not shown a peer's certificate yet shares a budget of his own with his like, so that strangers cannot use up
    /// the peers'.
    func listenToPeers(_ cluster: StoreClusterSettings, _ peers: PeerDirectory, tls: StoreTLS) async throws {
        let events = self.events
        _ = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                self.strangers.add(channel)
                let remote = channel.remoteAddress.map { "\($0.ipAddress ?? "?")" } ?? "?"
                return channel.eventLoop.makeCompletedFuture {
                    let gate = PeerGate(
                        trustDomain: tls.identity.trustDomain, peers: peers,
                        refused: { why in
                            events(
                                Event("peer-refused", .warning, limitedBy: remote, [("from", remote), ("why", why)]))
                        },
                        proved: { channel in
                            self.strangers.remove(channel)
                            return self.peerConnections.take(until: channel.closeFuture)
                        },
                        admit: { self.join($0, silence: nil) })
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLServerHandler(context: tls.server))
                    try pipeline.addHandler(gate)
                }
            }
            .bind(host: cluster.listenHost, port: cluster.listenPort).get()
    }

    /// Opens a connection to the engine for a channel and ties the two.
    private func join(_ channel: any Channel, silence: TimeAmount?) -> EventLoopFuture<Void> {
        let descriptor: CInt
        do {
            descriptor = try node.connect()
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        return ClientBootstrap(group: channel.eventLoop)
            .channelInitializer { inner in
                inner.eventLoop.makeCompletedFuture {
                    let (outside, inside) = RelayEnd.pair()
                    let pipeline = channel.pipeline.syncOperations
                    if let silence { try pipeline.addHandler(IdleStateHandler(allTimeout: silence)) }
                    try pipeline.addHandler(outside)
                    try inner.pipeline.syncOperations.addHandler(inside)
                }
            }
            .withConnectedSocket(descriptor).map { _ in }
    }
}

/// Refuses Unix connections of other users (SO_PEERCRED).
enum UnixPeer {
    struct Refused: Error {}

    /// struct ucred of <sys/socket.h>, which the Glibc module leaves out.
    private struct Credentials {
        var pid: Int32
        var uid: UInt32
        var gid: UInt32
    }

    static func requireOwnUser(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard let options = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(Refused())
        }
        let credentials: EventLoopFuture<Credentials> = options.unsafeGetSocketOption(
            level: .socket, name: .init(rawValue: SO_PEERCRED))
        return credentials.flatMapThrowing { peer in
            guard peer.uid == geteuid() else { throw Refused() }
        }
    }
}
