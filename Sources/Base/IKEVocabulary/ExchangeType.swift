// Open registries: an unknown number survives a round trip. Numbers: IANA IKEv2 parameters and RFC 9838 section 9.

/// IKEv2 exchange types.
package struct ExchangeType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let ikeSAInit = ExchangeType(rawValue: 34)
    package static let ikeAuth = ExchangeType(rawValue: 35)
    package static let createChildSA = ExchangeType(rawValue: 36)
    package static let informational = ExchangeType(rawValue: 37)
    package static let ikeSessionResume = ExchangeType(rawValue: 38)
    package static let gsaAuth = ExchangeType(rawValue: 39)
    package static let gsaRegistration = ExchangeType(rawValue: 40)
    package static let gsaRekey = ExchangeType(rawValue: 41)
    package static let gsaInbandRekey = ExchangeType(rawValue: 42)
    package static let ikeIntermediate = ExchangeType(rawValue: 43)
    package static let ikeFollowupKE = ExchangeType(rawValue: 44)
}

extension ExchangeType: CustomStringConvertible {
    package var description: String {
        switch self {
        case .ikeSAInit: "ikeSAInit"
        case .ikeAuth: "ikeAuth"
        case .createChildSA: "createChildSA"
        case .informational: "informational"
        case .ikeSessionResume: "ikeSessionResume"
        case .gsaAuth: "gsaAuth"
        case .gsaRegistration: "gsaRegistration"
        case .gsaRekey: "gsaRekey"
        case .gsaInbandRekey: "gsaInbandRekey"
        case .ikeIntermediate: "ikeIntermediate"
        case .ikeFollowupKE: "ikeFollowupKE"
        default: "ExchangeType(\(rawValue))"
        }
    }
}
/// IKEv2 payload types (Next Payload field).
package struct PayloadType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let none = PayloadType(rawValue: 0)
    /// SA, and SAg of G-IKEv2.
    package static let securityAssociation = PayloadType(rawValue: 33)
    package static let keyExchange = PayloadType(rawValue: 34)
    package static let identificationInitiator = PayloadType(rawValue: 35)
    package static let identificationResponder = PayloadType(rawValue: 36)
    package static let certificate = PayloadType(rawValue: 37)
    package static let certificateRequest = PayloadType(rawValue: 38)
    package static let authentication = PayloadType(rawValue: 39)
    package static let nonce = PayloadType(rawValue: 40)
    package static let notify = PayloadType(rawValue: 41)
    package static let delete = PayloadType(rawValue: 42)
    package static let vendorID = PayloadType(rawValue: 43)
    package static let trafficSelectorInitiator = PayloadType(rawValue: 44)
    package static let trafficSelectorResponder = PayloadType(rawValue: 45)
    /// SK.
    package static let encrypted = PayloadType(rawValue: 46)
    package static let configuration = PayloadType(rawValue: 47)
    package static let eap = PayloadType(rawValue: 48)
    /// IDg.
    package static let identificationGroup = PayloadType(rawValue: 50)
    /// GSA.
    package static let groupSecurityAssociation = PayloadType(rawValue: 51)
    /// KD.
    package static let keyDownload = PayloadType(rawValue: 52)
    /// SKF (RFC 7383).
    package static let encryptedFragment = PayloadType(rawValue: 53)
    package static let puzzleSolution = PayloadType(rawValue: 54)
}

extension PayloadType: CustomStringConvertible {
    package var description: String {
        switch self {
        case .none: "none"
        case .securityAssociation: "securityAssociation"
        case .keyExchange: "keyExchange"
        case .identificationInitiator: "identificationInitiator"
        case .identificationResponder: "identificationResponder"
        case .certificate: "certificate"
        case .certificateRequest: "certificateRequest"
        case .authentication: "authentication"
        case .nonce: "nonce"
        case .notify: "notify"
        case .delete: "delete"
        case .vendorID: "vendorID"
        case .trafficSelectorInitiator: "trafficSelectorInitiator"
        case .trafficSelectorResponder: "trafficSelectorResponder"
        case .encrypted: "encrypted"
        case .configuration: "configuration"
        case .eap: "eap"
        case .identificationGroup: "identificationGroup"
        case .groupSecurityAssociation: "groupSecurityAssociation"
        case .keyDownload: "keyDownload"
        case .encryptedFragment: "encryptedFragment"
        case .puzzleSolution: "puzzleSolution"
        default: "PayloadType(\(rawValue))"
        }
    }
}
/// Security protocol identifiers.
package struct SecurityProtocol: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let none = SecurityProtocol(rawValue: 0)
    package static let ike = SecurityProtocol(rawValue: 1)
    package static let ah = SecurityProtocol(rawValue: 2)
    package static let esp = SecurityProtocol(rawValue: 3)
    /// GIKE_UPDATE, the Rekey SA.
    package static let gikeUpdate = SecurityProtocol(rawValue: 6)
}

extension SecurityProtocol: CustomStringConvertible {
    package var description: String {
        switch self {
        case .none: "none"
        case .ike: "ike"
        case .ah: "ah"
        case .esp: "esp"
        case .gikeUpdate: "gikeUpdate"
        default: "SecurityProtocol(\(rawValue))"
        }
    }
}
