package import IKEVocabulary
import IKEWire

/// The notifies of rekeys without SA payload (draft-ietf-ipsecme-ikev2-sa-ts-payloads-opt). IANA has not assigned numbers yet.
package struct OptimizedRekeyNumbers: Hashable, Sendable {
    /// OPTIMIZED_REKEY_SUPPORTED: no data.
    package let supported: NotifyType
    /// OPTIMIZED_REKEY: the sender's new SPI, 8 octets for an IKE SA.
    package let rekey: NotifyType

    package init(supported: NotifyType, rekey: NotifyType) {
        self.supported = supported
        self.rekey = rekey
    }

    /// From a pair of numbers; nil for anything else.
    package init?(_ numbers: [UInt16]?) {
        guard let numbers, numbers.count == 2 else { return nil }
        self.init(supported: NotifyType(rawValue: numbers[0]), rekey: NotifyType(rawValue: numbers[1]))
    }

    /// Numbers of the private range mean this to whoever sent our Vendor ID and to nobody else (RFC 7296 3.10.1).
    private var arePrivate: Bool { max(supported.rawValue, rekey.rawValue) >= Self.firstPrivateNumber }
    private static let firstPrivateNumber: UInt16 = 40_960

    /// - Parameter knowsExtensions: the peer sent our Vendor ID.
    func maySpeak(toWhoKnows knowsExtensions: Bool) -> Bool { knowsExtensions || !arePrivate }
}

/// A request to rekey an IKE SA: SA, Ni, KEi (RFC 7296 1.3.2), or N(OPTIMIZED_REKEY), Ni, KEi.
struct RekeyOffer: Sendable {
    enum Form: Sendable {
        /// IKE proposals, each with a new SPI of the other end.
        case regular([Proposal])
        /// The algorithms stay; only the SPI is new.
        case optimized(IKESPI)
    }

    let form: Form
    let nonce: [UInt8]
    let exchange: KeyExchangePayload
}

/// What a CREATE_CHILD_SA request asks for (RFC 7296 1.3).
enum ChildRequest {
    case rekeyIKE(RekeyOffer)
    /// A Child SA; there are none here.
    case newChild
    /// To rekey a Child SA that does not exist: CHILD_SA_NOT_FOUND names it (RFC 7296 2.25).
    case rekeyChild(NotifyPayload)
    /// To rekey the IKE SA in a way that was not agreed on.
    case unknownForm
    case unreadable

    /// - Parameter optimized: the number of OPTIMIZED_REKEY, when both ends announced it.
    init(_ chain: PayloadChain, optimized: NotifyType?) {
        var proposals: [Proposal]?
        var exchange: KeyExchangePayload?
        var nonce: [UInt8]?
        var hasSelectors = false
        for payload in chain.payloads {
            switch payload {
            case .securityAssociation(let offered): proposals = offered
            case .keyExchange(let offered): exchange = offered
            case .nonce(let octets): nonce = octets
            case .trafficSelectorsInitiator, .trafficSelectorsResponder: hasSelectors = true
            default: continue
            }
        }
        if let named = chain.notify(.rekeySA) {
            self = .rekeyChild(named)
            return
        }
        let notify = optimized.flatMap { chain.notify($0) }
        let forIKE = (proposals ?? []).filter { $0.securityProtocol == .ike }
        guard notify != nil || !forIKE.isEmpty else {
            self = proposals == nil && exchange != nil && !hasSelectors ? .unknownForm : .newChild
            return
        }
        guard let exchange, let nonce, !hasSelectors else {
            self = .unreadable
            return
        }
        if !forIKE.isEmpty {
            let allNamed = forIKE.count == proposals?.count && forIKE.allSatisfy { IKESPI(new: $0.spi) != nil }
            self = allNamed ? .rekeyIKE(.init(form: .regular(forIKE), nonce: nonce, exchange: exchange)) : .unreadable
        } else if proposals == nil, let spi = notify.flatMap({ IKESPI(new: $0.data) }) {
            self = .rekeyIKE(RekeyOffer(form: .optimized(spi), nonce: nonce, exchange: exchange))
        } else {
            self = .unreadable
        }
    }

    /// The error that answers what is no rekey of the IKE SA; nil: INVALID_SYNTAX, which ends the SA.
    var refusal: NotifyPayload? {
        switch self {
        case .newChild: NotifyPayload(.noAdditionalSAs)
        case .rekeyChild(let named):
            NotifyPayload(.childSANotFound, securityProtocol: named.securityProtocol, spi: named.spi)
        case .unknownForm: NotifyPayload(.noProposalChosen)
        case .rekeyIKE, .unreadable: nil
        }
    }
}

extension IKESPI {
    /// An SPI for a new IKE SA: 8 octets, not all zero.
    init?(new octets: [UInt8]) {
        guard octets.count == 8, octets.contains(where: { $0 != 0 }) else { return nil }
        self.init(rawValue: octets.reduce(0) { $0 << 8 | UInt64($1) })
    }
}
