/// A JSON object of strings on one line, made octet by octet: there is one for every registration.
struct JSONLine {
    private var octets: [UInt8] = []

    init() {
        octets.reserveCapacity(Self.usualOctets)
        octets.append(UInt8(ascii: "{"))
    }

    mutating func add(_ key: String, _ value: String) {
        if octets.count > 1 { octets.append(UInt8(ascii: ",")) }
        Self.quote(key, into: &octets)
        octets.append(UInt8(ascii: ":"))
        Self.quote(value, into: &octets)
    }

    var text: String { String(decoding: octets + [UInt8(ascii: "}")], as: UTF8.self) }

    static func quoted(_ text: String) -> String {
        var octets: [UInt8] = []
        quote(text, into: &octets)
        return String(decoding: octets, as: UTF8.self)
    }

    private static let usualOctets = 384
    private static let digits = Array("0123456789abcdef".utf8)

    /// Octets above ASCII are parts of characters and stay.
    private static func quote(_ text: String, into octets: inout [UInt8]) {
        octets.append(UInt8(ascii: "\""))
        for octet in text.utf8 {
            switch octet {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): octets += [UInt8(ascii: "\\"), octet]
            case UInt8(ascii: "\n"): octets += "\\n".utf8
            case UInt8(ascii: "\t"): octets += "\\t".utf8
            case 0..<0x20, 0x7f: octets += "\\u00".utf8 + [digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            default: octets.append(octet)
            }
        }
        octets.append(UInt8(ascii: "\""))
    }
}
