import IKEVocabulary
package import Octets

extension GSAPayload {
    package init(decoding reader: inout OctetReader) throws(WireError) {
        var policies: [GroupSAPolicySubstructure] = []
        var groupWide: [GroupAttribute]?
        while !reader.isAtEnd {
            let securityProtocol = SecurityProtocol(rawValue: try reader.readUInt8("policy protocol"))
            let spiOctets = Int(try reader.readUInt8("policy SPI size"))
            var body = try reader.readReader(try reader.readLength16("policy length", including: 4), "policy body")
            if securityProtocol == .none {
                guard groupWide == nil else { throw reader.error(.duplicate, "group-wide policy") }
                groupWide = try AttributeCoding.decodeAll(&body, atMost: WireLimits.groupAttributes)
                continue
            }
            guard policies.count < WireLimits.groupPolicies else { throw reader.error(.tooMany, "policies") }
            guard groupWide == nil else { throw reader.error(.badValue, "policy after group-wide policy") }
            if securityProtocol == .gikeUpdate, policies.contains(where: { $0.securityProtocol == .gikeUpdate }) {
                throw reader.error(.duplicate, "Rekey SA policy")
            }
            try GroupSPI.check(securityProtocol, spiOctets, reader)
            policies.append(try GroupSAPolicySubstructure(securityProtocol, spiOctets, &body))
        }
        self.init(policies: policies, groupWide: groupWide)
    }

    package init(body: [UInt8]) throws(WireError) {
        var reader = OctetReader(body)
        try self.init(decoding: &reader)
    }

    package func encode(into writer: inout OctetWriter) {
        for policy in policies { policy.encode(into: &writer) }
        guard let groupWide else { return }
        writer.writeZeros(2)
        writer.writeLength16(including: 4) { AttributeCoding.encodeAll(groupWide, into: &$0) }
    }

    package func encodeBody() -> [UInt8] {
        var writer = OctetWriter()
        encode(into: &writer)
        return writer.octets
    }
}

/// SPI sizes that are fixed by the protocol (RFC 9838 4.4.2); unknown protocols may have any.
private enum GroupSPI {
    static func check(_ securityProtocol: SecurityProtocol, _ octets: Int, _ reader: OctetReader) throws(WireError) {
        guard let expected = DeletePayload.spiOctets(securityProtocol) else { return }
        guard expected > 0, octets == expected else { throw reader.error(.badLength, "SPI size") }
    }
}

extension GroupSAPolicySubstructure {
    fileprivate init(
        _ securityProtocol: SecurityProtocol, _ spiOctets: Int, _ body: inout OctetReader
    ) throws(WireError) {
        let spi = try body.readOctets(spiOctets, "policy SPI")
        let source = try TrafficSelectorCoding.decodeKnown(&body)
        let destination = try TrafficSelectorCoding.decodeKnown(&body)
        let transforms = try ProposalCoding.decodeTransforms(&body)
        let attributes = try AttributeCoding.decodeAll(&body, atMost: WireLimits.groupAttributes)
        self.init(
            securityProtocol: securityProtocol, spi: spi, source: source, destination: destination,
            transforms: transforms, attributes: attributes)
    }

    fileprivate func encode(into writer: inout OctetWriter) {
        writer.writeUInt8(securityProtocol.rawValue)
        writer.writeUInt8(UInt8(clamping: spi.count))
        writer.writeLength16(including: 4) { writer in
            writer.write(spi)
            TrafficSelectorCoding.encode(source, into: &writer)
            TrafficSelectorCoding.encode(destination, into: &writer)
            ProposalCoding.encodeTransforms(transforms, into: &writer)
            AttributeCoding.encodeAll(attributes, into: &writer)
        }
    }
}

extension KeyDownloadPayload {
    package init(decoding reader: inout OctetReader) throws(WireError) {
        var bags: [Bag] = []
        while !reader.isAtEnd {
            guard bags.count < WireLimits.keyBags else { throw reader.error(.tooMany, "key bags") }
            let securityProtocol = SecurityProtocol(rawValue: try reader.readUInt8("key bag protocol"))
            let spiOctets = Int(try reader.readUInt8("key bag SPI size"))
            var body = try reader.readReader(try reader.readLength16("key bag length", including: 4), "key bag body")
            if securityProtocol == .none {
                bags.append(
                    .member(
                        MemberKeyBag(
                            attributes: try AttributeCoding.decodeAll(&body, atMost: WireLimits.keyBagAttributes))))
                continue
            }
            try GroupSPI.check(securityProtocol, spiOctets, reader)
            let spi = try body.readOctets(spiOctets, "key bag SPI")
            let attributes = try AttributeCoding.decodeAll(&body, atMost: WireLimits.keyBagAttributes)
            bags.append(.group(GroupKeyBag(securityProtocol: securityProtocol, spi: spi, attributes: attributes)))
        }
        self.init(bags)
    }

    package init(body: [UInt8]) throws(WireError) {
        var reader = OctetReader(body)
        try self.init(decoding: &reader)
    }

    package func encode(into writer: inout OctetWriter) {
        for bag in bags {
            switch bag {
            case .group(let bag):
                writer.writeUInt8(bag.securityProtocol.rawValue)
                writer.writeUInt8(UInt8(clamping: bag.spi.count))
                writer.writeLength16(including: 4) { writer in
                    writer.write(bag.spi)
                    AttributeCoding.encodeAll(bag.attributes, into: &writer)
                }
            case .member(let bag):
                writer.writeZeros(2)
                writer.writeLength16(including: 4) { AttributeCoding.encodeAll(bag.attributes, into: &$0) }
            }
        }
    }

    package func encodeBody() -> [UInt8] {
        var writer = OctetWriter()
        encode(into: &writer)
        return writer.octets
    }
}

extension WrappedKey {
    package static let headerOctets = 8

    package init(decoding octets: [UInt8]) throws(WireError) {
        var reader = OctetReader(octets)
        let keyID = try reader.readUInt32("key ID")
        let kwkID = try reader.readUInt32("KWK ID")
        self.init(keyID: keyID, kwkID: kwkID, wrapped: reader.readRemaining())
    }

    package func encode() -> [UInt8] {
        var writer = OctetWriter(reserving: Self.headerOctets + wrapped.count)
        writer.writeUInt32(keyID)
        writer.writeUInt32(kwkID)
        writer.write(wrapped)
        return writer.octets
    }
}
