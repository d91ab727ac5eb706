import GroupModel
import IKEVocabulary
import IKEWire

/// GroupModel's policies as GSA substructures (RFC 9838 4.4), and back with every rule of form and meaning.
enum PolicyCoding {
    static func encode(_ gsa: GroupSecurityAssociation) -> GSAPayload {
        let rekey = gsa.rekey.map { [encode($0)] } ?? []
        return GSAPayload(policies: rekey + gsa.data.map(encode), groupWide: encode(gsa.groupWide))
    }

    private static func encode(_ policy: RekeySAPolicy) -> GroupSAPolicySubstructure {
        var transforms = policy.suite.transforms
        switch policy.authentication {
        case .implicit:
            transforms.append(
                Transform(
                    type: .groupControllerAuthentication, id: GroupControllerAuthenticationID.implicit.rawValue))
        case .digitalSignature(let algorithm):
            transforms.append(
                Transform(
                    type: .groupControllerAuthentication, id: GroupControllerAuthenticationID.digitalSignature.rawValue,
                    attributes: [TransformAttribute(type: .signatureAlgorithmIdentifier, value: .octets(algorithm))]))
        case nil: break
        }
        transforms.append(.keyWrap(policy.keyWrap))
        var attributes = lifetime(policy.lifetime)
        if let id = policy.initialMessageID {
            attributes.append(
                GroupAttribute(type: GroupSAAttributeType.initialMessageID.rawValue, value: .octets(id.rawValue.octets))
            )
        }
        for spi in policy.nextSPIs {
            attributes.append(GroupAttribute(type: GroupSAAttributeType.nextSPI.rawValue, value: .octets(spi.octets)))
        }
        return GroupSAPolicySubstructure(
            securityProtocol: .gikeUpdate, spi: policy.spi.octets, source: policy.source,
            destination: policy.destination, transforms: transforms, attributes: attributes)
    }

    private static func encode(_ policy: DataSAPolicy) -> GroupSAPolicySubstructure {
        var attributes = lifetime(policy.lifetime)
        for spi in policy.nextSPIs {
            attributes.append(GroupAttribute(type: GroupSAAttributeType.nextSPI.rawValue, value: .octets(spi.octets)))
        }
        return GroupSAPolicySubstructure(
            securityProtocol: .esp, spi: policy.spi.octets, source: policy.source, destination: policy.destination,
            transforms: policy.suite.transforms + [.sequenceNumbers(policy.sequenceNumbers)], attributes: attributes)
    }

    private static func lifetime(_ lifetime: Lifetime?) -> [GroupAttribute] {
        lifetime.map {
            [GroupAttribute(type: GroupSAAttributeType.keyLifetime.rawValue, value: .octets($0.seconds.octets))]
        } ?? []
    }

    private static func encode(_ policy: GroupWidePolicy) -> [GroupAttribute]? {
        var attributes: [GroupAttribute] = []
        if let delay = policy.activationTimeDelay {
            attributes.append(
                GroupAttribute(type: GroupWidePolicyAttributeType.activationTimeDelay.rawValue, value: .short(delay)))
        }
        if let delay = policy.deactivationTimeDelay {
            attributes.append(
                GroupAttribute(type: GroupWidePolicyAttributeType.deactivationTimeDelay.rawValue, value: .short(delay)))
        }
        if let width = policy.senderIDWidth {
            attributes.append(
                GroupAttribute(type: GroupWidePolicyAttributeType.senderIDBits.rawValue, value: .short(width.bits)))
        }
        return attributes.isEmpty ? nil : attributes
    }
}

extension UInt32 {
    var octets: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self >> $0) } }
}
