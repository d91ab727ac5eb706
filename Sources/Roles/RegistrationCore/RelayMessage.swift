package import IKEVocabulary
import Octets

/// What frontends hand each other: an IKE message that arrived at one and belongs to another, or one of the other's that leaves
/// here.
///
///     | kind (1): 1 arrived, 2 arrived behind a non-ESP marker, 3 leaves | local | remote | IKE message |
///     local, remote: | family (1): 4 or 6 | address (4 or 16) | port (2) |
package struct RelayMessage: Hashable, Sendable {
    package enum Kind: UInt8, Hashable, Sendable { case arrived = 1, arrivedEncapsulated, leaves }

    package let kind: Kind
    /// The socket it arrived at or leaves from: the receiving frontend's.
    package let local: Endpoint
    package let remote: Endpoint
    package let message: [UInt8]

    package init(kind: Kind, local: Endpoint, remote: Endpoint, message: [UInt8]) {
        self.kind = kind
        self.local = local
        self.remote = remote
        self.message = message
    }

    /// Nil for what is not a message of this form, to a port nobody has, or not within `RelayLimits.messageOctets`.
    package init?(decoding octets: [UInt8]) {
        var reader = OctetReader(octets)
        guard let raw = try? reader.readUInt8("kind"), let kind = Kind(rawValue: raw),
            let local = Self.endpoint(&reader), let remote = Self.endpoint(&reader), local.port != 0, remote.port != 0,
            local.address.isIPv4 == remote.address.isIPv4, !remote.address.isMulticast,
            (1...RelayLimits.messageOctets).contains(reader.remaining)
        else { return nil }
        self.init(kind: kind, local: local, remote: remote, message: reader.readRemaining())
    }

    package func encode() -> [UInt8] {
        var writer = OctetWriter(reserving: message.count + 40)
        writer.writeUInt8(kind.rawValue)
        for endpoint in [local, remote] {
            writer.writeUInt8(endpoint.address.isIPv4 ? 4 : 6)
            writer.write(endpoint.address.octets)
            writer.writeUInt16(endpoint.port)
        }
        writer.write(message)
        return writer.octets
    }

    private static func endpoint(_ reader: inout OctetReader) -> Endpoint? {
        guard let family = try? reader.readUInt8("family"), family == 4 || family == 6,
            let octets = try? reader.readOctets(family == 4 ? 4 : 16, "address"),
            let address = IPAddress(octets: octets), let port = try? reader.readUInt16("port")
        else { return nil }
        return Endpoint(address, port: port)
    }
}

package enum RelayLimits {
    /// The largest IKE message that is handed on: within one UDP datagram with all that is put around it.
    package static let messageOctets = 65_000
}
