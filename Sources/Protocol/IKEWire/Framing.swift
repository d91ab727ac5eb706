package import IKEVocabulary
package import Octets

/// A datagram whose frame has been checked: the header agrees with the length, SK or SKF stands alone.
///
/// Nothing in it is authentic yet, except what `.clear` messages are by nature.
package struct FramedMessage: Sendable {
    package enum Body: Sendable {
        /// Not decoded yet: the caller decides whether it wants the payloads.
        case clear(OctetReader)
        case encrypted(SealedBody)
        case fragment(SealedFragment)
    }

    package let header: IKEHeader
    package let body: Body

    /// - Throws: `WireError` when the header's length is not the datagram's, when something stands before or after SK, or
    ///   when fragment numbers make no sense (RFC 7383 2.5).
    package init(decoding datagram: [UInt8]) throws(WireError) {
        guard datagram.count <= WireLimits.messageOctets else { throw WireError(.tooMany, "message", at: 0) }
        var reader = OctetReader(datagram)
        header = try IKEHeader(decoding: &reader)
        guard Int(header.length) == datagram.count else { throw WireError(.badLength, "length", at: 24) }
        switch header.nextPayload {
        case .encrypted: body = .encrypted(try SealedBody(&reader, datagram))
        case .encryptedFragment: body = .fragment(try SealedFragment(&reader, datagram))
        default: body = .clear(reader)
        }
    }
}

/// SK (RFC 7296 3.14): next payload (1) | C, reserved (1) | length (2) | IV | ciphertext | ICV.
package struct SealedBody: Sendable {
    package let firstInner: PayloadType
    package let reserved: UInt8
    /// IKE header and generic header: what an AEAD authenticates beside the ciphertext.
    package let associatedData: [UInt8]
    package let sealed: [UInt8]

    fileprivate init(_ reader: inout OctetReader, _ datagram: [UInt8]) throws(WireError) {
        firstInner = PayloadType(rawValue: try reader.readUInt8("SK next payload"))
        reserved = try reader.readUInt8("SK reserved")
        let length = try reader.readLength16("SK length", including: 4)
        associatedData = Array(datagram.prefix(reader.offset))
        sealed = try reader.readOctets(length, "SK body")
        try reader.expectEnd("SK")
    }
}

/// SKF (RFC 7383 2.5): next payload (1) | C, reserved (1) | length (2) | number (2) | total (2) | IV | ciphertext | ICV.
package struct SealedFragment: Sendable {
    package let firstInner: PayloadType
    package let reserved: UInt8
    package let number: UInt16
    package let total: UInt16
    package let associatedData: [UInt8]
    package let sealed: [UInt8]

    fileprivate init(_ reader: inout OctetReader, _ datagram: [UInt8]) throws(WireError) {
        firstInner = PayloadType(rawValue: try reader.readUInt8("SKF next payload"))
        reserved = try reader.readUInt8("SKF reserved")
        let length = try reader.readLength16("SKF length", including: 8)
        number = try reader.readUInt16("fragment number")
        total = try reader.readUInt16("total fragments")
        guard number >= 1, number <= total, total <= WireLimits.fragments else {
            throw reader.error(.badValue, "fragment number")
        }
        // Only the first fragment says what the message begins with.
        guard number == 1 || firstInner == .none else { throw reader.error(.badValue, "SKF next payload") }
        associatedData = Array(datagram.prefix(reader.offset))
        sealed = try reader.readOctets(length, "SKF body")
        try reader.expectEnd("SKF")
    }
}

/// Puts messages together. The caller seals; this knows the lengths and what is authenticated.
package enum MessageAssembly {
    /// A message in the clear.
    package static func clear(_ header: IKEHeader, _ chain: PayloadChain) -> [UInt8] {
        var writer = OctetWriter(reserving: 512)
        var header = header
        header.nextPayload = chain.first
        header.encode(into: &writer)
        chain.encode(into: &writer)
        writer.overwriteUInt32(UInt32(clamping: writer.count), at: 24)
        return writer.octets
    }

    /// IKE header and SK header of a message whose sealed body (IV, ciphertext, ICV) has `sealedOctets`.
    ///
    /// The same octets with `sealedOctets` = length of the plain inner payloads are the chunk A that a GSA_REKEY signature
    /// covers: without IV, padding and ICV (RFC 9838 2.4.1.1).
    package static func encryptedPrefix(
        _ header: IKEHeader, firstInner: PayloadType, reserved: UInt8 = 0, sealedOctets: Int
    ) -> [UInt8] {
        var writer = OctetWriter(reserving: IKEHeader.octetCount + 4 + sealedOctets)
        var header = header
        header.nextPayload = .encrypted
        header.length = UInt32(clamping: IKEHeader.octetCount + 4 + sealedOctets)
        header.encode(into: &writer)
        writer.writeUInt8(firstInner.rawValue)
        writer.writeUInt8(reserved)
        writer.writeUInt16(UInt16(clamping: 4 + sealedOctets))
        return writer.octets
    }

    /// IKE header and SKF header of one fragment.
    package static func fragmentPrefix(
        _ header: IKEHeader, firstInner: PayloadType, number: UInt16, total: UInt16, sealedOctets: Int
    ) -> [UInt8] {
        var writer = OctetWriter(reserving: IKEHeader.octetCount + 8 + sealedOctets)
        var header = header
        header.nextPayload = .encryptedFragment
        header.length = UInt32(clamping: IKEHeader.octetCount + 8 + sealedOctets)
        header.encode(into: &writer)
        writer.writeUInt8(number == 1 ? firstInner.rawValue : 0)
        writer.writeUInt8(0)
        writer.writeUInt16(UInt16(clamping: 8 + sealedOctets))
        writer.writeUInt16(number)
        writer.writeUInt16(total)
        return writer.octets
    }
}
