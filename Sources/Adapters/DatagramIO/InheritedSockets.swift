import Glibc
package import IKEVocabulary

/// Bound UDP sockets that somebody else opened for us.
package struct InheritedSockets: Sendable {
    private(set) var byEndpoint: [Endpoint: CInt] = [:]
    /// Descriptors that are no bound UDP sockets; they are closed already.
    package let unfit: Int

    package static let none = InheritedSockets([])

    /// Takes the descriptors over.
    package init(_ descriptors: [CInt]) {
        var unfit = 0
        for descriptor in descriptors {
            if Self.isDatagram(descriptor), let local = Self.local(descriptor), byEndpoint[local] == nil {
                byEndpoint[local] = descriptor
            } else {
                unfit += 1
                close(descriptor)
            }
        }
        self.unfit = unfit
    }

    package var endpoints: [Endpoint] { byEndpoint.keys.sorted { $0.description < $1.description } }

    /// Those of these places; the others are closed.
    func only(_ wanted: [Endpoint]) -> [Endpoint: CInt] {
        for (endpoint, descriptor) in byEndpoint where !wanted.contains(endpoint) { close(descriptor) }
        return byEndpoint.filter { wanted.contains($0.key) }
    }

    private static func isDatagram(_ descriptor: CInt) -> Bool {
        var kind: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &kind, &length) == 0 && kind == CInt(SOCK_DGRAM.rawValue)
    }

    /// Nil for what is not bound to an IPv4 or IPv6 address and port.
    private static func local(_ descriptor: CInt) -> Endpoint? {
        var local = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &local) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0, [AF_INET, AF_INET6].contains(CInt(local.ss_family)) else { return nil }
        // sockaddr_in: family (2) | port (2) | address (4).
        // sockaddr_in6: family (2) | port (2) | flow (4) | address (16).
        return withUnsafeBytes(of: local) { octets -> Endpoint? in
            let port = UInt16(octets[2]) << 8 | UInt16(octets[3])
            let address = IPAddress(octets: Array(CInt(local.ss_family) == AF_INET ? octets[4..<8] : octets[8..<24]))
            return port == 0 ? nil : address.map { Endpoint($0, port: port) }
        }
    }
}
