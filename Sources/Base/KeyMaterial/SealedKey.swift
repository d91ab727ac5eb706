/// A key as it lies in the store: encrypted and authenticated under a root key, bound to where it belongs.
///
/// Layout, ours: format (1) = 1 | root key id (4) | nonce (12) | ciphertext | tag (16).
package struct SealedKey: Hashable, Sendable {
    package let octets: [UInt8]
    package init(octets: [UInt8]) { self.octets = octets }
}

package enum SealingError: Error, Hashable, Sendable {
    /// The blob was sealed under a root key that this process does not hold.
    case unknownRootKey(UInt32)
    /// The blob is damaged or was moved from another row.
    case notAuthentic
    case wrongForm
}

/// Seals and opens stored keys. `context` names the row (for example "group/7/rekey-sa/a0a1…"), so that a blob
/// copied to another row does not open.
package protocol KeySealer: Sendable {
    func seal(_ key: borrowing SecretOctets, context: String) -> SealedKey
    func open(_ sealed: SealedKey, context: String) throws(SealingError) -> SecretOctets

    /// The root keys that are held, by id: all of them open, one of them seals.
    var rootKeys: [UInt32] { get }
    var sealingRootKey: UInt32 { get }
    /// Chooses which root key seals from now on; false when it is not held.
    func seal(under rootKey: UInt32) -> Bool
}
