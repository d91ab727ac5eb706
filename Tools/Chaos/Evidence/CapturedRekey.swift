import IKEVocabulary
import IKEWire
import Octets

/// One GSA_REKEY datagram as it was on the wire.
struct CapturedRekey: Hashable, Sendable {
    /// What must stand for one octet string, ever.
    struct Place: Hashable, Sendable, CustomStringConvertible {
        let spi: String
        let messageID: UInt32
        /// Nil: not a fragment.
        let fragment: UInt16?

        var description: String {
            "Rekey SPI \(spi) Message ID \(messageID)" + (fragment.map { " fragment \($0)" } ?? "")
        }
    }

    let place: Place
    /// Milliseconds since 1970.
    let time: Int
    let source: String
    let octets: [UInt8]

    /// Nil when the frame holds no GSA_REKEY.
    init?(_ frame: PcapForm.Frame) {
        guard let datagram = UDPFrame(frame.octets), datagram.payload.count > IKEHeader.octetCount,
            datagram.payload[18] == ExchangeType.gsaRekey.rawValue
        else { return nil }
        let message: FramedMessage
        do throws(WireError) { message = try FramedMessage(decoding: datagram.payload) } catch { return nil }
        var fragment: UInt16?
        if case .fragment(let part) = message.body { fragment = part.number }
        place = Place(
            spi: "\(message.header.rekeySPI)", messageID: message.header.messageID.rawValue, fragment: fragment)
        (time, source, octets) = (frame.milliseconds, datagram.source, datagram.payload)
    }

    init(place: Place, time: Int, source: String, octets: [UInt8]) {
        (self.place, self.time, self.source, self.octets) = (place, time, source, octets)
    }

    static func all(in capture: [UInt8]) -> [CapturedRekey] {
        (PcapForm.read(capture) ?? []).compactMap { CapturedRekey($0) }
    }
}
