import NIOCore

/// The bounds of everything that the store is asked for or may answer.
package enum StoreLimits {
    /// One request and its whole reply.
    package static let request: Duration = .seconds(2)
    /// One transaction, from BEGIN to the answer to COMMIT.
    package static let transaction: Duration = .seconds(5)
    /// The transaction that reads everything; each of its requests is still under `request`.
    package static let lead: Duration = .seconds(60)
    /// ASSIGN answers when the node has caught up; shorter than `authoritySilence`, and asked again when it was not enough.
    package static let assignment: Duration = .seconds(4)
    /// How long a writer waits for the lock that a dying connection still holds.
    package static let lockWait: Duration = .seconds(1)
    package static let lockRetry: Duration = .milliseconds(10)
    /// How long `close()` waits for the transaction that is under way.
    package static let farewell: Duration = .seconds(2)

    /// How often a disk is tried, how long a write may take, and how much must stay free.
    static let diskLook: Duration = .seconds(1)
    static let diskWrite: Duration = .seconds(3)
    static let diskProbeOctets = 16 << 10
    static let diskReserve: Int64 = 64 << 20

    /// Octets of one message; rows come in parts of about a page, so this bounds one row.
    static let messageOctets = 16 << 20
    /// Octets of a whole reply in all its parts.
    static let replyOctets = 256 << 20
    static let columns: UInt64 = 64
    static let clusterNodes: UInt64 = 64
    static let dumpFiles: UInt64 = 16
    static let nameOctets = 1 << 10
    /// Rows that one SELECT of `lead()` asks for.
    static let page: Int64 = 4096
    static let parameters = 32_000

    /// Records of the audit trail in one page, above which the page ends.
    static let auditPageOctets = 4 << 20

    /// Rows in one INSERT: few shapes, so that each is prepared once per connection.
    static let insertShapes = [64, 16, 4, 1]
    static let datagramsPerOrder: UInt32 = 65_535
    static let senderIDs = 1 << 16

    /// What a leading node spends on giving the leadership away before it ends; a voter that is gone costs an election timeout.
    static let handOver: Duration = .seconds(1)

    /// What a peer may send before it is known: version and CONNECT.
    static let greetingOctets = 512
    static let greeting: TimeAmount = .seconds(2)
    static let peerDial: TimeAmount = .milliseconds(900)
    static let peerConnections = 64
    /// Connections whose certificate is not known yet, apart from those of peers, and how long each may stay so.
    static let unprovedConnections = 64
    static let handshake: TimeAmount = .seconds(1)
    /// How long a node without a log goes on asking its peers, and how often.
    static let firstStart: Duration = .seconds(5)
    static let firstStartRetry: Duration = .milliseconds(100)
    /// Looks at the own node, without a leader, until the peers are asked who is in the log.
    static let hearsayRounds = 10
    static let authorityConnections = 32
    /// A connection of the authority without an octet either way for so long is dropped, and with it its transaction.
    static let authoritySilence: TimeAmount = .seconds(5)
}
