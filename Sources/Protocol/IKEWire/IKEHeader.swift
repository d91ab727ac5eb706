package import IKEVocabulary
package import Octets

/// Flags of the IKE header (RFC 7296 3.1): X X R V I X X X.
package struct IKEFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Sent by the original initiator of the IKE SA.
    package static let initiator = IKEFlags(rawValue: 0x08)
    package static let higherVersion = IKEFlags(rawValue: 0x10)
    package static let response = IKEFlags(rawValue: 0x20)
}

/// The header of every IKE message, 28 octets (RFC 7296 3.1).
///
///     initiator SPI (8) | responder SPI (8) | next payload (1) | version (1) | exchange (1) | flags (1) | message ID (4) | length (4)
///
/// In GSA_REKEY the two SPI fields hold the 16 octets of the Rekey SA's SPI (RFC 9838 2.4.1).
package struct IKEHeader: Hashable, Sendable {
    package static let octetCount = 28

    package var initiatorSPI: IKESPI
    package var responderSPI: IKESPI
    package var nextPayload: PayloadType
    package var majorVersion: UInt8
    package var minorVersion: UInt8
    package var exchange: ExchangeType
    package var flags: IKEFlags
    package var messageID: MessageID
    /// The whole message, this header included.
    package var length: UInt32

    package init(
        initiatorSPI: IKESPI, responderSPI: IKESPI, nextPayload: PayloadType, exchange: ExchangeType, flags: IKEFlags,
        messageID: MessageID, length: UInt32 = 0
    ) {
        self.initiatorSPI = initiatorSPI
        self.responderSPI = responderSPI
        self.nextPayload = nextPayload
        majorVersion = 2
        minorVersion = 0
        self.exchange = exchange
        self.flags = flags
        self.messageID = messageID
        self.length = length
    }

    package init(decoding reader: inout OctetReader) throws(WireError) {
        initiatorSPI = IKESPI(rawValue: try reader.readUInt64("initiator SPI"))
        responderSPI = IKESPI(rawValue: try reader.readUInt64("responder SPI"))
        nextPayload = PayloadType(rawValue: try reader.readUInt8("next payload"))
        let version = try reader.readUInt8("version")
        (majorVersion, minorVersion) = (version >> 4, version & 15)
        exchange = ExchangeType(rawValue: try reader.readUInt8("exchange type"))
        flags = IKEFlags(rawValue: try reader.readUInt8("flags"))
        messageID = MessageID(rawValue: try reader.readUInt32("message ID"))
        length = try reader.readUInt32("length")
    }

    package func encode(into writer: inout OctetWriter) {
        writer.writeUInt64(initiatorSPI.rawValue)
        writer.writeUInt64(responderSPI.rawValue)
        writer.writeUInt8(nextPayload.rawValue)
        writer.writeUInt8(majorVersion << 4 | minorVersion & 15)
        writer.writeUInt8(exchange.rawValue)
        writer.writeUInt8(flags.rawValue)
        writer.writeUInt32(messageID.rawValue)
        writer.writeUInt32(length)
    }

    package var isResponse: Bool { flags.contains(.response) }
    package var isFromInitiator: Bool { flags.contains(.initiator) }
    /// The Rekey SA's SPI, when the exchange is GSA_REKEY.
    package var rekeySPI: RekeySPI { RekeySPI(initiatorHalf: initiatorSPI, responderHalf: responderSPI) }
}
