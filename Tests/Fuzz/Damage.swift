/// One way in which a message can be wrong: its end is missing, or one octet is another.
enum Damage {
    case cut(Int)
    case flip(Int, UInt8)
    case set(Int, UInt8)

    func applied(to octets: [UInt8]) -> [UInt8] {
        var damaged = octets
        switch self {
        case .cut(let count): damaged = Array(octets.prefix(count))
        case .flip(let index, let bits): damaged[index] ^= bits
        case .set(let index, let value): damaged[index] = value
        }
        return damaged
    }

    /// Every prefix, and each octet in turn with one bit, all bits, zero and 255.
    static func every(_ octets: Int) -> [Damage] {
        (0..<octets).flatMap { [.cut($0), .flip($0, 0x01), .flip($0, 0xff), .set($0, 0), .set($0, 0xff)] }
    }

    static func all(_ octets: [UInt8]) -> [[UInt8]] {
        every(octets.count).map { $0.applied(to: octets) }.filter { $0 != octets }
    }
}
