package import IKEVocabulary

/// GSA (RFC 9838 4.4): group SA policies, then group-wide policy. At most one GIKE_UPDATE policy, any number of AH and ESP.
package struct GSAPayload: Hashable, Sendable {
    package var policies: [GroupSAPolicySubstructure]
    /// Nil when there is no group-wide policy substructure.
    package var groupWide: [GroupAttribute]?

    package init(policies: [GroupSAPolicySubstructure], groupWide: [GroupAttribute]?) {
        self.policies = policies
        self.groupWide = groupWide
    }
}

/// One group SA policy (RFC 9838 4.4.2):
///
///     protocol (1) | SPI size (1) | length (2, of all) | SPI | source TS | destination TS | transforms | attributes
///
/// SPI size is 16 for GIKE_UPDATE and 4 for AH and ESP. Transforms end at the one whose Last field is 0.
package struct GroupSAPolicySubstructure: Hashable, Sendable {
    package var securityProtocol: SecurityProtocol
    package var spi: [UInt8]
    package var source: TrafficSelector
    package var destination: TrafficSelector
    package var transforms: [Transform]
    package var attributes: [GroupAttribute]

    package init(
        securityProtocol: SecurityProtocol, spi: [UInt8], source: TrafficSelector, destination: TrafficSelector,
        transforms: [Transform], attributes: [GroupAttribute]
    ) {
        self.securityProtocol = securityProtocol
        self.spi = spi
        self.source = source
        self.destination = destination
        self.transforms = transforms
        self.attributes = attributes
    }
}

/// An attribute of a GSA policy, of group-wide policy or of a key bag: AF (1 bit) | type (15) | length or value (16) | octets.
package struct GroupAttribute: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        /// AF = 1, TV.
        case short(UInt16)
        /// AF = 0, TLV.
        case octets([UInt8])
    }

    package let type: UInt16
    package let value: Value

    package init(type: UInt16, value: Value) {
        self.type = type
        self.value = value
    }
}

/// KD (RFC 9838 4.5): key bags in their order.
package struct KeyDownloadPayload: Hashable, Sendable {
    package enum Bag: Hashable, Sendable {
        case group(GroupKeyBag)
        case member(MemberKeyBag)
    }

    package var bags: [Bag]
    package init(_ bags: [Bag]) { self.bags = bags }
}

/// Keys of one SA: protocol (1) | SPI size (1) | length (2, of all) | SPI | attributes.
package struct GroupKeyBag: Hashable, Sendable {
    package let securityProtocol: SecurityProtocol
    package let spi: [UInt8]
    package let attributes: [GroupAttribute]

    package init(securityProtocol: SecurityProtocol, spi: [UInt8], attributes: [GroupAttribute]) {
        self.securityProtocol = securityProtocol
        self.spi = spi
        self.attributes = attributes
    }
}

/// What is for the member itself: protocol 0 (1) | reserved (1) | length (2, of all) | attributes.
package struct MemberKeyBag: Hashable, Sendable {
    package let attributes: [GroupAttribute]
    package init(attributes: [GroupAttribute]) { self.attributes = attributes }
}

/// The value of SA_KEY and WRAP_KEY: key ID (4) | KWK ID (4) | wrapped octets (RFC 9838 4.5.1). KWK ID 0 means GSK_w.
package struct WrappedKey: Hashable, Sendable {
    package let keyID: UInt32
    package let kwkID: UInt32
    package let wrapped: [UInt8]

    package init(keyID: UInt32, kwkID: UInt32, wrapped: [UInt8]) {
        self.keyID = keyID
        self.kwkID = kwkID
        self.wrapped = wrapped
    }
}
