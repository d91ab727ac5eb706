/// Builds octets in network order. Lengths are written when the part they measure is complete.
package struct OctetWriter: Sendable {
    package private(set) var octets: [UInt8]

    package init(reserving capacity: Int = 0) {
        octets = []
        octets.reserveCapacity(capacity)
    }

    package var count: Int { octets.count }

    package mutating func writeUInt8(_ value: UInt8) { octets.append(value) }

    package mutating func writeUInt16(_ value: UInt16) {
        octets.append(UInt8(truncatingIfNeeded: value >> 8))
        octets.append(UInt8(truncatingIfNeeded: value))
    }

    package mutating func writeUInt32(_ value: UInt32) {
        writeUInt16(UInt16(truncatingIfNeeded: value >> 16))
        writeUInt16(UInt16(truncatingIfNeeded: value))
    }

    package mutating func writeUInt64(_ value: UInt64) {
        writeUInt32(UInt32(truncatingIfNeeded: value >> 32))
        writeUInt32(UInt32(truncatingIfNeeded: value))
    }

    package mutating func write(_ more: [UInt8]) { octets.append(contentsOf: more) }

    package mutating func writeZeros(_ count: Int) { octets.append(contentsOf: repeatElement(0, count: count)) }

    package mutating func overwriteUInt8(_ value: UInt8, at offset: Int) { octets[offset] = value }

    package mutating func overwriteUInt16(_ value: UInt16, at offset: Int) {
        octets[offset] = UInt8(truncatingIfNeeded: value >> 8)
        octets[offset + 1] = UInt8(truncatingIfNeeded: value)
    }

    package mutating func overwriteUInt32(_ value: UInt32, at offset: Int) {
        overwriteUInt16(UInt16(truncatingIfNeeded: value >> 16), at: offset)
        overwriteUInt16(UInt16(truncatingIfNeeded: value), at: offset + 2)
    }

    /// Writes a 16-bit length field, then `body`; the length counts `header` octets that stand before the body.
    ///
    /// The caller answers for sizes: a body beyond 65,535 octets is our own mistake and is caught by
    /// the encoders' limits before it comes here; the field then saturates rather than traps.
    package mutating func writeLength16(including header: Int, _ body: (inout OctetWriter) -> Void) {
        let at = octets.count
        writeUInt16(0)
        let start = octets.count
        body(&self)
        overwriteUInt16(UInt16(clamping: octets.count - start + header), at: at)
    }
}
