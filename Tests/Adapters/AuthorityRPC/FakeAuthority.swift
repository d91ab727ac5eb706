import AuthorityRPC
import GroupModel
import IKEVocabulary
import Synchronization

/// An authority that remembers what it was asked. As leader it grants every join with a grant that names its operation;
/// answers leave in reverse order.
final class FakeAuthority: AuthorityService {
    enum Mode: Sendable {
        case leader
        case follower(String?)
        /// Takes registrations and never answers.
        case silent
    }

    struct Seen: Sendable {
        var peers: [PeerIdentity] = []
        var operations: [OperationID] = []
        var frontends: Set<String> = []
        var batches = 0
        var counters: [String: Int64] = [:]
        var acknowledged: [Int64] = []
        var unsendable: [Int64] = []
        var failures: [FailedAuthentication] = []
        var announcements: [FrontendAnnouncement] = []
        var closed = 0
        var asked: [String] = []
    }

    private struct State {
        var mode: Mode
        var seen = Seen()
        var registrations: [AsyncStream<SessionOutput<RegistrationOutput>>.Continuation] = []
        var broadcasts: [AsyncStream<SessionOutput<BroadcastOutput>>.Continuation] = []
    }

    private let state: Mutex<State>
    private let orders: [RekeyOrder]
    private let reply: @Sendable (OperatorRequest) async -> Result<OperatorReply, OperatorFailure>

    init(
        _ mode: Mode, orders: [RekeyOrder] = [],
        reply: @escaping @Sendable (OperatorRequest) async -> Result<OperatorReply, OperatorFailure> = { _ in
            .success(.done(["did it"]))
        }
    ) {
        state = Mutex(State(mode: mode))
        self.orders = orders
        self.reply = reply
    }

    var seen: Seen { state.withLock { $0.seen } }

    /// To every broadcaster that is connected.
    func hand(_ outputs: [BroadcastOutput]) {
        for stream in state.withLock({ $0.broadcasts }) { stream.yield(.items(outputs)) }
    }

    /// Ends all streams as a leader that steps down does.
    func become(_ mode: Mode, hint: String?) {
        let (registrations, broadcasts) = state.withLock { state in
            state.mode = mode
            defer { (state.registrations, state.broadcasts) = ([], []) }
            return (state.registrations, state.broadcasts)
        }
        for stream in registrations { stream.yield(.ended(.notLeader(hint))) }
        for stream in broadcasts { stream.yield(.ended(.notLeader(hint))) }
    }

    /// Tells every frontend what the fleet is.
    func tell(_ update: FleetUpdate) {
        for stream in state.withLock({ $0.registrations }) { stream.yield(.items([.fleet(update)])) }
    }

    /// Tells every frontend who was taken out.
    func dismiss(_ members: [Identity]) {
        for stream in state.withLock({ $0.registrations }) { stream.yield(.items([.dismiss(members)])) }
    }

    func note(_ change: (inout Seen) -> Void) { state.withLock { change(&$0.seen) } }

    private func refusal() -> StreamRefusal? {
        state.withLock { state in
            if case .follower(let hint) = state.mode { .notLeader(hint) } else { nil }
        }
    }

    func openRegistration(
        from peer: PeerIdentity, _ announcement: FrontendAnnouncement?
    ) async throws(StreamRefusal) -> any RegistrationSession {
        if let announcement { note { $0.announcements.append(announcement) } }
        note { $0.peers.append(peer) }
        if let refusal = refusal() { throw refusal }
        let (answers, continuation) = AsyncStream<SessionOutput<RegistrationOutput>>.makeStream()
        state.withLock { $0.registrations.append(continuation) }
        return Registration(authority: self, outputs: answers, continuation: continuation)
    }

    func openBroadcast(from peer: PeerIdentity) async throws(StreamRefusal) -> any BroadcastSession {
        note { $0.peers.append(peer) }
        if let refusal = refusal() { throw refusal }
        let (stream, continuation) = AsyncStream<SessionOutput<BroadcastOutput>>.makeStream()
        state.withLock { $0.broadcasts.append(continuation) }
        continuation.yield(.items(orders.map { .order($0) }))
        return Broadcast(authority: self, orders: stream)
    }

    func operate(
        _ request: OperatorRequest, by peer: PeerIdentity
    ) async throws(OperatorFailure) -> OperatorReply {
        note { $0.peers.append(peer) }
        note { $0.asked.append("\(request)") }
        if case .notLeader(let hint)? = refusal() { throw .notLeader(hint) }
        return try await reply(request).get()
    }

    func isServing() async -> Bool { true }

    private struct Registration: RegistrationSession {
        let authority: FakeAuthority
        let outputs: AsyncStream<SessionOutput<RegistrationOutput>>
        let continuation: AsyncStream<SessionOutput<RegistrationOutput>>.Continuation

        func submit(_ requests: [RegistrationRequest]) async {
            let isSilent = authority.state.withLock { state in
                state.seen.batches += 1
                state.seen.operations += requests.map(\.operation)
                state.seen.frontends.formUnion(requests.map(\.frontend))
                if case .silent = state.mode { return true }
                return false
            }
            guard !isSilent else { return }
            continuation.yield(
                .items(
                    requests.reversed().map { request in
                        let grant = RegistrationGrant(
                            groupSecurityAssociation: request.operation.octets, keyDownload: request.member.octets,
                            notifies: [])
                        return .answer(RegistrationAnswer(operation: request.operation, outcome: .granted(grant)))
                    }))
        }

        func heartbeat(_ counters: [String: Int64]) async { authority.note { $0.counters = counters } }
        func report(_ failures: [FailedAuthentication]) async { authority.note { $0.failures += failures } }

        func close() async {
            continuation.finish()
            authority.note { $0.closed += 1 }
        }
    }

    private struct Broadcast: BroadcastSession {
        let authority: FakeAuthority
        let orders: AsyncStream<SessionOutput<BroadcastOutput>>

        func acknowledge(_ numbers: [Int64]) async { authority.note { $0.acknowledged += numbers } }
        func cannotSend(_ numbers: [Int64]) async { authority.note { $0.unsendable += numbers } }
        func heartbeat(_ counters: [String: Int64]) async { authority.note { $0.counters = counters } }
        func close() async { authority.note { $0.closed += 1 } }
    }
}
