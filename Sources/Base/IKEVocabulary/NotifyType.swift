// Open registries: an unknown number survives a round trip. Numbers: IANA IKEv2 parameters and RFC 9838 section 9.

/// Notify message types: errors below 16384, status from there on (RFC 7296 3.10.1).
package struct NotifyType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let unsupportedCriticalPayload = NotifyType(rawValue: 1)
    package static let invalidIKESPI = NotifyType(rawValue: 4)
    package static let invalidMajorVersion = NotifyType(rawValue: 5)
    package static let invalidSyntax = NotifyType(rawValue: 7)
    package static let invalidMessageID = NotifyType(rawValue: 9)
    package static let invalidSPI = NotifyType(rawValue: 11)
    package static let noProposalChosen = NotifyType(rawValue: 14)
    package static let invalidKEPayload = NotifyType(rawValue: 17)
    package static let authenticationFailed = NotifyType(rawValue: 24)
    package static let singlePairRequired = NotifyType(rawValue: 34)
    package static let noAdditionalSAs = NotifyType(rawValue: 35)
    package static let internalAddressFailure = NotifyType(rawValue: 36)
    package static let failedCPRequired = NotifyType(rawValue: 37)
    package static let tsUnacceptable = NotifyType(rawValue: 38)
    package static let invalidSelectors = NotifyType(rawValue: 39)
    package static let temporaryFailure = NotifyType(rawValue: 43)
    package static let childSANotFound = NotifyType(rawValue: 44)
    package static let invalidGroupID = NotifyType(rawValue: 45)
    package static let authorizationFailed = NotifyType(rawValue: 46)
    package static let stateNotFound = NotifyType(rawValue: 47)
    package static let tsMaxQueue = NotifyType(rawValue: 48)
    package static let registrationFailed = NotifyType(rawValue: 49)
    package static let initialContact = NotifyType(rawValue: 16384)
    package static let setWindowSize = NotifyType(rawValue: 16385)
    package static let additionalTSPossible = NotifyType(rawValue: 16386)
    package static let ipcompSupported = NotifyType(rawValue: 16387)
    package static let natDetectionSourceIP = NotifyType(rawValue: 16388)
    package static let natDetectionDestinationIP = NotifyType(rawValue: 16389)
    package static let cookie = NotifyType(rawValue: 16390)
    package static let useTransportMode = NotifyType(rawValue: 16391)
    package static let httpCertLookupSupported = NotifyType(rawValue: 16392)
    package static let rekeySA = NotifyType(rawValue: 16393)
    package static let espTFCPaddingNotSupported = NotifyType(rawValue: 16394)
    package static let nonFirstFragmentsAlso = NotifyType(rawValue: 16395)
    package static let mobikeSupported = NotifyType(rawValue: 16396)
    package static let redirectSupported = NotifyType(rawValue: 16406)
    package static let redirect = NotifyType(rawValue: 16407)
    package static let redirectedFrom = NotifyType(rawValue: 16408)
    package static let childlessIKEv2Supported = NotifyType(rawValue: 16418)
    package static let groupSender = NotifyType(rawValue: 16429)
    package static let ikev2FragmentationSupported = NotifyType(rawValue: 16430)
    package static let signatureHashAlgorithms = NotifyType(rawValue: 16431)
    package static let intermediateExchangeSupported = NotifyType(rawValue: 16438)
    /// Private, to peers that announced our Vendor ID: a sender's position on an SA.
    package static let esnReport = NotifyType(rawValue: 61442)
}

extension NotifyType: CustomStringConvertible {
    /// The registry's name, as people look it up.
    package var description: String {
        switch self {
        case .unsupportedCriticalPayload: "UNSUPPORTED_CRITICAL_PAYLOAD"
        case .invalidIKESPI: "INVALID_IKE_SPI"
        case .invalidMajorVersion: "INVALID_MAJOR_VERSION"
        case .invalidSyntax: "INVALID_SYNTAX"
        case .invalidMessageID: "INVALID_MESSAGE_ID"
        case .invalidSPI: "INVALID_SPI"
        case .noProposalChosen: "NO_PROPOSAL_CHOSEN"
        case .invalidKEPayload: "INVALID_KE_PAYLOAD"
        case .authenticationFailed: "AUTHENTICATION_FAILED"
        case .singlePairRequired: "SINGLE_PAIR_REQUIRED"
        case .noAdditionalSAs: "NO_ADDITIONAL_SAS"
        case .internalAddressFailure: "INTERNAL_ADDRESS_FAILURE"
        case .failedCPRequired: "FAILED_CP_REQUIRED"
        case .tsUnacceptable: "TS_UNACCEPTABLE"
        case .invalidSelectors: "INVALID_SELECTORS"
        case .temporaryFailure: "TEMPORARY_FAILURE"
        case .childSANotFound: "CHILD_SA_NOT_FOUND"
        case .invalidGroupID: "INVALID_GROUP_ID"
        case .authorizationFailed: "AUTHORIZATION_FAILED"
        case .stateNotFound: "STATE_NOT_FOUND"
        case .tsMaxQueue: "TS_MAX_QUEUE"
        case .registrationFailed: "REGISTRATION_FAILED"
        case .initialContact: "INITIAL_CONTACT"
        case .setWindowSize: "SET_WINDOW_SIZE"
        case .additionalTSPossible: "ADDITIONAL_TS_POSSIBLE"
        case .ipcompSupported: "IPCOMP_SUPPORTED"
        case .natDetectionSourceIP: "NAT_DETECTION_SOURCE_IP"
        case .natDetectionDestinationIP: "NAT_DETECTION_DESTINATION_IP"
        case .cookie: "COOKIE"
        case .useTransportMode: "USE_TRANSPORT_MODE"
        case .httpCertLookupSupported: "HTTP_CERT_LOOKUP_SUPPORTED"
        case .rekeySA: "REKEY_SA"
        case .espTFCPaddingNotSupported: "ESP_TFC_PADDING_NOT_SUPPORTED"
        case .nonFirstFragmentsAlso: "NON_FIRST_FRAGMENTS_ALSO"
        case .mobikeSupported: "MOBIKE_SUPPORTED"
        case .redirectSupported: "REDIRECT_SUPPORTED"
        case .redirect: "REDIRECT"
        case .redirectedFrom: "REDIRECTED_FROM"
        case .childlessIKEv2Supported: "CHILDLESS_IKEV2_SUPPORTED"
        case .groupSender: "GROUP_SENDER"
        case .ikev2FragmentationSupported: "IKEV2_FRAGMENTATION_SUPPORTED"
        case .signatureHashAlgorithms: "SIGNATURE_HASH_ALGORITHMS"
        case .intermediateExchangeSupported: "INTERMEDIATE_EXCHANGE_SUPPORTED"
        case .esnReport: "ESN_REPORT"
        default: "NotifyType(\(rawValue))"
        }
    }
}

extension NotifyType {
    package var isError: Bool { rawValue < 16384 }
}
