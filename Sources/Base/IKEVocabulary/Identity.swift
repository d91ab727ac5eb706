import Octets

/// What an ID payload names: a type and its octets (RFC 7296 3.5).
package struct Identity: Hashable, Sendable {
    package let type: IDType
    package let octets: [UInt8]

    package init(type: IDType, octets: [UInt8]) {
        self.type = type
        self.octets = octets
    }

    package static func fqdn(_ name: String) -> Identity { Identity(type: .fqdn, octets: Array(name.utf8)) }
    package static func rfc822(_ name: String) -> Identity { Identity(type: .rfc822Address, octets: Array(name.utf8)) }
    package static func keyID(_ name: String) -> Identity { Identity(type: .keyID, octets: Array(name.utf8)) }
}

extension Identity {
    /// The one form under which this name is looked up, matched and kept: host names and mail addresses in lower case, for
    /// they compare without case (RFC 4343). AUTH covers the octets as they came, not this form.
    package var canonical: Identity {
        guard type == .fqdn || type == .rfc822Address else { return self }
        return Identity(type: type, octets: octets.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 })
    }
}

extension Identity: CustomStringConvertible {
    /// "fqdn:gm1.example", "rfc822:ops@example", "ipv4:192.0.2.1", "keyid:market-data" or, for octets that do not print,
    /// "keyid:0x0102"; other types as "type9:0x…". `init(_:)` reads the same forms.
    package var description: String {
        switch type {
        case .fqdn: "fqdn:\(text)"
        case .rfc822Address: "rfc822:\(text)"
        case .keyID: "keyid:\(text)"
        case .ipv4Address: "ipv4:\(IPAddress(octets: octets).map(\.description) ?? text)"
        case .ipv6Address: "ipv6:\(IPAddress(octets: octets).map(\.description) ?? text)"
        default: "type\(type.rawValue):0x\(Hex.encode(octets))"
        }
    }

    private var text: String {
        let isPlain =
            !octets.isEmpty && octets.allSatisfy { (0x21...0x7e).contains($0) }
            && !octets.starts(with: Array("0x".utf8))
        return isPlain ? String(decoding: octets, as: UTF8.self) : "0x" + Hex.encode(octets)
    }

    /// Reads the text form; the result is canonical. Nil for an unknown prefix, an empty value or an address that does not
    /// parse.
    package init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let kind = text[..<colon]
        let value = String(text[text.index(after: colon)...])
        guard !value.isEmpty else { return nil }
        let octets = value.hasPrefix("0x") ? Hex.decode(value.dropFirst(2)) : Array(value.utf8)
        switch kind {
        case "ipv4", "ipv6":
            guard let address = IPAddress(value), address.isIPv4 == (kind == "ipv4") else { return nil }
            self.init(type: kind == "ipv4" ? .ipv4Address : .ipv6Address, octets: address.octets)
        case "fqdn", "rfc822", "keyid":
            guard let octets, !octets.isEmpty else { return nil }
            let type: IDType = kind == "fqdn" ? .fqdn : kind == "rfc822" ? .rfc822Address : .keyID
            self = Identity(type: type, octets: octets).canonical
        default:
            guard kind.hasPrefix("type"), let number = UInt8(kind.dropFirst(4)), value.hasPrefix("0x"), let octets
            else { return nil }
            self.init(type: IDType(rawValue: number), octets: octets)
        }
    }
}
