import Foundation
import IKEVocabulary

/// How values are written in files, once for all programs.
enum Forms {
    static let duration = "a number with ms, s, m, h or d, such as 250ms or 24h"

    static func duration(_ text: String) -> Duration? {
        let units: [(String, Int64)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
        for (unit, milliseconds) in units where text.hasSuffix(unit) {
            let digits = text.dropLast(unit.count)
            guard let count = UInt32(digits), String(count) == digits else { continue }
            return .milliseconds(Int64(count) * milliseconds)
        }
        return nil
    }

    /// A time to wait that must not be nothing.
    static let pause = "1s or more"
    static func pause(_ text: String) -> Duration? { duration(text).flatMap { $0 >= .seconds(1) ? $0 : nil } }

    /// Whole seconds, 32 bits.
    static func lifetime(_ text: String) -> Lifetime? {
        guard let duration = duration(text), duration.components.attoseconds == 0,
            let seconds = UInt32(exactly: duration.components.seconds)
        else { return nil }
        return Lifetime(seconds: seconds)
    }

    static func seconds16(_ text: String) -> UInt16? { lifetime(text).flatMap { UInt16(exactly: $0.seconds) } }

    static let flag = "true or false"
    static func flag(_ text: String) -> Bool? { text == "true" ? true : text == "false" ? false : nil }

    static func number<Number: FixedWidthInteger>(_ range: ClosedRange<Number>) -> (String) -> Number? {
        { text in Number(text).flatMap { range.contains($0) ? $0 : nil } }
    }

    static let text = "a text that is not empty"
    static func text(_ text: String) -> String? { text.isEmpty || text.utf8.count > 4096 ? nil : text }

    /// Names of processes, as certificates and streams say them.
    static let name = "1 to 64 letters, digits, '-', '_' and '.'"
    static func name(_ text: String) -> String? {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(isPlain) ? text : nil
    }

    private static func isPlain(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x41...0x5a).contains(octet) || (0x61...0x7a).contains(octet)
            || octet == 0x2d || octet == 0x2e || octet == 0x5f
    }

    /// A host by name or address; IPv6 in brackets.
    static let hostPort = "HOST:PORT, IPv6 in brackets"
    static func hostPort(_ text: String) -> String? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return nil
        }
        let host = text[..<colon]
        let isAddress = host.hasPrefix("[") && IPAddress(String(host.dropFirst().dropLast()))?.isIPv4 == false
        return isAddress && host.hasSuffix("]") || !host.isEmpty && host.utf8.allSatisfy(isPlain) ? text : nil
    }

    /// What the path of a Unix socket may hold at most.
    static let socketPathOctets = 103
    static let socketPath = "a path of at most \(socketPathOctets) octets"
    static func socketPath(_ text: String) -> String? { text.utf8.count > socketPathOctets ? nil : self.text(text) }

    static let suite = ProtectionSuite.named.map(\.name).joined(separator: ", ")
    static func suite(_ text: String) -> ProtectionSuite? { ProtectionSuite.named.first { $0.name == text }?.suite }

    static let keyWrap = "kw-5649-128, kw-5649-192, kw-5649-256"
    static func keyWrap(_ text: String) -> KeyWrapID? {
        ["kw-5649-128": .kw5649_128, "kw-5649-192": .kw5649_192, "kw-5649-256": .kw5649_256][text]
    }

    static let prf = "hmac-sha256, hmac-sha384, hmac-sha512"
    static func prf(_ text: String) -> PRFID? {
        ["hmac-sha256": .hmacSHA256, "hmac-sha384": .hmacSHA384, "hmac-sha512": .hmacSHA512][text]
    }

    static let keyExchange = "curve25519, ecp256, ecp384, ecp521, modp2048, modp3072, modp4096"
    static func keyExchange(_ text: String) -> KeyExchangeMethod? {
        [
            "curve25519": .curve25519, "ecp256": .ecp256, "ecp384": .ecp384, "ecp521": .ecp521, "modp2048": .modp2048,
            "modp3072": .modp3072, "modp4096": .modp4096,
        ][text]
    }

    static func named<Value: RawRepresentable & CaseIterable>(_ type: Value.Type) -> String
    where Value.RawValue == String {
        type.allCases.map(\.rawValue).joined(separator: ", ")
    }

    static let identity = "fqdn:NAME, rfc822:ADDRESS, keyid:TEXT, ipv4:ADDRESS or ipv6:ADDRESS"
    static let endpoint = "ADDRESS:PORT, IPv6 in brackets"
    static let address = "an IPv4 or IPv6 address"

    /// any, an address, ADDRESS/PREFIX or FIRST-LAST; ports are added by the caller.
    static let addresses = "any, ADDRESS, ADDRESS/PREFIX or FIRST-LAST"
    static func addresses(_ text: String, ipv4 family: Bool) -> (first: IPAddress, last: IPAddress)? {
        if text == "any" {
            let any = TrafficSelector.any(ipv4: family)
            return (any.first, any.last)
        }
        if let address = IPAddress(text) { return (address, address) }
        if let dash = text.firstIndex(of: "-"), let first = IPAddress(String(text[..<dash])),
            let last = IPAddress(String(text[text.index(after: dash)...]))
        {
            return (first, last)
        }
        guard let slash = text.firstIndex(of: "/"), let address = IPAddress(String(text[..<slash])),
            let prefix = Int(text[text.index(after: slash)...]), (0...address.octets.count * 8).contains(prefix)
        else { return nil }
        var (low, high) = (address.octets, address.octets)
        for bit in prefix..<address.octets.count * 8 {
            low[bit / 8] &= ~(0x80 >> UInt8(bit % 8))
            high[bit / 8] |= 0x80 >> UInt8(bit % 8)
        }
        guard low == address.octets, let first = IPAddress(octets: low), let last = IPAddress(octets: high) else {
            return nil
        }
        return (first, last)
    }
}

/// A file that holds a secret: only its owner may read it.
package enum SecretFile {
    /// - Returns: nil when it may be used; else what is wrong with it.
    package static func fault(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return "\(path): \(String(cString: strerror(errno)))" }
        guard status.st_mode & 0o077 == 0 else { return "\(path) can be read by others; run chmod 600 \(path)" }
        return nil
    }
}
