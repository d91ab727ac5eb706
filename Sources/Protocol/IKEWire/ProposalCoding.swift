import IKEVocabulary
import Octets

/// SA and SAg bodies (RFC 7296 3.3). Numbers that are not known stay as they are.
enum ProposalCoding {
    private static let moreProposals: UInt8 = 2
    private static let moreTransforms: UInt8 = 3

    /// last (1: 2 more, 0 last) | reserved (1) | length (2) | number (1) | protocol (1) | SPI size (1) | transforms (1) | SPI | …
    static func decode(_ reader: inout OctetReader) throws(WireError) -> [Proposal] {
        var proposals: [Proposal] = []
        while true {
            guard proposals.count < WireLimits.proposals else { throw reader.error(.tooMany, "proposals") }
            let last = try reader.readUInt8("proposal last")
            guard last == 0 || last == moreProposals else { throw reader.error(.badValue, "proposal last") }
            try reader.skip(1, "proposal reserved")
            var body = try reader.readReader(try reader.readLength16("proposal length", including: 4), "proposal body")
            let number = try body.readUInt8("proposal number")
            let securityProtocol = SecurityProtocol(rawValue: try body.readUInt8("proposal protocol"))
            let spiOctets = Int(try body.readUInt8("proposal SPI size"))
            let count = Int(try body.readUInt8("proposal transforms"))
            let spi = try body.readOctets(spiOctets, "proposal SPI")
            let transforms = try decodeTransforms(&body, exactly: count)
            try body.expectEnd("proposal")
            proposals.append(
                Proposal(number: number, securityProtocol: securityProtocol, spi: spi, transforms: transforms))
            if last == 0 { break }
        }
        try reader.expectEnd("SA")
        return proposals
    }

    static func encode(_ proposals: [Proposal], into writer: inout OctetWriter) {
        for (index, proposal) in proposals.enumerated() {
            writer.writeUInt8(index + 1 < proposals.count ? moreProposals : 0)
            writer.writeUInt8(0)
            writer.writeLength16(including: 4) { writer in
                writer.writeUInt8(proposal.number)
                writer.writeUInt8(proposal.securityProtocol.rawValue)
                writer.writeUInt8(UInt8(clamping: proposal.spi.count))
                writer.writeUInt8(UInt8(clamping: proposal.transforms.count))
                writer.write(proposal.spi)
                encodeTransforms(proposal.transforms, into: &writer)
            }
        }
    }

    /// last (1: 3 more, 0 last) | reserved (1) | length (2) | type (1) | reserved (1) | ID (2) | attributes.
    ///
    /// With `exactly` the count of the proposal must agree with the Last fields; without, the Last field alone decides
    /// (group SA policies, RFC 9838 4.4.2).
    static func decodeTransforms(
        _ reader: inout OctetReader, exactly count: Int? = nil
    ) throws(WireError) -> [Transform] {
        var transforms: [Transform] = []
        if count == 0 { return transforms }
        transforms.reserveCapacity(min(count ?? 0, WireLimits.transforms))
        while true {
            guard transforms.count < WireLimits.transforms else { throw reader.error(.tooMany, "transforms") }
            let last = try reader.readUInt8("transform last")
            guard last == 0 || last == moreTransforms else { throw reader.error(.badValue, "transform last") }
            try reader.skip(1, "transform reserved")
            var body = try reader.readReader(
                try reader.readLength16("transform length", including: 4), "transform body")
            let type = TransformType(rawValue: try body.readUInt8("transform type"))
            try body.skip(1, "transform reserved")
            let id = try body.readUInt16("transform ID")
            transforms.append(Transform(type: type, id: id, attributes: try decodeAttributes(&body)))
            if last == 0 { break }
        }
        guard count == nil || transforms.count == count else { throw reader.error(.badValue, "proposal transforms") }
        return transforms
    }

    static func encodeTransforms(_ transforms: [Transform], into writer: inout OctetWriter) {
        for (index, transform) in transforms.enumerated() {
            writer.writeUInt8(index + 1 < transforms.count ? moreTransforms : 0)
            writer.writeUInt8(0)
            writer.writeLength16(including: 4) { writer in
                writer.writeUInt8(transform.type.rawValue)
                writer.writeUInt8(0)
                writer.writeUInt16(transform.id)
                for attribute in transform.attributes { encode(attribute, into: &writer) }
            }
        }
    }

    private static func decodeAttributes(_ reader: inout OctetReader) throws(WireError) -> [TransformAttribute] {
        var attributes: [TransformAttribute] = []
        while !reader.isAtEnd {
            guard attributes.count < WireLimits.transformAttributes else { throw reader.error(.tooMany, "attributes") }
            let (type, value) = try AttributeCoding.decode(&reader)
            let form: TransformAttribute.Value =
                switch value {
                case .short(let short): .short(short)
                case .octets(let octets): .octets(octets)
                }
            attributes.append(TransformAttribute(type: TransformAttributeType(rawValue: type), value: form))
        }
        return attributes
    }

    private static func encode(_ attribute: TransformAttribute, into writer: inout OctetWriter) {
        switch attribute.value {
        case .short(let short): AttributeCoding.encode(attribute.type.rawValue, .short(short), into: &writer)
        case .octets(let octets): AttributeCoding.encode(attribute.type.rawValue, .octets(octets), into: &writer)
        }
    }
}

/// The attribute form that transforms and groups share: AF (1 bit) | type (15) | length or value (16) | octets.
enum AttributeCoding {
    static func decode(_ reader: inout OctetReader) throws(WireError) -> (type: UInt16, value: GroupAttribute.Value) {
        let head = try reader.readUInt16("attribute type")
        let tail = try reader.readUInt16("attribute length or value")
        if head & 0x8000 != 0 { return (head & 0x7fff, .short(tail)) }
        return (head, .octets(try reader.readOctets(Int(tail), "attribute value")))
    }

    static func encode(_ type: UInt16, _ value: GroupAttribute.Value, into writer: inout OctetWriter) {
        switch value {
        case .short(let short):
            writer.writeUInt16(type | 0x8000)
            writer.writeUInt16(short)
        case .octets(let octets):
            writer.writeUInt16(type & 0x7fff)
            writer.writeUInt16(UInt16(clamping: octets.count))
            writer.write(octets)
        }
    }

    static func decodeAll(_ reader: inout OctetReader, atMost limit: Int) throws(WireError) -> [GroupAttribute] {
        var attributes: [GroupAttribute] = []
        while !reader.isAtEnd {
            guard attributes.count < limit else { throw reader.error(.tooMany, "attributes") }
            let (type, value) = try decode(&reader)
            attributes.append(GroupAttribute(type: type, value: value))
        }
        return attributes
    }

    static func encodeAll(_ attributes: [GroupAttribute], into writer: inout OctetWriter) {
        for attribute in attributes { encode(attribute.type, attribute.value, into: &writer) }
    }
}
