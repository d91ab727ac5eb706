package enum KeyingLimits {
    /// The length field in the signed SK header is 16 bits and counts its own 4 octets (fact sheet F.3).
    package static let innerOctets = 65_531
    static let signatureTries = 64
    /// Fragmented messages a member reassembles at once for one Rekey SA.
    package static let reassemblies = 4
    /// Depth of a key path; a tree of degree 2 over 2^32 members has 32 levels.
    static let keyPathDepth = 64
    package static let dataSAs = 256
}
