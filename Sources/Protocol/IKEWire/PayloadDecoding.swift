package import IKEVocabulary
package import Octets

/// Why a chain of payloads cannot be used.
package enum PayloadError: Error, Hashable, Sendable {
    /// INVALID_SYNTAX, where an answer is due.
    case malformed(WireError)
    /// UNSUPPORTED_CRITICAL_PAYLOAD with this type as its data (RFC 7296 2.5).
    case unsupportedCritical(UInt8)
}

/// The payloads of a message, or those inside SK.
package struct PayloadChain: Hashable, Sendable {
    package var payloads: [Payload]
    package init(_ payloads: [Payload]) { self.payloads = payloads }
}

extension Payload {
    /// Decodes one body. Types this house does not read become `.raw`; with the critical bit they are refused by the chain.
    package init(_ type: PayloadType, isCritical: Bool, decoding reader: OctetReader) throws(WireError) {
        var reader = reader
        switch type {
        case .securityAssociation: self = .securityAssociation(try ProposalCoding.decode(&reader))
        case .keyExchange:
            let method = KeyExchangeMethod(rawValue: try reader.readUInt16("KE method"))
            try reader.skip(2, "KE reserved")
            self = .keyExchange(KeyExchangePayload(method: method, data: reader.readRemaining()))
        case .identificationInitiator: self = .identificationInitiator(try Identity(decoding: &reader))
        case .identificationResponder: self = .identificationResponder(try Identity(decoding: &reader))
        case .identificationGroup: self = .identificationGroup(try Identity(decoding: &reader))
        case .certificate: self = .certificate(try CertificatePayload(decoding: &reader))
        case .certificateRequest: self = .certificateRequest(try CertificatePayload(decoding: &reader))
        case .authentication:
            let method = AuthenticationMethod(rawValue: try reader.readUInt8("AUTH method"))
            try reader.skip(3, "AUTH reserved")
            self = .authentication(AuthenticationPayload(method: method, octets: reader.readRemaining()))
        case .nonce:
            guard WireLimits.nonceOctets.contains(reader.remaining) else { throw reader.error(.badLength, "nonce") }
            self = .nonce(reader.readRemaining())
        case .notify: self = .notify(try NotifyPayload(decoding: &reader))
        case .delete: self = .delete(try DeletePayload(decoding: &reader))
        case .vendorID: self = .vendorID(reader.readRemaining())
        case .trafficSelectorInitiator: self = .trafficSelectorsInitiator(try TrafficSelectorPayload(decoding: &reader))
        case .trafficSelectorResponder: self = .trafficSelectorsResponder(try TrafficSelectorPayload(decoding: &reader))
        case .groupSecurityAssociation: self = .groupSecurityAssociation(try GSAPayload(decoding: &reader))
        case .keyDownload: self = .keyDownload(try KeyDownloadPayload(decoding: &reader))
        default: self = .raw(RawPayload(type: type, isCritical: isCritical, body: reader.readRemaining()))
        }
    }

    /// The body without its generic header.
    package func encodeBody(into writer: inout OctetWriter) {
        switch self {
        case .securityAssociation(let proposals): ProposalCoding.encode(proposals, into: &writer)
        case .keyExchange(let exchange):
            writer.writeUInt16(exchange.method.rawValue)
            writer.writeZeros(2)
            writer.write(exchange.data)
        case .identificationInitiator(let identity), .identificationResponder(let identity),
            .identificationGroup(let identity):
            identity.encode(into: &writer)
        case .certificate(let certificate), .certificateRequest(let certificate):
            writer.writeUInt8(certificate.encoding.rawValue)
            writer.write(certificate.octets)
        case .authentication(let authentication):
            writer.writeUInt8(authentication.method.rawValue)
            writer.writeZeros(3)
            writer.write(authentication.octets)
        case .nonce(let octets), .vendorID(let octets): writer.write(octets)
        case .notify(let notify): notify.encode(into: &writer)
        case .delete(let delete): delete.encode(into: &writer)
        case .trafficSelectorsInitiator(let selectors), .trafficSelectorsResponder(let selectors):
            selectors.encode(into: &writer)
        case .groupSecurityAssociation(let policy): policy.encode(into: &writer)
        case .keyDownload(let download): download.encode(into: &writer)
        case .raw(let raw): writer.write(raw.body)
        }
    }

    var isCritical: Bool { if case .raw(let raw) = self { raw.isCritical } else { false } }

    /// True for the types `init(_:isCritical:decoding:)` reads.
    static func isKnown(_ type: PayloadType) -> Bool {
        switch type.rawValue {
        case 33...45, 50...52: true
        default: false
        }
    }
}

extension PayloadChain {
    /// Decodes payloads from `first` until Next Payload is 0; nothing may follow.
    ///
    ///     generic header: next payload (1) | C, reserved (1) | length (2, of all) | body
    package init(first: PayloadType, decoding reader: OctetReader) throws(PayloadError) {
        var reader = reader
        var payloads: [Payload] = []
        var type = first
        while type != .none {
            guard payloads.count < WireLimits.payloads else { throw .malformed(reader.error(.tooMany, "payloads")) }
            let next = try Self.decodeNext(&type, &reader)
            payloads.append(next)
        }
        guard reader.isAtEnd else { throw .malformed(reader.error(.trailingOctets, "message")) }
        self.payloads = payloads
    }

    /// Decodes the payload of `type` and moves `type` on to what follows it.
    private static func decodeNext(_ type: inout PayloadType, _ reader: inout OctetReader) throws(PayloadError)
        -> Payload
    {
        let (current, isCritical, body): (PayloadType, Bool, OctetReader)
        do throws(WireError) {
            current = type
            type = PayloadType(rawValue: try reader.readUInt8("next payload"))
            isCritical = try reader.readUInt8("critical bit") & 0x80 != 0
            body = try reader.readReader(try reader.readLength16("payload length", including: 4), "payload body")
        } catch {
            throw .malformed(error)
        }
        guard !isCritical || Payload.isKnown(current) else { throw .unsupportedCritical(current.rawValue) }
        do throws(WireError) {
            return try Payload(current, isCritical: isCritical, decoding: body)
        } catch {
            throw .malformed(error)
        }
    }

    package init(first: PayloadType, octets: [UInt8]) throws(PayloadError) {
        try self.init(first: first, decoding: OctetReader(octets))
    }

    package var first: PayloadType { payloads.first?.type ?? .none }

    package func encode() -> [UInt8] {
        var writer = OctetWriter(reserving: 512)
        encode(into: &writer)
        return writer.octets
    }

    package func encode(into writer: inout OctetWriter) {
        for (index, payload) in payloads.enumerated() {
            let next = index + 1 < payloads.count ? payloads[index + 1].type : .none
            writer.writeUInt8(next.rawValue)
            writer.writeUInt8(payload.isCritical ? 0x80 : 0)
            writer.writeLength16(including: 4) { payload.encodeBody(into: &$0) }
        }
    }
}
