import Glibc
package import IKEVocabulary

/// What the kernel's routing table says; nothing is sent.
package enum Routes {
    /// The address that datagrams to `remote` would leave from now; nil when there is no route.
    package static func source(to remote: Endpoint) -> IPAddress? {
        let isIPv4 = remote.address.isIPv4
        let kind = CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(isIPv4 ? AF_INET : AF_INET6, kind, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard remote.withKernelAddress({ connect(descriptor, $0, $1) }) == 0 else { return nil }
        var local = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &local) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { return nil }
        // sockaddr_in: family (2) | port (2) | address (4).
        // sockaddr_in6: family (2) | port (2) | flow (4) | address (16).
        let address = withUnsafeBytes(of: local) { IPAddress(octets: Array(isIPv4 ? $0[4..<8] : $0[8..<24])) }
        return address.flatMap { $0.isUnspecified ? nil : $0 }
    }
}
