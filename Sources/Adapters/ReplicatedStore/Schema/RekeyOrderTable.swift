import GroupModel
import IKEVocabulary
import Octets

extension Tables {
    static let rekeyOrders = Table<RekeyOrder>(
        name: "rekey_order",
        columns: [
            "number", "group_name", "spi", "message_id", "destination", "time_to_live", "datagrams", "copies",
            "spacing",
            "created_at",
        ],
        key: ["number"],
        encode: { (order) in
            [
                .integer(order.number), .name(order.group), .blob(order.spi.octets),
                .number(order.messageID.rawValue), .text(order.destination.description),
                .number(order.timeToLive), .blob(DatagramList.encode(order.datagrams)), .number(order.copies),
                .integer(order.spacing.wholeNanoseconds), .time(order.createdAt),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let number = try reader.integer("number")
            let group = try reader.groupName()
            let spi = try reader.rekeySPI()
            let messageID = MessageID(rawValue: try reader.number("message_id"))
            let destination = try reader.parsed("destination") { Endpoint($0) }
            let timeToLive = try reader.number("time_to_live", as: UInt8.self)
            guard let datagrams = DatagramList.decode(try reader.blob("datagrams")) else {
                throw reader.fault("datagrams")
            }
            return RekeyOrder(
                number: number, group: group, spi: spi, messageID: messageID, destination: destination,
                timeToLive: timeToLive, datagrams: datagrams, copies: try reader.number("copies"),
                spacing: .nanoseconds(try reader.integer("spacing")), createdAt: try reader.time("created_at"))
        })

    static let messageIDStatement = "INSERT INTO message_id (spi, id) VALUES (?, ?)"
}

/// The datagrams of one order in one blob: count (4), then length (4) and octets of each.
enum DatagramList {
    static func encode(_ datagrams: [[UInt8]]) -> [UInt8] {
        var writer = OctetWriter(reserving: datagrams.reduce(4) { $0 + 4 + $1.count })
        writer.writeUInt32(UInt32(clamping: datagrams.count))
        for datagram in datagrams {
            writer.writeUInt32(UInt32(clamping: datagram.count))
            writer.write(datagram)
        }
        return writer.octets
    }

    /// Nil for octets that do not end with the last datagram.
    static func decode(_ octets: [UInt8]) -> [[UInt8]]? {
        var reader = OctetReader(octets)
        guard let count = try? reader.readUInt32("count"), count <= StoreLimits.datagramsPerOrder else { return nil }
        var datagrams: [[UInt8]] = []
        for _ in 0..<count {
            guard let length = try? reader.readUInt32("length"),
                let datagram = try? reader.readOctets(Int(length), "datagram")
            else { return nil }
            datagrams.append(datagram)
        }
        return reader.isAtEnd ? datagrams : nil
    }
}

extension Duration {
    /// Saturates at some 292 years.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }
}
