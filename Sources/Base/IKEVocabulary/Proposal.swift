/// One transform attribute (RFC 7296 3.3.5): a 16-bit value (TV) or octets (TLV).
package struct TransformAttribute: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case short(UInt16)
        case octets([UInt8])
    }

    package let type: TransformAttributeType
    package let value: Value

    package init(type: TransformAttributeType, value: Value) {
        self.type = type
        self.value = value
    }
}

/// One transform of a proposal or of a group SA policy (RFC 7296 3.3.2).
package struct Transform: Hashable, Sendable {
    package let type: TransformType
    package let id: UInt16
    package let attributes: [TransformAttribute]

    package init(type: TransformType, id: UInt16, attributes: [TransformAttribute] = []) {
        self.type = type
        self.id = id
        self.attributes = attributes
    }

    /// The Key Length attribute in bits, when there is one.
    package var keyBits: UInt16? {
        for attribute in attributes where attribute.type == .keyLength {
            if case .short(let bits) = attribute.value { return bits }
        }
        return nil
    }

    package static func encryption(_ id: EncryptionID, keyBits: UInt16?) -> Transform {
        let attributes = keyBits.map { [TransformAttribute(type: .keyLength, value: .short($0))] } ?? []
        return Transform(type: .encryption, id: id.rawValue, attributes: attributes)
    }

    package static func prf(_ id: PRFID) -> Transform { Transform(type: .pseudorandomFunction, id: id.rawValue) }
    package static func integrity(_ id: IntegrityID) -> Transform { Transform(type: .integrity, id: id.rawValue) }
    package static func keyExchange(_ id: KeyExchangeMethod) -> Transform {
        Transform(type: .keyExchangeMethod, id: id.rawValue)
    }
    package static func sequenceNumbers(_ id: SequenceNumbersID) -> Transform {
        Transform(type: .sequenceNumbers, id: id.rawValue)
    }
    package static func keyWrap(_ id: KeyWrapID) -> Transform { Transform(type: .keyWrapAlgorithm, id: id.rawValue) }
}

/// One proposal of an SA or SAg payload (RFC 7296 3.3.1). `spi` is empty, 4, 8 or 16 octets.
package struct Proposal: Hashable, Sendable {
    package let number: UInt8
    package let securityProtocol: SecurityProtocol
    package let spi: [UInt8]
    package let transforms: [Transform]

    package init(number: UInt8, securityProtocol: SecurityProtocol, spi: [UInt8] = [], transforms: [Transform]) {
        self.number = number
        self.securityProtocol = securityProtocol
        self.spi = spi
        self.transforms = transforms
    }
}
