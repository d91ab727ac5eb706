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
        let least: Int
        let most: Int
    }

    typealias Row = [PayloadType: Rule]
    private static let one = Rule(least: 1, most: 1)
    private static let optional = Rule(least: 0, most: 1)
    private static let certificates = Rule(least: 0, most: 8)
    private static let requests = Rule(least: 0, most: 8)
    private static let deletes = Rule(least: 0, most: 16)

    private static func row(_ exchange: ExchangeType, isResponse: Bool) -> Row? {
        switch (exchange, isResponse) {
        case (.ikeSAInit, false):
            [.securityAssociation: one, .keyExchange: one, .nonce: one, .certificateRequest: requests]
        case (.ikeSAInit, true):
            // An error or a cookie comes without them; which of the two it is, the initiator decides.
            [
                .securityAssociation: optional, .keyExchange: optional, .nonce: optional,
                .certificateRequest: requests,
            ]
        case (.ikeAuth, false):
            [
                .identificationInitiator: one, .certificate: certificates, .certificateRequest: requests,
                .identificationResponder: optional, .authentication: one, .securityAssociation: optional,
                .trafficSelectorInitiator: optional, .trafficSelectorResponder: optional, .configuration: optional,
            ]
        case (.ikeAuth, true):
            [
                .identificationResponder: optional, .certificate: certificates, .authentication: optional,
                .securityAssociation: optional, .trafficSelectorInitiator: optional,
                .trafficSelectorResponder: optional, .configuration: optional,
            ]
        case (.gsaAuth, false):
            [
                .identificationInitiator: one, .certificate: certificates, .certificateRequest: requests,
                .identificationResponder: optional, .authentication: one, .identificationGroup: one,
                .securityAssociation: optional,
            ]
        case (.gsaAuth, true):
            [
                .identificationResponder: optional, .certificate: certificates, .authentication: optional,
                .groupSecurityAssociation: optional, .keyDownload: optional,
            ]
        case (.gsaRegistration, false): [.identificationGroup: one, .securityAssociation: optional]
        case (.gsaRegistration, true): [.groupSecurityAssociation: optional, .keyDownload: optional]
        case (.gsaRekey, false):
            // Deletes stand alone or beside the SAs that replace what they delete (RFC 9838 2.4.1).
            [
                .groupSecurityAssociation: optional, .keyDownload: optional, .delete: deletes,
                .authentication: optional,
            ]
        case (.gsaInbandRekey, false): [.groupSecurityAssociation: optional, .keyDownload: optional, .delete: deletes]
        case (.gsaInbandRekey, true): [:]
        case (.createChildSA, _):
            [
                .securityAssociation: optional, .nonce: optional, .keyExchange: optional,
                .trafficSelectorInitiator: optional, .trafficSelectorResponder: optional,
            ]
        case (.informational, _): [.delete: deletes, .configuration: optional]
        default: nil
        }
    }

    /// True when the message must be protected by SK or SKF; only IKE_SA_INIT is in the clear.
    package static func isProtected(_ exchange: ExchangeType) -> Bool { exchange != .ikeSAInit }

    /// - Throws: the first violation, by payload number. An exchange without a row is a violation of its own.
    package static func check(
        _ chain: PayloadChain, _ exchange: ExchangeType, isResponse: Bool, isProtected: Bool
    ) throws(RuleViolation) {
        guard let row = row(exchange, isResponse: isResponse) else {
            throw RuleViolation(exchange: exchange, payload: .none, problem: "no such message")
        }
        guard isProtected == Self.isProtected(exchange) else {
            throw RuleViolation(exchange: exchange, payload: .encrypted, problem: "wrong protection")
        }
        var counts: [PayloadType: Int] = [:]
        for payload in chain.payloads { counts[payload.type, default: 0] += 1 }
        for (type, count) in counts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard type != .notify, type != .vendorID, Payload.isKnown(type) || row[type] != nil else { continue }
            guard let rule = row[type] else {
                throw RuleViolation(exchange: exchange, payload: type, problem: "must not be here")
            }
            guard count <= rule.most else {
                throw RuleViolation(exchange: exchange, payload: type, problem: "too often")
            }
        }
        for (type, rule) in row.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where counts[type, default: 0] < rule.least {
            throw RuleViolation(exchange: exchange, payload: type, problem: "missing")
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
