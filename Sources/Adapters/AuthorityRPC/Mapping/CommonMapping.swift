import Foundation
package import GroupModel
package import IKEVocabulary

// Values that several services carry, both ways.

extension Identity {
    package init(_ wire: Gcks_V1_Identity) throws(ContractError) {
        self.init(
            type: IDType(rawValue: try narrowed(wire.type, "Identity.type")),
            octets: try checkedOctets(wire.octets, "Identity.octets", atMost: Limits.identityOctets))
    }
}

extension Gcks_V1_Identity {
    package init(_ identity: Identity) {
        self.init()
        type = UInt32(identity.type.rawValue)
        octets = Data(identity.octets)
    }
}

extension Endpoint {
    package init(_ wire: Gcks_V1_Endpoint) throws(ContractError) {
        let octets = try checkedOctets(wire.address, "Endpoint.address", atMost: 16)
        let address = try required(IPAddress(octets: octets), "Endpoint.address")
        self.init(address, port: try narrowed(wire.port, "Endpoint.port"))
    }
}

extension Gcks_V1_Endpoint {
    package init(_ endpoint: Endpoint) {
        self.init()
        address = Data(endpoint.address.octets)
        port = UInt32(endpoint.port)
    }
}

extension TrafficSelector {
    package init(_ wire: Gcks_V1_TrafficSelector) throws(ContractError) {
        let field = "TrafficSelector"
        let first = IPAddress(octets: try checkedOctets(wire.first, "TrafficSelector.first", atMost: 16))
        let last = IPAddress(octets: try checkedOctets(wire.last, "TrafficSelector.last", atMost: 16))
        let selector = TrafficSelector(
            first: try required(first, "TrafficSelector.first"), last: try required(last, "TrafficSelector.last"),
            ipProtocol: try narrowed(wire.ipProtocol, "TrafficSelector.ip_protocol"),
            firstPort: try narrowed(wire.firstPort, "TrafficSelector.first_port"),
            lastPort: try narrowed(wire.lastPort, "TrafficSelector.last_port"))
        self = try required(selector, field)
    }
}

extension Gcks_V1_TrafficSelector {
    package init(_ selector: TrafficSelector) {
        self.init()
        first = Data(selector.first.octets)
        last = Data(selector.last.octets)
        ipProtocol = UInt32(selector.ipProtocol)
        firstPort = UInt32(selector.firstPort)
        lastPort = UInt32(selector.lastPort)
    }
}

extension ProtectionSuite {
    package init(_ wire: Gcks_V1_ProtectionSuite) throws(ContractError) {
        let field = "ProtectionSuite"
        let suite = ProtectionSuite(
            encryption: EncryptionID(rawValue: try narrowed(wire.encryption, "ProtectionSuite.encryption")),
            keyBits: wire.hasKeyBits ? try narrowed(wire.keyBits, "ProtectionSuite.key_bits") : nil,
            integrity: IntegrityID(rawValue: try narrowed(wire.integrity, "ProtectionSuite.integrity")))
        self = try required(suite, field)
    }
}

extension Gcks_V1_ProtectionSuite {
    package init(_ suite: ProtectionSuite) {
        self.init()
        encryption = UInt32(suite.encryption.rawValue)
        if let bits = suite.keyBits { keyBits = UInt32(bits) }
        integrity = UInt32(suite.integrity.rawValue)
    }
}

extension MemberAuthentication {
    package init(_ wire: Gcks_V1_MemberAuthentication) throws(ContractError) {
        self = try closedEnum(
            wire, "MemberAuthentication", among: [.sharedKey, .signature], Gcks_V1_MemberAuthentication.init)
    }
}

extension Gcks_V1_MemberAuthentication {
    package init(_ authentication: MemberAuthentication) {
        switch authentication {
        case .sharedKey: self = .sharedKey
        case .signature: self = .signature
        }
    }
}

extension OperationID {
    init(wire: Data, _ field: String) throws(ContractError) {
        self = try required(OperationID(octets: try checkedOctets(wire, field, atMost: 40)), field)
    }
}

extension GroupName {
    init(wire: String, _ field: String) throws(ContractError) {
        self = try required(GroupName(wire), field)
    }
}
