package import IKEVocabulary

/// Which life of its history a cluster is in: 1 … 4095. A new life begins when state was lost that others may have seen: after a
/// restore from a backup, after `force-new`.
///
/// The SPI of a Data-Security SA carries the life in its high 12 bits, so that no SPI of one life is made again in another.
package struct ClusterLife: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let first = ClusterLife(valid: 1)
    package static let last = ClusterLife(valid: 4095)

    package let rawValue: UInt32

    package init?(rawValue: UInt32) {
        guard (1...4095).contains(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    private init(valid: UInt32) { rawValue = valid }

    /// Nil after the last.
    package var next: ClusterLife? { ClusterLife(rawValue: rawValue + 1) }

    /// An SPI of this life: the low 20 bits are those of `random`. Always above the reserved ones (RFC 4303 2.1).
    package func spi(_ random: UInt32) -> ESPSPI { ESPSPI(rawValue: rawValue << 20 | random & 0xf_ffff) }

    package static func < (one: ClusterLife, other: ClusterLife) -> Bool { one.rawValue < other.rawValue }
    package var description: String { "\(rawValue)" }
}
