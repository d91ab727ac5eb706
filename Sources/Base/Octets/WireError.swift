/// Why octets from outside could not be taken: which field, where, and in what way.
///
/// `offset` counts octets from the start of the buffer the reader was made from, so a log line points into the datagram.
package struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: String, Hashable, Sendable {
        /// Fewer octets remain than the field needs.
        case truncated
        /// A length field is below its own header or beyond what holds it.
        case badLength
        /// The encoding differs from the one the specification fixes (AF bit, reserved form, wrong size).
        case wrongForm
        /// The value is outside what the field may hold.
        case badValue
        /// More items than the limit for this field.
        case tooMany
        /// Octets follow where the structure ends.
        case trailingOctets
        /// An item that may stand once stands again.
        case duplicate
        /// An item that must be there is not.
        case missing
    }

    package let reason: Reason
    package let field: String
    package let offset: Int

    package init(_ reason: Reason, _ field: String, at offset: Int) {
        self.reason = reason
        self.field = field
        self.offset = offset
    }

    package var description: String { "\(field): \(reason.rawValue) at octet \(offset)" }
}
