import Octets

/// An IKE SA's SPI: 8 octets (RFC 7296 3.1). Zero stands for "not known yet" in the first message only.
package struct IKESPI: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let zero = IKESPI(rawValue: 0)
    package var octets: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: rawValue >> (56 - 8 * UInt64($0))) } }
    package var description: String { Hex.encode(octets) }
}

/// A Data-Security SA's SPI: 4 octets. 0 … 255 are reserved (RFC 4303 2.1).
package struct ESPSPI: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let firstUsable: UInt32 = 256
    package var octets: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: rawValue >> (24 - 8 * UInt32($0))) } }
    package var description: String { Hex.encode(octets) }
}

/// A Rekey SA's SPI: 16 octets, the two SPI fields of the GSA_REKEY header (RFC 9838, GIKE_UPDATE).
package struct RekeySPI: Hashable, Sendable, CustomStringConvertible {
    package let initiatorHalf: IKESPI
    package let responderHalf: IKESPI

    package init(initiatorHalf: IKESPI, responderHalf: IKESPI) {
        self.initiatorHalf = initiatorHalf
        self.responderHalf = responderHalf
    }

    /// Nil unless there are exactly 16 octets.
    package init?(octets: [UInt8]) {
        var reader = OctetReader(octets)
        guard octets.count == 16, let high = try? reader.readUInt64("Rekey SA SPI"),
            let low = try? reader.readUInt64("Rekey SA SPI")
        else { return nil }
        self.init(initiatorHalf: IKESPI(rawValue: high), responderHalf: IKESPI(rawValue: low))
    }

    package var octets: [UInt8] { initiatorHalf.octets + responderHalf.octets }
    package var description: String { Hex.encode(octets) }
}

/// A message's number within an IKE SA or a Rekey SA.
package struct MessageID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let zero = MessageID(rawValue: 0)
    /// Nil after 2^32 − 1: the SA must be replaced before.
    package var next: MessageID? { rawValue == .max ? nil : MessageID(rawValue: rawValue + 1) }
    package static func < (one: MessageID, other: MessageID) -> Bool { one.rawValue < other.rawValue }
    package var description: String { String(rawValue) }
}

/// A sender's number within a group, placed in the most significant bits of a counter-mode IV (RFC 6054, RFC 9838 2.5).
package struct SenderID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static func < (one: SenderID, other: SenderID) -> Bool { one.rawValue < other.rawValue }
    package var description: String { String(rawValue) }
}

/// How many bits a Sender-ID has in a group: 1 … 32 here, the wire carries 16 bits (RFC 9838, GWP_SENDER_ID_BITS).
package struct SenderIDWidth: Hashable, Sendable {
    package let bits: UInt16

    /// Nil outside 1 … 32.
    package init?(bits: UInt16) {
        guard (1...32).contains(bits) else { return nil }
        self.bits = bits
    }

    package var capacity: UInt64 { 1 << UInt64(bits) }
    package func holds(_ id: SenderID) -> Bool { UInt64(id.rawValue) < capacity }
}
