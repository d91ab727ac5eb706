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
}

extension Endpoint {
    package init?(_ address: SocketAddress) {
        guard let port = address.port, let port = UInt16(exactly: port) else { return nil }
        switch address {
        case .v4(let v4):
            // sockaddr_in: family (2) | port (2) | address (4).
            var raw = v4.address
            guard let address = withUnsafeBytes(of: &raw, { IPAddress(octets: Array($0[4..<8])) }) else { return nil }
            self.init(address, port: port)
        case .v6(let v6):
            // sockaddr_in6: family (2) | port (2) | flow (4) | address (16).
            var raw = v6.address
            guard let address = withUnsafeBytes(of: &raw, { IPAddress(octets: Array($0[8..<24])) }) else { return nil }
            self.init(address, port: port)
        case .unixDomainSocket: return nil
        }
    }

    package func socketAddress() throws -> SocketAddress {
        try SocketAddress(ipAddress: address.description, port: Int(port))
    }
}
