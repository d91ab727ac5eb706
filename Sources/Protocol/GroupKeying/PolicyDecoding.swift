import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire

/// Where a GSA payload came from decides what may stand in it.
enum DownloadSource { case registration, rekey }

extension PolicyCoding {
    /// Reads a GSA payload with every rule of RFC 9838 4.4: transforms exactly once, attributes as their tables say, one
    /// multicast destination for the Rekey SA.
    static func decode(
        _ payload: GSAPayload, from source: DownloadSource
    ) throws(DownloadRefusal) -> GroupSecurityAssociation {
        var rekey: RekeySAPolicy?
        var data: [DataSAPolicy] = []
        for policy in payload.policies {
            switch policy.securityProtocol {
            case .gikeUpdate: rekey = try decodeRekey(policy, source)
            case .esp:
                let decoded = try decodeData(policy)
                guard !data.contains(where: { $0.spi == decoded.spi }) else {
                    throw .policy("ESP SPI \(decoded.spi) twice")
                }
                data.append(decoded)
            default: throw .policy("protocol \(policy.securityProtocol) is not one this member installs")
            }
        }
        guard rekey != nil || !data.isEmpty else { throw .policy("neither a Rekey SA nor a Data-Security SA") }
        guard data.count <= KeyingLimits.dataSAs else { throw .policy("more than \(KeyingLimits.dataSAs) SAs") }
        // With multicast rekey every substructure says how long its SA lives (RFC 9838 4.4.2.2.1).
        if source == .rekey || rekey != nil {
            let lifetimes = (rekey.map { [$0.lifetime] } ?? []) + data.map(\.lifetime)
            guard !lifetimes.contains(nil) else { throw .policy("no GSA_KEY_LIFETIME") }
        }
        return GroupSecurityAssociation(rekey: rekey, data: data, groupWide: try decode(payload.groupWide ?? []))
    }

    private static func decodeRekey(
        _ policy: GroupSAPolicySubstructure, _ source: DownloadSource
    ) throws(DownloadRefusal) -> RekeySAPolicy {
        var transforms = TransformPicker(policy.transforms)
        let suite = try transforms.takeSuite()
        let wrapID = try transforms.takeOne(.keyWrapAlgorithm)
        let gcauth = try transforms.takeOptional(.groupControllerAuthentication)
        try transforms.expectNoneLeft()
        let keyWrap = KeyWrapID(rawValue: wrapID.id)
        guard keyWrap.keyOctets != nil else { throw .policy("key wrap algorithm \(keyWrap)") }
        guard (gcauth == nil) == (source == .rekey) else { throw .policy("GCAUTH belongs to registrations only") }
        let destination = policy.destination
        guard destination.isSingleAddress, destination.first.isMulticast, destination.isSinglePort,
            destination.ipProtocol == TrafficSelector.udp
        else { throw .policy("the Rekey SA's destination is not one multicast address and UDP port") }
        guard let spi = RekeySPI(octets: policy.spi) else { throw .policy("Rekey SA SPI") }
        let attributes = try AttributePicker(policy.attributes, for: .gikeUpdate)
        var nextSPIs: [RekeySPI] = []
        for octets in attributes.nextSPIs {
            guard let next = RekeySPI(octets: octets) else { throw .policy("GSA_NEXT_SPI has the wrong size") }
            nextSPIs.append(next)
        }
        return RekeySAPolicy(
            spi: spi, source: policy.source, destination: destination, suite: suite, keyWrap: keyWrap,
            authentication: try gcauth.map(decodeAuthentication), lifetime: attributes.lifetime,
            initialMessageID: attributes.initialMessageID, nextSPIs: nextSPIs)
    }

    private static func decodeAuthentication(
        _ transform: Transform
    ) throws(DownloadRefusal) -> GroupControllerAuthentication {
        let algorithms = transform.attributes.filter { $0.type == .signatureAlgorithmIdentifier }
        switch GroupControllerAuthenticationID(rawValue: transform.id) {
        case .implicit:
            guard algorithms.isEmpty else { throw .policy("implicit GCAUTH with a signature algorithm") }
            return .implicit
        case .digitalSignature:
            guard algorithms.count == 1, case .octets(let algorithm) = algorithms[0].value,
                SignatureScheme(algorithmIdentifier: algorithm) != nil
            else { throw .policy("GCAUTH wants one signature algorithm that is known here") }
            return .digitalSignature(algorithmIdentifier: algorithm)
        default: throw .policy("GCAUTH \(transform.id)")
        }
    }

