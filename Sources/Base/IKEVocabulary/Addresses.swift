import Glibc

/// An IPv4 or IPv6 address as its 4 or 16 octets.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    package let octets: [UInt8]

    /// Nil unless there are 4 or 16 octets.
    package init?(octets: [UInt8]) {
        guard octets.count == 4 || octets.count == 16 else { return nil }
        self.octets = octets
    }

    /// The usual text forms: dotted quad or RFC 4291. Nil for anything else; no names, no zone.
    package init?(_ text: String) {
        for (family, size) in [(AF_INET, 4), (AF_INET6, 16)] {
            var octets = [UInt8](repeating: 0, count: size)
            let result = unsafe octets.withUnsafeMutableBytes { unsafe inet_pton(family, text, $0.baseAddress) }
            if result == 1 {
                self.octets = octets
                return
            }
        }
        return nil
    }

    package var isIPv4: Bool { octets.count == 4 }

    /// 224.0.0.0/4 or ff00::/8.
    package var isMulticast: Bool { isIPv4 ? octets[0] & 0xf0 == 0xe0 : octets[0] == 0xff }
    package var isUnspecified: Bool { octets.allSatisfy { $0 == 0 } }

    package static let anyIPv4 = IPAddress(octets: [0, 0, 0, 0], ())
    package static let anyIPv6 = IPAddress(octets: [UInt8](repeating: 0, count: 16), ())
    private init(octets: [UInt8], _: Void) { self.octets = octets }

    package var description: String {
        if isIPv4 { return "\(octets[0]).\(octets[1]).\(octets[2]).\(octets[3])" }
        var text = [CChar](repeating: 0, count: 64)
        let written = unsafe octets.withUnsafeBytes { source in
            unsafe inet_ntop(AF_INET6, source.baseAddress, &text, socklen_t(text.count)) != nil
        }
        guard written else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A UDP or TCP endpoint.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package let address: IPAddress
    package let port: UInt16

    package init(_ address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// "192.0.2.1:848" or "[2001:db8::1]:848".
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(String(host)), address.isIPv4 != isBracketed else { return nil }
        self.init(address, port: port)
    }

    package var description: String { address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)" }
}
