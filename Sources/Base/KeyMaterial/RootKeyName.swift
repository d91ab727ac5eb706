/// A root key's id as people see it: 8 hex digits.
package enum RootKeyName {
    package static func text(_ id: UInt32) -> String {
        let digits = String(id, radix: 16)
        return String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    package static func id(_ text: String) -> UInt32? { text.utf8.count == 8 ? UInt32(text, radix: 16) : nil }
}

extension SealedKey {
    /// The id of the root key that seals it; nil for octets that are no sealed key.
    package var rootKey: UInt32? {
        guard octets.count >= 5, octets[0] == 1 else { return nil }
        return octets[1...4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
}
