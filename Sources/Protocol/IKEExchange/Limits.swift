import IKEWire

package enum ExchangeLimits {
    /// Messages of one SA that are reassembled at once: the window is one request and one response.
    static let reassemblyOctets = 65_535
    /// Before AUTH anybody may fill our memory.
    static let unauthenticatedReassemblyOctets = 24_576
    static let fragments: UInt16 = 64
    static let nonceOctets = 32
    /// Repeats of one answer that cost nothing; after them one for each pause.
    static let freeRepeats: UInt8 = 8
    static let repeatPause = Duration.seconds(1)
    /// INVALID_KE_PAYLOAD and COOKIE together may send an initiator back this often.
    static let initRounds = 5
    static let queuedRequests = 64
    /// INVALID_KE_PAYLOAD and the fall back to the regular form together may have a rekey asked anew this often.
    static let rekeyRounds = 3
    /// A member that answered a rekey does not answer another of the same SA's successors before that.
    static let rekeyPause = Duration.seconds(5)
    /// The end that asked for a rekey deletes the SA of before; when it does not for so long, the other end does.
    static let replacedLife = Duration.seconds(30)
}

extension PayloadChain {
    /// The peer knows our private extensions.
    var announcesExtensions: Bool {
        payloads.contains { if case .vendorID(let octets) = $0 { octets == ExtensionVendorID.octets } else { false } }
    }
}

/// First 16 octets of SHA-256("gcks G-IKEv2 extensions v1"): says that this end knows our private extensions.
package enum ExtensionVendorID {
    package static let octets: [UInt8] = [
        0x14, 0xb2, 0xd3, 0xc1, 0x7b, 0xfe, 0x42, 0x39, 0xb4, 0x33, 0xe8, 0x35, 0xad, 0x58, 0xce, 0x27,
    ]
}
