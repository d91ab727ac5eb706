import NIOCore

/// What a visitor of the admin listener can have. He is served one request and then hung up on.
enum AdminLimits {
    /// Of one connection, all he may send: request line, headers, nothing else.
    static let requestOctets = 8192
    static let connections = 16
    /// Beyond those, for visitors of this host only.
    static let connectionsKept = 4
    /// Connections that wait to be accepted, and that are accepted before anything else happens on the loop.
    static let backlog: CInt = 128
    static let acceptedAtOnce: UInt = 16
    /// From the first octet to the last of the answer.
    static let connectionLife = TimeAmount.seconds(10)
}
