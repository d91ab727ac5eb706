import CCowsql
import Glibc

/// The engine's node in this process: it replicates the log and serves the database on an abstract Unix socket that only this
/// process may use.
final class EngineNode: Sendable {
    /// 1.15.8 reports this; what is older loses committed rows.
    static let leastVersion: CInt = 11_506
    /// Entries between snapshots. A node that starts applies what came after its latest one without a pause, at up to 0.7 ms
    /// each, and misses elections meanwhile: more of them make a cold start of a cluster slow, fewer write the whole
    /// database too often.
    private static let snapshotThreshold: UInt32 = 1024
    /// Kept behind a snapshot: a follower that lacks more than these needs one installed, and small values make a node die then.
    private static let snapshotTrailing: UInt32 = 8192

    /// "@name" of the abstract socket.
    let address: String
    private nonisolated(unsafe) let node: OpaquePointer
    /// The engine holds a bare pointer to it.
    private let dialer: PeerDialer?

    init(_ settings: StoreNodeSettings, dialer: PeerDialer?) throws(StoreNodeFault) {
        let version = cowsql_version_number()
        guard version >= Self.leastVersion else {
            throw StoreNodeFault("the engine is version \(version); 1.15.8 (\(Self.leastVersion)) or newer is needed")
        }
        var created: OpaquePointer?
        let result = cowsql_node_create(settings.id, settings.name, settings.dataDirectory, &created)
        guard result == 0, let node = created else {
            let why = Self.message(created)
            cowsql_node_destroy(created)
            throw StoreNodeFault("the engine refuses data directory \(settings.dataDirectory): \(why)")
        }
        self.node = node
        self.dialer = dialer
        do throws(StoreNodeFault) {
            try Self.start(node, settings, dialer)
        } catch {
            cowsql_node_destroy(node)
            throw error
        }
        address = cowsql_node_get_bind_address(node).map { String(cString: $0) } ?? ""
    }

    private static func start(
        _ node: OpaquePointer, _ settings: StoreNodeSettings, _ dialer: PeerDialer?
    ) throws(StoreNodeFault) {
        func check(_ result: CInt, _ what: String) throws(StoreNodeFault) {
            guard result == 0 else { throw StoreNodeFault("the engine refuses \(what): \(message(node))") }
        }
        try check(cowsql_node_set_bind_address(node, "@"), "its socket")
        try check(cowsql_node_set_network_latency_ms(node, settings.latencyMilliseconds), "the network latency")
        try check(cowsql_node_set_snapshot_params(node, snapshotThreshold, snapshotTrailing), "the snapshot settings")
        // A damaged log is for people to look at, not to be thrown away.
        try check(cowsql_node_set_auto_recovery(node, false), "auto recovery")
        if let dialer {
            let argument = Unmanaged.passUnretained(dialer).toOpaque()
            let connect:
                @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, UnsafeMutablePointer<CInt>?) -> CInt =
                    {
                        argument, address, descriptor in
                        guard let argument, let address, let descriptor else { return 1 }
                        let dialer = Unmanaged<PeerDialer>.fromOpaque(argument).takeUnretainedValue()
                        guard let connected = dialer.dial(String(cString: address)) else { return 1 }
                        descriptor.pointee = connected
                        return 0
                    }
            try check(cowsql_node_set_connect_func(node, connect, argument), "the connect function")
        }
        try check(cowsql_node_start(node), "data directory \(settings.dataDirectory)")
    }

    static func message(_ node: OpaquePointer?) -> String {
        let text = cowsql_node_errmsg(node).map { String(cString: $0) } ?? ""
        return text.isEmpty ? "no reason given" : text.split(separator: "\n").joined(separator: " ")
    }

    /// Ends the node's thread; its connections are closed.
    func stop() {
        cowsql_node_stop(node)
        cowsql_node_destroy(node)
    }

    /// A connected socket to the node.
    func connect() throws(StoreNodeFault) -> CInt {
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw StoreNodeFault("no socket: \(String(cString: strerror(errno)))") }
        var place = sockaddr_un()
        place.sun_family = sa_family_t(AF_UNIX)
        // An abstract name begins with NUL and ends with the length, not with NUL.
        let name = Array(address.utf8.dropFirst())
        let capacity = MemoryLayout.size(ofValue: place.sun_path)
        guard name.count < capacity else {
            close(descriptor)
            throw StoreNodeFault("the node's address is too long")
        }
        withUnsafeMutableBytes(of: &place.sun_path) { path in
            for (index, octet) in name.enumerated() { path[index + 1] = octet }
        }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + 1 + name.count)
        let result = withUnsafePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, length) }
        }
        guard result == 0 else {
            let why = String(cString: strerror(errno))
            close(descriptor)
            throw StoreNodeFault("the node does not answer: \(why)")
        }
        return descriptor
    }
}
