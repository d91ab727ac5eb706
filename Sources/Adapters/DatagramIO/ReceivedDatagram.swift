import Glibc
package import IKEVocabulary
package import NIOCore

/// One datagram as it arrived.
package struct ReceivedDatagram: Sendable {
    package let octets: [UInt8]
    package let local: Endpoint
    package let remote: Endpoint
    /// It came to a port where IKE follows a non-ESP marker; the marker is already gone (RFC 3948 2.2).
    package let isEncapsulated: Bool
}

package enum DatagramLimits {
    /// The largest UDP payload; reads have room for it, so that nothing is cut short in silence.
    static let octets = 65_507
    /// What one system call brings in.
    static let readBatch = 8
    static let marker = 4
    /// Datagrams of one socket that wait for room in the kernel; more are dropped.
    static let waiting = 1024
    static let waitForRoom = Duration.milliseconds(1)
    /// Between attempts to open a lost socket again: doubled each time from least to most.
    static let reopenPauseLeast = Duration.milliseconds(100)
    static let reopenPauseMost = Duration.seconds(5)
}

extension Endpoint {
    package init?(_ address: SocketAddress) {
        guard let port = address.port, let port = UInt16(exactly: port) else { return nil }
        switch address {
        case .v4(let v4):
            var raw = v4.address
            guard let address = withUnsafeBytes(of: &raw, { IPAddress(octets: Array($0[4..<8])) }) else { return nil }
            self.init(address, port: port)
        case .v6(let v6):
            var raw = v6.address
            guard let address = withUnsafeBytes(of: &raw, { IPAddress(octets: Array($0[8..<24])) }) else { return nil }
            self.init(address, port: port)
        case .unixDomainSocket: return nil
        }
    }

    package var socketAddress: SocketAddress {
        withKernelOctets { octets in
            address.isIPv4
                ? SocketAddress(octets.loadUnaligned(as: sockaddr_in.self))
                : SocketAddress(octets.loadUnaligned(as: sockaddr_in6.self))
        }
    }

    /// The address as a system call takes it.
    func withKernelAddress<Result>(_ body: (UnsafePointer<sockaddr>?, socklen_t) -> Result) -> Result {
        withKernelOctets { body($0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) }
    }

    /// sockaddr_in: family (2) | port (2) | address (4) | zeros (8).
    /// sockaddr_in6: family (2) | port (2) | flow (4) | address (16) | scope (4).
    private func withKernelOctets<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let size = address.isIPv4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
        let alignment = MemoryLayout<sockaddr_storage>.alignment
        return withUnsafeTemporaryAllocation(byteCount: size, alignment: alignment) { raw in
            raw.initializeMemory(as: UInt8.self, repeating: 0)
            raw.storeBytes(of: sa_family_t(address.isIPv4 ? AF_INET : AF_INET6), as: sa_family_t.self)
            raw.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
            UnsafeMutableRawBufferPointer(rebasing: raw[(address.isIPv4 ? 4 : 8)...]).copyBytes(from: address.octets)
            return body(UnsafeRawBufferPointer(raw))
        }
    }
}
