package import IKEVocabulary
package import IKEWire
import Octets

/// Where a member is sent: the gateway identity of REDIRECT and REDIRECTED_FROM (RFC 5685 7.2, 7.3), addresses only.
///
///     | GW Ident Type (1): 1 IPv4, 2 IPv6 | GW Ident Len (1) | identity | nonce data (IKE_SA_INIT only) |
package struct RedirectGateway: Hashable, Sendable, CustomStringConvertible {
    package let address: IPAddress

    package init(_ address: IPAddress) { self.address = address }

    /// Nil for what is no address (names are not looked up), for an address nobody can be asked at, and for another nonce
    /// than `nonce`, which is empty where none belongs.
    package init?(decoding octets: [UInt8], nonce: [UInt8]) {
        var reader = OctetReader(octets)
        guard let type = try? reader.readUInt8("GW Ident Type"), let count = try? reader.readUInt8("GW Ident Len"),
            count == (type == 1 ? 4 : 16), type == 1 || type == 2,
            let identity = try? reader.readOctets(Int(count), "New Responder GW Identity"),
            let address = IPAddress(octets: identity), !address.isMulticast, !address.isUnspecified,
            reader.readRemaining() == nonce
        else { return nil }
        self.address = address
    }

    package var octets: [UInt8] {
        [address.isIPv4 ? 1 : 2, UInt8(truncatingIfNeeded: address.octets.count)] + address.octets
    }

    package var description: String { address.description }
}

package enum Redirection {
    /// What an initiator says: that it follows REDIRECT, or by whom it was sent, which says so too (RFC 5685 3, 4).
    static func announcement(from gateway: RedirectGateway?) -> Payload {
        guard let gateway else { return .notify(NotifyPayload(.redirectSupported)) }
        return .notify(NotifyPayload(.redirectedFrom, data: gateway.octets))
    }

    static func isSupported(_ chain: PayloadChain) -> Bool {
        chain.notify(.redirectSupported) != nil || chain.notify(.redirectedFrom) != nil
    }

    /// Answers an IKE_SA_INIT request with REDIRECT, keeping nothing (RFC 5685 3).
    ///
    /// - Returns: nil when the initiator does not follow REDIRECT, or the request is none that would be answered.
    package static func answer(to message: FramedMessage, gateway: RedirectGateway) -> [UInt8]? {
        guard case .clear(let reader) = message.body, message.header.majorVersion == 2,
            message.header.initiatorSPI != .zero,
            let chain = try? PayloadChain(first: message.header.nextPayload, decoding: reader),
            (try? PayloadRules.check(chain, .ikeSAInit, isResponse: false, isProtected: false)) != nil,
            isSupported(chain)
        else { return nil }
        for case .nonce(let nonce) in chain.payloads {
            return InitialResponder.answer(message.header, .redirect, gateway.octets + nonce)
        }
        return nil
    }
}
