/// Lower-case hexadecimal, for people and for tables of other tools.
package enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    package static func encode(_ octets: some Sequence<UInt8>) -> String { encode(Array(octets)) }

    package static func encode(_ octets: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(octets.count * 2)
        for octet in octets {
            text.append(digits[Int(octet >> 4)])
            text.append(digits[Int(octet & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// White space between digits is skipped. Returns nil for anything else that is not a hex digit or an odd count.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var octets: [UInt8] = []
        var high: UInt8?
        for character in text.utf8 {
            if isSpace(character) { continue }
            guard let nibble = nibble(character) else { return nil }
            if let first = high {
                octets.append(first << 4 | nibble)
                high = nil
            } else {
                high = nibble
            }
        }
        return high == nil ? octets : nil
    }
    /// Blank, tab or line end: what may stand between digits.
    package static func isSpace(_ character: UInt8) -> Bool { [0x20, 0x09, 0x0a, 0x0d].contains(character) }

    /// The value of one hex digit in ASCII; nil for anything else.
    package static func nibble(_ character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character - 0x30
        case 0x41...0x46: character - 0x37
        case 0x61...0x66: character - 0x57
        default: nil
        }
    }
}
