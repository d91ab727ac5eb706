package enum KeyingLimits {
    /// The length field in the signed SK header is 16 bits and counts its own 4 octets (fact sheet F.3).
    package static let innerOctets = 65_531
    static let signatureTries = 64
    /// Fragmented messages a member reassembles at once for one Rekey SA.
    package static let reassemblies = 4
    /// Depth of a key path; a tree of degree 2 over 2^32 members has 32 levels.
    static let keyPathDepth = 64
    package static let dataSAs = 256
    /// Leaves of a key tree: a level and an index within it fit a Key ID.
    package static let treeLeaves: UInt32 = 1 << 24
    /// Key IDs above it name first keys of inner nodes.
    package static let lastKeyID: UInt32 = 1 << 31 - 1
    /// Kins whose members sit in blocks of leaves of their own.
    static let leafKins = 256
    /// Inner payloads of one exclusion (fact sheet F.3), and what of them is not wrapped keys: policy, AUTH, headers.
    package static let exclusionOctets = 60_000
    package static let exclusionOverheadOctets = 2_000
}
