package import IKEVocabulary

/// A payload where it must not stand, too often, or missing where it must.
package struct RuleViolation: Error, Hashable, Sendable {
    package let exchange: ExchangeType
    package let payload: PayloadType
    package let problem: String
}

/// Which payload must, may and must not appear in which message (RFC 7296 1.2-1.5 and 2, RFC 6023, RFC 9838 2.3, 2.4).
///
/// Notifies, Vendor IDs and unknown payloads may stand anywhere; the limits of the chain bound them.
package enum PayloadRules {
    struct Rule: Sendable {
        let payload: PayloadType
        let least: Int
        let most: Int
    }

    private static func one(_ payload: PayloadType) -> Rule { Rule(payload: payload, least: 1, most: 1) }
    private static func optional(_ payload: PayloadType) -> Rule { Rule(payload: payload, least: 0, most: 1) }
    private static let certificates = Rule(payload: .certificate, least: 0, most: 8)
    private static let requests = Rule(payload: .certificateRequest, least: 0, most: 8)
    private static let deletes = Rule(payload: .delete, least: 0, most: 16)

    private static let initRequest = [one(.securityAssociation), one(.keyExchange), one(.nonce), requests]
    /// An error or a cookie comes without them; which of the two it is, the initiator decides.
    private static let initResponse = [
        optional(.securityAssociation), optional(.keyExchange), optional(.nonce), requests,
    ]
    /// An initiator that leaves AUTH out asks for EAP (RFC 7296 2.16), which the exchange refuses.
    private static let ikeAuthRequest = [
        one(.identificationInitiator), certificates, requests, optional(.identificationResponder),
        optional(.authentication), optional(.securityAssociation), optional(.trafficSelectorInitiator),
        optional(.trafficSelectorResponder), optional(.configuration),
    ]
    private static let ikeAuthResponse = [
        optional(.identificationResponder), certificates, optional(.authentication), optional(.securityAssociation),
        optional(.trafficSelectorInitiator), optional(.trafficSelectorResponder), optional(.configuration),
    ]
    private static let gsaAuthRequest = [
        one(.identificationInitiator), certificates, requests, optional(.identificationResponder),
        optional(.authentication), one(.identificationGroup), optional(.securityAssociation),
    ]
    private static let gsaAuthResponse = [
        optional(.identificationResponder), certificates, optional(.authentication),
        optional(.groupSecurityAssociation), optional(.keyDownload),
    ]
    private static let gsaRegistrationRequest = [one(.identificationGroup), optional(.securityAssociation)]
    private static let gsaRegistrationResponse = [optional(.groupSecurityAssociation), optional(.keyDownload)]
    /// Deletes stand alone or beside the SAs that replace what they delete (RFC 9838 2.4.1).
    private static let gsaRekey = [
        optional(.groupSecurityAssociation), optional(.keyDownload), deletes, optional(.authentication),
    ]
    private static let gsaInbandRekey = [optional(.groupSecurityAssociation), optional(.keyDownload), deletes]
    private static let createChildSA = [
        optional(.securityAssociation), optional(.nonce), optional(.keyExchange), optional(.trafficSelectorInitiator),
        optional(.trafficSelectorResponder),
    ]
    private static let informational = [deletes, optional(.configuration)]

    private static func row(_ exchange: ExchangeType, isResponse: Bool) -> [Rule]? {
        switch (exchange, isResponse) {
        case (.ikeSAInit, false): initRequest
        case (.ikeSAInit, true): initResponse
        case (.ikeAuth, false): ikeAuthRequest
        case (.ikeAuth, true): ikeAuthResponse
        case (.gsaAuth, false): gsaAuthRequest
        case (.gsaAuth, true): gsaAuthResponse
        case (.gsaRegistration, false): gsaRegistrationRequest
        case (.gsaRegistration, true): gsaRegistrationResponse
        case (.gsaRekey, false): gsaRekey
        case (.gsaInbandRekey, false): gsaInbandRekey
        case (.gsaInbandRekey, true): []
        case (.createChildSA, _): createChildSA
        case (.informational, _): informational
        default: nil
        }
    }

    /// True when the message must be protected by SK or SKF; only IKE_SA_INIT is in the clear.
    package static func isProtected(_ exchange: ExchangeType) -> Bool { exchange != .ikeSAInit }

    /// - Throws: the first violation. An exchange without a row is a violation of its own.
    package static func check(
        _ chain: PayloadChain, _ exchange: ExchangeType, isResponse: Bool, isProtected: Bool
    ) throws(RuleViolation) {
        guard let row = row(exchange, isResponse: isResponse) else {
            throw RuleViolation(exchange: exchange, payload: .none, problem: "no such message")
        }
        guard isProtected == Self.isProtected(exchange) else {
            throw RuleViolation(exchange: exchange, payload: .encrypted, problem: "wrong protection")
        }
        for payload in chain.payloads {
            let type = payload.type
            let isFree = type == .notify || type == .vendorID || !Payload.isKnown(type)
            guard isFree || row.contains(where: { $0.payload == type }) else {
                throw RuleViolation(exchange: exchange, payload: type, problem: "must not be here")
            }
        }
        for rule in row {
            let count = chain.payloads.count { $0.type == rule.payload }
            guard count <= rule.most else {
                throw RuleViolation(exchange: exchange, payload: rule.payload, problem: "too often")
            }
            guard count >= rule.least else {
                throw RuleViolation(exchange: exchange, payload: rule.payload, problem: "missing")
            }
        }
    }
}

extension PayloadChain {
    package func notify(_ type: NotifyType) -> NotifyPayload? {
        for case .notify(let notify) in payloads where notify.type == type { return notify }
        return nil
    }

    package var firstError: NotifyPayload? {
        for case .notify(let notify) in payloads where notify.type.isError { return notify }
        return nil
    }
}
