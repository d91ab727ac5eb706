package import IKEVocabulary

/// One payload of a message (RFC 7296 3.2, RFC 9838 4). Unknown types keep their octets, so that they survive a round trip.
package enum Payload: Hashable, Sendable {
    /// SA, and SAg of G-IKEv2 (the same number).
    case securityAssociation([Proposal])
    case keyExchange(KeyExchangePayload)
    case identificationInitiator(Identity)
    case identificationResponder(Identity)
    case identificationGroup(Identity)
    case certificate(CertificatePayload)
    case certificateRequest(CertificatePayload)
    case authentication(AuthenticationPayload)
    case nonce([UInt8])
    case notify(NotifyPayload)
    case delete(DeletePayload)
    case vendorID([UInt8])
    case trafficSelectorsInitiator(TrafficSelectorPayload)
    case trafficSelectorsResponder(TrafficSelectorPayload)
    case groupSecurityAssociation(GSAPayload)
    case keyDownload(KeyDownloadPayload)
    /// A payload of a type this house does not read, or a finished body that is placed as it is.
    case raw(RawPayload)

    package var type: PayloadType {
        switch self {
        case .securityAssociation: .securityAssociation
        case .keyExchange: .keyExchange
        case .identificationInitiator: .identificationInitiator
        case .identificationResponder: .identificationResponder
        case .identificationGroup: .identificationGroup
        case .certificate: .certificate
        case .certificateRequest: .certificateRequest
        case .authentication: .authentication
        case .nonce: .nonce
        case .notify: .notify
        case .delete: .delete
        case .vendorID: .vendorID
        case .trafficSelectorsInitiator: .trafficSelectorInitiator
        case .trafficSelectorsResponder: .trafficSelectorResponder
        case .groupSecurityAssociation: .groupSecurityAssociation
        case .keyDownload: .keyDownload
        case .raw(let raw): raw.type
        }
    }
}

/// KE (RFC 7296 3.4): method (2) | reserved (2) | data.
package struct KeyExchangePayload: Hashable, Sendable {
    package let method: KeyExchangeMethod
    package let data: [UInt8]

    package init(method: KeyExchangeMethod, data: [UInt8]) {
        self.method = method
        self.data = data
    }
}

/// CERT and CERTREQ (RFC 7296 3.6, 3.7): encoding (1) | data.
package struct CertificatePayload: Hashable, Sendable {
    package let encoding: CertificateEncoding
    package let octets: [UInt8]

    package init(encoding: CertificateEncoding = .x509Signature, octets: [UInt8]) {
        self.encoding = encoding
        self.octets = octets
    }
}

/// AUTH (RFC 7296 3.8): method (1) | reserved (3) | data.
package struct AuthenticationPayload: Hashable, Sendable {
    package let method: AuthenticationMethod
    package let octets: [UInt8]

    package init(method: AuthenticationMethod, octets: [UInt8]) {
        self.method = method
        self.octets = octets
    }
}

/// N (RFC 7296 3.10): protocol (1) | SPI size (1) | type (2) | SPI | data.
package struct NotifyPayload: Hashable, Sendable {
    package let securityProtocol: SecurityProtocol
    package let spi: [UInt8]
    package let type: NotifyType
    package let data: [UInt8]

    package init(
        _ type: NotifyType, data: [UInt8] = [], securityProtocol: SecurityProtocol = .none, spi: [UInt8] = []
    ) {
        self.securityProtocol = securityProtocol
        self.spi = spi
        self.type = type
        self.data = data
    }
}

/// D (RFC 7296 3.11, RFC 9838 4.6): protocol (1) | SPI size (1) | count (2) | SPIs.
///
/// Protocol 0 without SPIs means the whole group; a zero SPI of a protocol means every SA of it (fact sheet B.4-13).
package struct DeletePayload: Hashable, Sendable {
    package let securityProtocol: SecurityProtocol
    /// Each of the size that belongs to the protocol: none for IKE and the whole group, 4 for ESP and AH, 16 for GIKE_UPDATE.
    package let spis: [[UInt8]]

    package init(securityProtocol: SecurityProtocol, spis: [[UInt8]]) {
        self.securityProtocol = securityProtocol
        self.spis = spis
    }

    package static let ikeSA = DeletePayload(securityProtocol: .ike, spis: [])
    package static let wholeGroup = DeletePayload(securityProtocol: .none, spis: [])

    package static func esp(_ spis: [ESPSPI]) -> DeletePayload {
        DeletePayload(securityProtocol: .esp, spis: spis.map(\.octets))
    }

    package static func rekey(_ spis: [RekeySPI]) -> DeletePayload {
        DeletePayload(securityProtocol: .gikeUpdate, spis: spis.map(\.octets))
    }

    static func spiOctets(_ securityProtocol: SecurityProtocol) -> Int? {
        switch securityProtocol {
        case .none, .ike: 0
        case .ah, .esp: 4
        case .gikeUpdate: 16
        default: nil
        }
    }
}

/// TSi and TSr (RFC 7296 3.13): count (1) | reserved (3) | selectors. Selectors of unknown types are kept as octets.
package struct TrafficSelectorPayload: Hashable, Sendable {
    package enum Item: Hashable, Sendable {
        case selector(TrafficSelector)
        case unknown(TrafficSelectorType, ipProtocol: UInt8, octets: [UInt8])
    }

    package let items: [Item]
    package init(_ items: [Item]) { self.items = items }
    package init(_ selectors: [TrafficSelector]) { items = selectors.map { .selector($0) } }
}

package struct RawPayload: Hashable, Sendable {
    package let type: PayloadType
    package let isCritical: Bool
    package let body: [UInt8]

    package init(type: PayloadType, isCritical: Bool = false, body: [UInt8]) {
        self.type = type
        self.isCritical = isCritical
        self.body = body
    }
}