    private static func decodeData(_ policy: GroupSAPolicySubstructure) throws(DownloadRefusal) -> DataSAPolicy {
        var transforms = TransformPicker(policy.transforms)
        let suite = try transforms.takeSuite()
        let numbers = SequenceNumbersID(rawValue: try transforms.takeOne(.sequenceNumbers).id)
        try transforms.expectNoneLeft()
        // Partially transmitted 64-bit numbers are not for multicast (RFC 9838 4.4.2.1.3).
        guard numbers == .sequential32 || numbers == .unspecified32 else {
            throw .policy("sequence numbers \(numbers)")
        }
        guard policy.source.first.isIPv4 == policy.destination.first.isIPv4 else { throw .policy("address families") }
        let spi = policy.spi.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard spi >= ESPSPI.firstUsable else { throw .policy("ESP SPI \(spi) is reserved") }
        let attributes = try AttributePicker(policy.attributes, for: .esp)
        guard attributes.initialMessageID == nil else { throw .policy("GSA_INITIAL_MESSAGE_ID on a data SA") }
        var nextSPIs: [ESPSPI] = []
        for octets in attributes.nextSPIs {
            guard octets.count == 4 else { throw .policy("GSA_NEXT_SPI has the wrong size") }
            nextSPIs.append(ESPSPI(rawValue: octets.reduce(0) { $0 << 8 | UInt32($1) }))
        }
        return DataSAPolicy(
            spi: ESPSPI(rawValue: spi), source: policy.source, destination: policy.destination, suite: suite,
            sequenceNumbers: numbers, lifetime: attributes.lifetime, nextSPIs: nextSPIs)
    }

    private static func decode(_ attributes: [GroupAttribute]) throws(DownloadRefusal) -> GroupWidePolicy {
        var policy = GroupWidePolicy()
        for attribute in attributes {
            let type = GroupWidePolicyAttributeType(rawValue: attribute.type)
            guard [.activationTimeDelay, .deactivationTimeDelay, .senderIDBits].contains(type) else { continue }
            guard case .short(let value) = attribute.value else { throw .policy("\(type) is not a TV") }
            switch type {
            case .activationTimeDelay where policy.activationTimeDelay == nil: policy.activationTimeDelay = value
            case .deactivationTimeDelay where policy.deactivationTimeDelay == nil: policy.deactivationTimeDelay = value
            case .senderIDBits where policy.senderIDWidth == nil:
                guard let width = SenderIDWidth(bits: value) else { throw .policy("GWP_SENDER_ID_BITS \(value)") }
                policy.senderIDWidth = width
            default: throw .policy("\(type) twice")
            }
        }
        return policy
    }
}

/// Takes transforms of a policy one by one; what is left over or there twice refuses the policy.
private struct TransformPicker {
    private var left: [Transform]
    init(_ transforms: [Transform]) { left = transforms }

    mutating func takeOptional(_ type: TransformType) throws(DownloadRefusal) -> Transform? {
        let found = left.filter { $0.type == type }
        guard found.count <= 1 else { throw .policy("\(type) twice") }
        left.removeAll { $0.type == type }
        return found.first
    }

    mutating func takeOne(_ type: TransformType) throws(DownloadRefusal) -> Transform {
        guard let transform = try takeOptional(type) else { throw .policy("no \(type)") }
        return transform
    }

    mutating func takeSuite() throws(DownloadRefusal) -> ProtectionSuite {
        let cipher = try takeOne(.encryption)
        let integrity = try takeOptional(.integrity)
        let suite = ProtectionSuite(
            encryption: EncryptionID(rawValue: cipher.id), keyBits: cipher.keyBits,
            integrity: IntegrityID(rawValue: integrity?.id ?? 0))
        guard let suite else { throw .policy("cipher \(EncryptionID(rawValue: cipher.id)) with its integrity") }
        return suite
    }

    func expectNoneLeft() throws(DownloadRefusal) {
        if let transform = left.first { throw .policy("\(transform.type) does not belong here") }
    }
}

/// Group SA attributes (RFC 9838 4.4.2.2). Unknown private ones are ignored, other unknown ones refuse the policy
/// (fact sheet B.4-19).
private struct AttributePicker {
    private(set) var lifetime: Lifetime?
    private(set) var initialMessageID: MessageID?
    private(set) var nextSPIs: [[UInt8]] = []

    init(_ attributes: [GroupAttribute], for securityProtocol: SecurityProtocol) throws(DownloadRefusal) {
        for attribute in attributes {
            guard attribute.type < 16_384 else { continue }
            let type = GroupSAAttributeType(rawValue: attribute.type)
            guard case .octets(let octets) = attribute.value else { throw .policy("\(type) is not a TLV") }
            switch type {
            case .keyLifetime where octets.count == 4 && lifetime == nil:
                lifetime = Lifetime(seconds: Self.number(octets))
            case .initialMessageID where octets.count == 4 && initialMessageID == nil:
                initialMessageID = MessageID(rawValue: Self.number(octets))
            case .nextSPI: nextSPIs.append(octets)
            default: throw .policy("attribute \(type) of \(securityProtocol)")
            }
        }
    }

    private static func number(_ octets: [UInt8]) -> UInt32 { octets.reduce(0) { $0 << 8 | UInt32($1) } }
}
