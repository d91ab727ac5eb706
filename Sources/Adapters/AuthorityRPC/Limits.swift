/// The bounds of this room: what one message or one peer may bring.
package enum Limits {
    /// Requests or answers in one message; longer lists are cut into several messages.
    package static let batchItems = 1024
    /// Octets of grants or orders after which a batch is cut.
    static let batchOctets = 1 << 20
    /// One message, either way. Also the largest operator reply.
    static let messageOctets = 16 << 20
    /// Names of processes, groups, nodes, counters.
    static let nameOctets = 255
    /// Reasons, problems, details.
    static let textOctets = 4096
    /// One payload body, key or datagram.
    static let octetsPerField = 65_535
    static let identityOctets = 4096
    static let proposals = 64
    static let transformsPerProposal = 255
    static let attributesPerTransform = 32
    static let notifies = 64
    static let failedAuthentications = 64
    static let datagramsPerOrder = 1024
    static let counters = 256
    /// Nodes of the replicated log, and a name of one.
    static let logNodes = 64
    static let nodeNameOctets = 64
    static let dataSAs = 256
    static let rules = 4096
    static let faults = 1024
    static let lines = 4096
    /// Rows of one operator reply.
    static let rows = 100_000
    static let frontends = 1024
    static let senderIDsPerMember = 4096
    /// Registrations without an answer on one stream: a client answers `.unavailable` above it, a server ends the stream.
    package static let outstandingRegistrations = 65_536
}
