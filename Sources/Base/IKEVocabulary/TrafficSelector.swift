/// One traffic selector: an address range, a protocol (0 any) and a port range (RFC 7296 3.13.1).
package struct TrafficSelector: Hashable, Sendable, CustomStringConvertible {
    package let first: IPAddress
    package let last: IPAddress
    package let ipProtocol: UInt8
    package let firstPort: UInt16
    package let lastPort: UInt16

    /// Nil when the addresses are of two families or a range runs backwards.
    ///
    /// Ports 65535 … 0 (OPAQUE, RFC 7296 3.13.1) are the one backward range that is allowed.
    package init?(
        first: IPAddress, last: IPAddress, ipProtocol: UInt8 = 0, firstPort: UInt16 = 0, lastPort: UInt16 = .max
    ) {
        guard first.isIPv4 == last.isIPv4, !last.octets.lexicographicallyPrecedes(first.octets) else { return nil }
        guard firstPort <= lastPort || (firstPort == .max && lastPort == 0) else { return nil }
        self.first = first
        self.last = last
        self.ipProtocol = ipProtocol
        self.firstPort = firstPort
        self.lastPort = lastPort
    }

    package var isSingleAddress: Bool { first == last }
    package var isSinglePort: Bool { firstPort == lastPort }
    package var isAnyPort: Bool { firstPort == 0 && lastPort == .max }

    package static let udp: UInt8 = 17

    package static func single(_ address: IPAddress, ipProtocol: UInt8 = 0, port: UInt16? = nil) -> TrafficSelector {
        TrafficSelector(
            checked: address, address, ipProtocol: ipProtocol, firstPort: port ?? 0, lastPort: port ?? .max)
    }

    package static func any(ipv4: Bool, ipProtocol: UInt8 = 0) -> TrafficSelector {
        let first = ipv4 ? IPAddress.anyIPv4 : IPAddress.anyIPv6
        let last = IPAddress(octets: [UInt8](repeating: 0xff, count: ipv4 ? 4 : 16)) ?? first
        return TrafficSelector(checked: first, last, ipProtocol: ipProtocol, firstPort: 0, lastPort: .max)
    }

    private init(checked first: IPAddress, _ last: IPAddress, ipProtocol: UInt8, firstPort: UInt16, lastPort: UInt16) {
        self.first = first
        self.last = last
        self.ipProtocol = ipProtocol
        self.firstPort = firstPort
        self.lastPort = lastPort
    }

    package var description: String {
        let addresses = isSingleAddress ? "\(first)" : "\(first)-\(last)"
        let ports = isAnyPort ? "any" : isSinglePort ? "\(firstPort)" : "\(firstPort)-\(lastPort)"
        let transport = ipProtocol == 0 ? "any" : ipProtocol == Self.udp ? "udp" : "\(ipProtocol)"
        return "\(addresses) \(transport) \(ports)"
    }
}
