package import GroupModel
package import IKEVocabulary

/// What an authority offers to its peers. `gcks-authority` implements it; `AuthorityServer` calls it.
///
/// The peer is authenticated and its role checked before any call. One call per batch, never one per registration.
package protocol AuthorityService: Sendable {
    /// A frontend connected. Refuse with `.notLeader` when another authority leads.
    func openRegistration(
        from peer: PeerIdentity, _ announcement: FrontendAnnouncement?
    ) async throws(StreamRefusal) -> any RegistrationSession

    /// A broadcaster connected. Refuse with `.notLeader` when another authority leads.
    func openBroadcast(from peer: PeerIdentity) async throws(StreamRefusal) -> any BroadcastSession

    /// An operator asks. A follower throws `.notLeader(hint)`; for `.status` too, its reachability is then told by the client.
    func operate(
        _ request: OperatorRequest, by peer: PeerIdentity
    ) async throws(OperatorFailure) -> OperatorReply

    /// For the health service: true when this process can answer, as leader or follower.
    func isServing() async -> Bool
}

/// Why a stream is not opened, or ends.
package enum StreamRefusal: Error, Hashable, Sendable {
    /// Ask the leader; its name when known.
    case notLeader(String?)
    case unavailable(String)
}

/// What a session hands to its stream.
package enum SessionOutput<Item: Sendable>: Sendable {
    case items([Item])
    /// The last output: the stream ends with this reason, for example when leadership is lost.
    case ended(StreamRefusal)
}

/// What a frontend is told.
package enum RegistrationOutput: Sendable {
    case answer(RegistrationAnswer)
    case fleet(FleetUpdate)
    /// These were taken out and belong to no group any more: their IKE SAs end now.
    case dismiss([Identity])
}

/// One frontend's stream. Many batches may be outstanding; answers come in any order, in batches as they are committed.
package protocol RegistrationSession: Sendable {
    /// Read once. Finishing it without `.ended` ends the stream as `.unavailable`.
    var outputs: AsyncStream<SessionOutput<RegistrationOutput>> { get }
    /// Must return soon: while it runs, nothing more is read from this frontend.
    func submit(_ requests: [RegistrationRequest]) async
    func heartbeat(_ counters: [String: Int64]) async
    /// Peers that did not prove who they are.
    func report(_ failures: [FailedAuthentication]) async
    /// The stream is gone; called exactly once, last.
    func close() async
}

/// What the leader tells a broadcaster.
package enum BroadcastOutput: Hashable, Sendable {
    case order(RekeyOrder)
    /// Another broadcaster has this order now: no further copies.
    case withdrawn(Int64)
}

/// One broadcaster's stream.
package protocol BroadcastSession: Sendable {
    /// Read once: first every order that is still to be sent, then new ones as they are committed.
    var orders: AsyncStream<SessionOutput<BroadcastOutput>> { get }
    /// The last copy of these orders has left.
    func acknowledge(_ numbers: [Int64]) async
    /// Copies of these orders do not leave there; they are tried on until they are withdrawn.
    func cannotSend(_ numbers: [Int64]) async
    func heartbeat(_ counters: [String: Int64]) async
    /// The stream is gone; called exactly once, last.
    func close() async
}
