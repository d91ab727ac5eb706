import DatagramIO
import IKEExchange
import IKEVocabulary

/// The sockets of this frontend, to find one in place of another frontend's.
struct OwnSockets: Sendable {
    private let sockets: [(endpoint: Endpoint, isEncapsulated: Bool)]

    init(_ bindings: [UnicastSockets.Binding], _ endpoints: [Endpoint]) {
        sockets = zip(endpoints, bindings).map { ($0, $1.isEncapsulated) }
    }

    /// The socket that does for the member behind `path` what the other frontend's did: of the same family, with or without the
    /// non-ESP marker, of the same port if there is one.
    func nearest(to path: DatagramPath) -> Endpoint? {
        let fitting = sockets.filter {
            $0.isEncapsulated == path.isEncapsulated && $0.endpoint.address.isIPv4 == path.remote.address.isIPv4
        }
        return (fitting.first { $0.endpoint.port == path.local.port } ?? fitting.first)?.endpoint
    }
}
