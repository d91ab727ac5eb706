/// A bounded cursor over octets that came from outside. Every read checks what remains; nothing traps.
///
/// All integers are big-endian (network order). A reader made by `readReader` sees only its part and reports
/// offsets of the whole.
package struct OctetReader: Sendable {
    private let octets: [UInt8]
    private var position: Int
    private let end: Int

    package init(_ octets: [UInt8]) {
        self.octets = octets
        position = 0
        end = octets.count
    }

    private init(_ octets: [UInt8], from position: Int, to end: Int) {
        self.octets = octets
        self.position = position
        self.end = end
    }

    /// Octets from the start of the whole buffer to the cursor.
    package var offset: Int { position }
    package var remaining: Int { end - position }
    package var isAtEnd: Bool { position == end }

    package func error(_ reason: WireError.Reason, _ field: String) -> WireError {
        WireError(reason, field, at: position)
    }

    private mutating func advance(by count: Int, _ field: String) throws(WireError) -> Int {
        guard count >= 0, count <= remaining else { throw error(.truncated, field) }
        let start = position
        position = start + count
        return start
    }

    package mutating func readUInt8(_ field: String) throws(WireError) -> UInt8 {
        octets[try advance(by: 1, field)]
    }

    package mutating func readUInt16(_ field: String) throws(WireError) -> UInt16 {
        let at = try advance(by: 2, field)
        return UInt16(octets[at]) << 8 | UInt16(octets[at + 1])
    }

    package mutating func readUInt32(_ field: String) throws(WireError) -> UInt32 {
        let at = try advance(by: 4, field)
        return UInt32(octets[at]) << 24 | UInt32(octets[at + 1]) << 16 | UInt32(octets[at + 2]) << 8
            | UInt32(octets[at + 3])
    }

    package mutating func readUInt64(_ field: String) throws(WireError) -> UInt64 {
        let high = try readUInt32(field)
        let low = try readUInt32(field)
        return UInt64(high) << 32 | UInt64(low)
    }

    package mutating func readOctets(_ count: Int, _ field: String) throws(WireError) -> [UInt8] {
        let start = try advance(by: count, field)
        return Array(octets[start..<(start + count)])
    }

    /// Everything that remains; the reader is at its end afterwards.
    package mutating func readRemaining() -> [UInt8] {
        let rest = Array(octets[position..<end])
        position = end
        return rest
    }

    /// A reader over the next `count` octets; this one moves past them.
    package mutating func readReader(_ count: Int, _ field: String) throws(WireError) -> OctetReader {
        let start = try advance(by: count, field)
        return OctetReader(octets, from: start, to: start + count)
    }

    package mutating func skip(_ count: Int, _ field: String) throws(WireError) {
        _ = try advance(by: count, field)
    }

    /// Reads a 16-bit length that counts `header` octets already read (or being read) and returns what is left of it.
    ///
    /// - Throws: `.badLength` when the length is below `header` or what it announces exceeds the reader.
    package mutating func readLength16(_ field: String, including header: Int) throws(WireError) -> Int {
        let at = position
        let length = Int(try readUInt16(field))
        guard length >= header else { throw WireError(.badLength, field, at: at) }
        return length - header
    }

    package func expectEnd(_ field: String) throws(WireError) {
        guard isAtEnd else { throw error(.trailingOctets, field) }
    }
}
