/// Text with keys in it, for the few places that hand keys on. The keys become hex in guarded memory and nowhere else.
package struct SecretText: Sendable {
    private enum Part: Sendable {
        case text([UInt8])
        case hex(HeldSecret, Range<Int>)
    }

    private var parts: [Part] = []
    private var count = 0

    package init() {}

    package mutating func add(_ text: String) {
        let octets = Array(text.utf8)
        parts.append(.text(octets))
        count += octets.count
    }

    /// Lower-case hex of the key, or of a part of it.
    package mutating func add(hexOf key: HeldSecret, _ range: Range<Int>? = nil) {
        let range = (range ?? 0..<key.secret.count).clamped(to: 0..<key.secret.count)
        parts.append(.hex(key, range))
        count += 2 * range.count
    }

    package func octets() -> SecretOctets {
        unsafe SecretOctets(count: count) { (out: UnsafeMutableRawBufferPointer) in
            var at = 0
            for part in parts {
                switch part {
                case .text(let octets):
                    for octet in octets {
                        unsafe out[at] = octet
                        at += 1
                    }
                case .hex(let key, let range):
                    unsafe key.secret.withUnsafeOctets { (key: UnsafeRawBufferPointer) in
                        for index in range {
                            let octet = unsafe key[index]
                            unsafe out[at] = Self.digit(octet >> 4)
                            unsafe out[at + 1] = Self.digit(octet & 15)
                            at += 2
                        }
                    }
                }
            }
        }
    }

    private static func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x57 + nibble }
}
