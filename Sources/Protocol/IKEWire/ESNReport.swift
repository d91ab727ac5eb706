package import IKEVocabulary
package import Octets

/// N(ESN_REPORT), private: how far a sender is on a Data-Security SA (fact sheet I.5).
///
///     protocol 3 | SPI size 4 | 61442 | SPI (4)
///     version = 1 (1) | flags (1): 0x01 final | reserved (2) | report counter (4)
///     next sequence number to be sent (8) | Sender-ID (4), 0xffffffff: none | seconds since 1970 modulo 2^32 (4)
///
/// - Throws: `WireError`: `.wrongForm` for another protocol or version, `.badValue` for a reserved SPI or bits that must be 0,
///   `.badLength` for any other size than 24 octets.
package struct ESNReport: Hashable, Sendable {
    package static let octetCount = 24
    private static let version: UInt8 = 1
    private static let finalFlag: UInt8 = 1
    private static let noSenderID = UInt32.max

    package let spi: ESPSPI
    /// The SA is retired; nothing is sent on it any more.
    package let isFinal: Bool
    package let counter: UInt32
    package let nextNumber: UInt64
    package let senderID: SenderID?
    package let seconds: UInt32

    package init(
        spi: ESPSPI, isFinal: Bool, counter: UInt32, nextNumber: UInt64, senderID: SenderID?, seconds: UInt32
    ) {
        self.spi = spi
        self.isFinal = isFinal
        self.counter = counter
        self.nextNumber = nextNumber
        self.senderID = senderID
        self.seconds = seconds
    }

    package init(_ notify: NotifyPayload) throws(WireError) {
        guard notify.type == .esnReport, notify.securityProtocol == .esp, notify.spi.count == 4 else {
            throw WireError(.wrongForm, "ESN_REPORT", at: 0)
        }
        guard notify.data.count == Self.octetCount else { throw WireError(.badLength, "ESN_REPORT", at: 0) }
        let spi = ESPSPI(rawValue: notify.spi.reduce(0) { $0 << 8 | UInt32($1) })
        guard spi.rawValue >= ESPSPI.firstUsable else { throw WireError(.badValue, "ESN_REPORT SPI", at: 0) }
        var reader = OctetReader(notify.data)
        guard try reader.readUInt8("ESN_REPORT version") == Self.version else {
            throw WireError(.wrongForm, "ESN_REPORT version", at: 0)
        }
        let flags = try reader.readUInt8("ESN_REPORT flags")
        let reserved = try reader.readUInt16("ESN_REPORT reserved")
        guard flags & ~Self.finalFlag == 0, reserved == 0 else {
            throw WireError(.badValue, "ESN_REPORT reserved", at: 1)
        }
        let counter = try reader.readUInt32("ESN_REPORT counter")
        let high = try reader.readUInt32("ESN_REPORT number")
        let low = try reader.readUInt32("ESN_REPORT number")
        let senderID = try reader.readUInt32("ESN_REPORT Sender-ID")
        self.init(
            spi: spi, isFinal: flags & Self.finalFlag != 0, counter: counter,
            nextNumber: UInt64(high) << 32 | UInt64(low),
            senderID: senderID == Self.noSenderID ? nil : SenderID(rawValue: senderID),
            seconds: try reader.readUInt32("ESN_REPORT time"))
    }

    package var notify: NotifyPayload {
        var writer = OctetWriter(reserving: Self.octetCount)
        writer.writeUInt8(Self.version)
        writer.writeUInt8(isFinal ? Self.finalFlag : 0)
        writer.writeUInt16(0)
        writer.writeUInt32(counter)
        writer.writeUInt32(UInt32(truncatingIfNeeded: nextNumber >> 32))
        writer.writeUInt32(UInt32(truncatingIfNeeded: nextNumber))
        writer.writeUInt32(senderID?.rawValue ?? Self.noSenderID)
        writer.writeUInt32(seconds)
        return NotifyPayload(.esnReport, data: writer.octets, securityProtocol: .esp, spi: spi.octets)
    }
}
