import Glibc
import IKEVocabulary

/// The way to a multicast address as this host's kernel sees it.
struct MulticastPath {
    let source: IPAddress
    /// The largest packet of the way, IP header included.
    let maximum: Int
    let isIPv4: Bool

    /// IP and UDP headers.
    var headerOctets: Int { isIPv4 ? 28 : 48 }

    struct NoWay: Error { let reason: String }

    /// Asks the kernel, by a connected UDP socket; nothing is sent.
    static func to(_ destination: Endpoint) throws(NoWay) -> MulticastPath {
        let isIPv4 = destination.address.isIPv4
        let descriptor = socket(
            isIPv4 ? AF_INET : AF_INET6, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw NoWay(reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var address = storage(destination)
        let size = socklen_t(isIPv4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard connected == 0 else { throw NoWay(reason: String(cString: strerror(errno))) }
        var own = sockaddr_storage()
        var ownSize = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let named = withUnsafeMutablePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &ownSize) }
        }
        var maximum: Int32 = 0
        var maximumSize = socklen_t(MemoryLayout<Int32>.size)
        // IP_MTU and IPV6_MTU of <linux/in.h> and <linux/in6.h>.
        let measured = getsockopt(
            descriptor, Int32(isIPv4 ? IPPROTO_IP : IPPROTO_IPV6), isIPv4 ? 14 : 24, &maximum, &maximumSize)
        guard named == 0, measured == 0, let source = self.address(own) else {
            throw NoWay(reason: String(cString: strerror(errno)))
        }
        return MulticastPath(source: source, maximum: Int(maximum), isIPv4: isIPv4)
    }

    private static func storage(_ endpoint: Endpoint) -> sockaddr_storage {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { octets in
            let family = UInt16(endpoint.address.isIPv4 ? AF_INET : AF_INET6)
            octets.storeBytes(of: family, as: UInt16.self)
            octets.storeBytes(of: endpoint.port.bigEndian, toByteOffset: 2, as: UInt16.self)
            let start = endpoint.address.isIPv4 ? 4 : 8
            for (index, octet) in endpoint.address.octets.enumerated() { octets[start + index] = octet }
        }
        return storage
    }

    private static func address(_ storage: sockaddr_storage) -> IPAddress? {
        withUnsafeBytes(of: storage) { octets in
            switch Int32(storage.ss_family) {
            case AF_INET: IPAddress(octets: Array(octets[4..<8]))
            case AF_INET6: IPAddress(octets: Array(octets[8..<24]))
            default: nil
            }
        }
    }
}

/// Small things of this host.
enum HostProbe {
    /// A number under /proc/sys; nil when it is not there.
    static func setting(_ name: String) -> Int64? {
        let path = "/proc/sys/" + name.split(separator: ".").joined(separator: "/")
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var value: CLong = 0
        return withUnsafeMutablePointer(to: &value) { pointer in
            withVaList([pointer]) { vfscanf(file, "%ld", $0) }
        } == 1 ? Int64(value) : nil
    }

    /// What the usual time services leave while they run.
    private static let timeServices = [
        "/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid", "/run/chronyd.pid", "/run/ntpd.pid",
        "/run/openntpd.sock",
    ]

    static var timeService: String? { timeServices.first { access($0, F_OK) == 0 } }

    /// Mode bits of a file; nil when it is not there.
    static func mode(_ path: String) -> UInt32? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }
}
