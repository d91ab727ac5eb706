package import IKEVocabulary
import Octets

extension Identity {
    /// ID type (1) | reserved (3) | data (RFC 7296 3.5, RFC 9838 4.2).
    init(decoding reader: inout OctetReader) throws(WireError) {
        let type = IDType(rawValue: try reader.readUInt8("ID type"))
        try reader.skip(3, "ID reserved")
        guard reader.remaining <= WireLimits.identityOctets else { throw reader.error(.tooMany, "ID data") }
        let octets = reader.readRemaining()
        let expected: Int? = type == .ipv4Address ? 4 : type == .ipv6Address ? 16 : nil
        guard expected == nil || octets.count == expected else { throw reader.error(.badLength, "ID data") }
        self.init(type: type, octets: octets)
    }

    func encode(into writer: inout OctetWriter) {
        writer.writeUInt8(type.rawValue)
        writer.writeZeros(3)
        writer.write(octets)
    }

    /// The body of an ID payload: what AUTH covers as RestOfIDPayload (RFC 7296 2.15).
    package var payloadBody: [UInt8] { [type.rawValue, 0, 0, 0] + octets }
}

extension CertificatePayload {
    init(decoding reader: inout OctetReader) throws(WireError) {
        let encoding = CertificateEncoding(rawValue: try reader.readUInt8("certificate encoding"))
        self.init(encoding: encoding, octets: reader.readRemaining())
    }
}

extension NotifyPayload {
    init(decoding reader: inout OctetReader) throws(WireError) {
        let securityProtocol = SecurityProtocol(rawValue: try reader.readUInt8("notify protocol"))
        let spiOctets = Int(try reader.readUInt8("notify SPI size"))
        let type = NotifyType(rawValue: try reader.readUInt16("notify type"))
        let spi = try reader.readOctets(spiOctets, "notify SPI")
        self.init(type, data: reader.readRemaining(), securityProtocol: securityProtocol, spi: spi)
    }

    func encode(into writer: inout OctetWriter) {
        writer.writeUInt8(securityProtocol.rawValue)
        writer.writeUInt8(UInt8(clamping: spi.count))
        writer.writeUInt16(type.rawValue)
        writer.write(spi)
        writer.write(data)
    }
}

extension DeletePayload {
    init(decoding reader: inout OctetReader) throws(WireError) {
        let securityProtocol = SecurityProtocol(rawValue: try reader.readUInt8("delete protocol"))
        let size = Int(try reader.readUInt8("delete SPI size"))
        let count = Int(try reader.readUInt16("delete SPI count"))
        if let expected = DeletePayload.spiOctets(securityProtocol) {
            guard size == expected else { throw reader.error(.badLength, "delete SPI size") }
        }
        guard count <= WireLimits.spisPerDelete else { throw reader.error(.tooMany, "delete SPIs") }
        guard size > 0 || count == 0 else { throw reader.error(.badValue, "delete SPI count") }
        var spis: [[UInt8]] = []
        for _ in 0..<count { spis.append(try reader.readOctets(size, "delete SPI")) }
        try reader.expectEnd("delete")
        self.init(securityProtocol: securityProtocol, spis: spis)
    }

    func encode(into writer: inout OctetWriter) {
        writer.writeUInt8(securityProtocol.rawValue)
        writer.writeUInt8(UInt8(clamping: spis.first?.count ?? DeletePayload.spiOctets(securityProtocol) ?? 0))
        writer.writeUInt16(UInt16(clamping: spis.count))
        for spi in spis { writer.write(spi) }
    }
}

extension TrafficSelectorPayload {
    init(decoding reader: inout OctetReader) throws(WireError) {
        let count = Int(try reader.readUInt8("TS count"))
        try reader.skip(3, "TS reserved")
        guard count <= WireLimits.trafficSelectors else { throw reader.error(.tooMany, "TS count") }
        var items: [Item] = []
        for _ in 0..<count { items.append(try TrafficSelectorCoding.decode(&reader)) }
        try reader.expectEnd("TS")
        self.init(items)
    }

    func encode(into writer: inout OctetWriter) {
        writer.writeUInt8(UInt8(clamping: items.count))
        writer.writeZeros(3)
        for item in items { TrafficSelectorCoding.encode(item, into: &writer) }
    }
}

/// One traffic selector (RFC 7296 3.13.1):
///
///     type (1) | IP protocol (1) | length (2, of all) | start port (2) | end port (2) | first address | last address
enum TrafficSelectorCoding {
    static func decode(_ reader: inout OctetReader) throws(WireError) -> TrafficSelectorPayload.Item {
        let type = TrafficSelectorType(rawValue: try reader.readUInt8("TS type"))
        let ipProtocol = try reader.readUInt8("TS protocol")
        var body = try reader.readReader(try reader.readLength16("TS length", including: 4), "TS body")
        guard type == .ipv4AddressRange || type == .ipv6AddressRange else {
            return .unknown(type, ipProtocol: ipProtocol, octets: body.readRemaining())
        }
        let addressOctets = type == .ipv4AddressRange ? 4 : 16
        let firstPort = try body.readUInt16("TS start port")
        let lastPort = try body.readUInt16("TS end port")
        let first = IPAddress(octets: try body.readOctets(addressOctets, "TS first address"))
        let last = IPAddress(octets: try body.readOctets(addressOctets, "TS last address"))
        try body.expectEnd("TS")
        guard let first, let last,
            let selector = TrafficSelector(
                first: first, last: last, ipProtocol: ipProtocol, firstPort: firstPort, lastPort: lastPort)
        else { throw body.error(.badValue, "TS range") }
        return .selector(selector)
    }

    /// A selector where only a known one will do (group SA policies).
    static func decodeKnown(_ reader: inout OctetReader) throws(WireError) -> TrafficSelector {
        guard case .selector(let selector) = try decode(&reader) else { throw reader.error(.badValue, "TS type") }
        return selector
    }

    static func encode(_ item: TrafficSelectorPayload.Item, into writer: inout OctetWriter) {
        switch item {
        case .selector(let selector): encode(selector, into: &writer)
        case .unknown(let type, let ipProtocol, let octets):
            writer.writeUInt8(type.rawValue)
            writer.writeUInt8(ipProtocol)
            writer.writeLength16(including: 4) { $0.write(octets) }
        }
    }

    static func encode(_ selector: TrafficSelector, into writer: inout OctetWriter) {
        let type: TrafficSelectorType = selector.first.isIPv4 ? .ipv4AddressRange : .ipv6AddressRange
        writer.writeUInt8(type.rawValue)
        writer.writeUInt8(selector.ipProtocol)
        writer.writeLength16(including: 4) { writer in
            writer.writeUInt16(selector.firstPort)
            writer.writeUInt16(selector.lastPort)
            writer.write(selector.first.octets)
            writer.write(selector.last.octets)
        }
    }
}
