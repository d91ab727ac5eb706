/// What a store process is told when it starts.
package struct StoreNodeSettings: Sendable {
    package var name: String
    /// 1 for the node that starts a new cluster; unique, and never used again for another disk.
    package var id: UInt64
    package var dataDirectory: String
    /// The Unix socket for this node's authority.
    package var socketPath: String
    /// One-way network latency: the heartbeat is 1.5 times, the election timeout 15 to 30 times as long.
    package var latencyMilliseconds: UInt32
    /// Nil for a cluster of one.
    package var cluster: StoreClusterSettings?

    package init(
        name: String, id: UInt64, dataDirectory: String, socketPath: String, latencyMilliseconds: UInt32,
        cluster: StoreClusterSettings?
    ) {
        self.name = name
        self.id = id
        self.dataDirectory = dataDirectory
        self.socketPath = socketPath
        self.latencyMilliseconds = latencyMilliseconds
        self.cluster = cluster
    }
}

/// How a store listens to the others and reaches them: mutual TLS 1.3, PEM files.
package struct StoreClusterSettings: Sendable {
    package var listenHost: String
    package var listenPort: Int
    package var peers: [StorePeer]
    package var trustRootsFile: String
    package var certificateFile: String
    package var privateKeyFile: String

    package init(
        listenHost: String, listenPort: Int, peers: [StorePeer], trustRootsFile: String, certificateFile: String,
        privateKeyFile: String
    ) {
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.peers = peers
        self.trustRootsFile = trustRootsFile
        self.certificateFile = certificateFile
        self.privateKeyFile = privateKeyFile
    }
}

/// Another store: "authority-2=2@192.0.2.2:7702".
package struct StorePeer: Hashable, Sendable {
    package let name: String
    package let id: UInt64
    package let host: String
    package let port: Int

    package init(name: String, id: UInt64, host: String, port: Int) {
        self.name = name
        self.id = id
        self.host = host
        self.port = port
    }

    /// Reads "NAME=ID@HOST:PORT". Nil for anything else.
    package init?(_ text: String) {
        let halves = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves.count == 2, !halves[0].isEmpty else { return nil }
        let parts = halves[1].split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let id = UInt64(parts[0]), id > 0, let place = Self.place(String(parts[1])) else {
            return nil
        }
        self.init(name: String(halves[0]), id: id, host: place.host, port: place.port)
    }

    /// Splits "HOST:PORT" or "[IPV6]:PORT".
    package static func place(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        return host.isEmpty ? nil : (String(host), Int(port))
    }

    package var description: String { "\(name)=\(id)@\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}

/// Why a store process cannot run, in one line.
package struct StoreNodeFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
