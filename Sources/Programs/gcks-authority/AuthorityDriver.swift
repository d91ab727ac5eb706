import AuthorityCore
import AuthorityRPC
import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial
import ReplicatedStore
import Telemetry

/// Performs what AuthorityCore decides: collects inputs while a commit is under way, commits the next batch as one transaction,
/// and lets effects out only against the receipt.
///
/// A batch whose commit fails, or whose outcome is unknown, is decided again on state read afresh from the store; operation
/// ids make that harmless.
actor AuthorityDriver {
    private let name: String
    private let store: any ReplicatedStoring
    private let sealer: any KeySealer
    private let log: EventLog
    private let clocks: Clocks

    private var limits = AuthorityLimits()
    private var core: AuthorityCore?
    private var leaderName: String?
    private var commits: Int64 = 0
    private var leadingSince: WallTime?

    private var waiting: [AuthorityInput] = []
    private var wake: CheckedContinuation<Void, Never>?
    private var isStopping = false
    /// After the store refused a batch as a whole: how many of the next inputs are decided one by one.
    private var decidedAlone = 0
    private var lastTimer: Moment?
    private var lastLeaderLook = Moment(nanoseconds: 0)
    private var leadsAgainAt = Moment(nanoseconds: 0)

    private var nextNumber = 1
    private var frontends: [Int: ConnectedPeer<RegistrationAnswer>] = [:]
    private var broadcasters: [Int: ConnectedPeer<RekeyOrder>] = [:]
    private var gone: [String: LinkStatus] = [:]
    private var replies: [Int: CheckedContinuation<Result<OperatorReply, OperatorFailure>, Never>] = [:]
    private var assignments = OrderAssignments()

    init(
        name: String, store: any ReplicatedStoring, sealer: any KeySealer, log: EventLog, clocks: Clocks,
        operationsKept: Lifetime
    ) {
        limits.operationsKept = operationsKept
        self.name = name
        self.store = store
        self.sealer = sealer
        self.log = log
        self.clocks = clocks
    }

    // MARK: The loop

    func run() async {
        while !isStopping {
            await lookForLeader()
            if core == nil {
                try? await Task.sleep(for: DriverLimits.leaderLook)
                continue
            }
            passTimer()
            if waiting.isEmpty { await sleepUntilWoken() }
            await decideBatch()
        }
        stepDown(.unavailable("this authority stops"))
        for reply in replies.values { reply.resume(returning: .failure(.unavailable("this authority stops"))) }
        replies = [:]
    }

    func stop() {
        isStopping = true
        wakeUp()
    }

    private func sleepUntilWoken() async {
        let alarm = Task { [weak self] in
            // Cancelled, it must not wake a later sleep.
            guard (try? await Task.sleep(for: DriverLimits.leaderLook)) != nil else { return }
            await self?.wakeUp()
        }
        await withCheckedContinuation { wake = $0 }
        alarm.cancel()
    }

    private func wakeUp() {
        wake?.resume()
        wake = nil
    }

    private func enqueue(_ inputs: some Sequence<AuthorityInput>) {
        waiting.append(contentsOf: inputs)
        wakeUp()
    }

    private func passTimer() {
        let now = clocks.monotonic()
        if let lastTimer, now.since(lastTimer) < DriverLimits.timer { return }
        lastTimer = now
        waiting.append(.timer)
    }

    private func decideBatch() async {
        guard let core, !waiting.isEmpty else { return }
        let batch = Array(waiting.prefix(decidedAlone > 0 ? 1 : DriverLimits.batch))
        waiting.removeFirst(batch.count)
        decidedAlone = max(decidedAlone - 1, 0)
        let decision = core.decide(batch, at: clocks.wall())
        do {
            let receipt = try await store.commit(decision.transaction)
            commits = receipt.index
            perform(decision.committed(receipt))
        } catch {
            log.record(Event("commit-failed", .warning, limitedBy: "store", [("why", "\(error)")]))
            self.core = nil
            lastLeaderLook = Moment(nanoseconds: 0)
            if error.refusesContent, batch.count == 1 {
                refuse(batch[0], why: "\(error)")
            } else {
                if error.refusesContent { decidedAlone = batch.count }
                waiting.insert(contentsOf: batch, at: 0)
            }
        }
    }

    /// What the store will never take must not hold up the rest.
    private func refuse(_ input: AuthorityInput, why: String) {
        log.record(Event("input-refused-by-store", .error, [("why", why)]))
        switch input {
        case .registration(let request, let session):
            let answer = RegistrationAnswer(operation: request.operation, outcome: .unavailable("the store refuses it"))
            frontends[session]?.output.yield(.items([answer]))
        case .operation(_, _, let token):
            replies.removeValue(forKey: token)?.resume(returning: .failure(.conflict("the store refuses it: \(why)")))
        case .broadcast, .timer: break
        }
    }

    // MARK: Leadership

    /// Leads when our own store node leads the log, and only then; steps down at the first sign that it does not.
    private func lookForLeader() async {
        let now = clocks.monotonic()
        guard core == nil || now.since(lastLeaderLook) >= DriverLimits.leaderLook else { return }
        lastLeaderLook = now
        let leader: StoreLeader?
        do {
            leader = try await store.leader()
        } catch {
            leader = nil
        }
        leaderName = leader?.name
        guard let leader, leader.isOurs else {
            if core != nil { log.record(Event("leadership-lost", .warning, [("leader", leaderName ?? "unknown")])) }
            stepDown(.notLeader(leaderName))
            return
        }
        if core == nil, leadsAgainAt <= now { await lead() }
    }

    private func lead() async {
        do {
            let state = try await store.lead()
            let fresh = try AuthorityCore(
                state: state, sealer: sealer, engine: CryptoEngine(), entropy: SystemEntropy(), limits: limits)
            core = fresh
            leadingSince = clocks.wall()
            assignments = OrderAssignments()
            log.record(
                Event(
                    "leadership-gained", .notice,
                    [
                        ("node", name), ("term", "\(state.term.rawValue)"), ("groups", "\(state.groups.count)"),
                        ("members", "\(state.members.count)"),
                    ]))
            for order in fresh.unfinishedRekeyOrders { assign(order) }
        } catch {
            log.record(Event("leadership-refused", .error, limitedBy: "lead", [("why", "\(error)")]))
            await cannotLead(because: error)
        }
    }

    /// Its store leads the log and it cannot read what is there: another authority may, so the log's leadership is given away.
    private func cannotLead(because error: any Error) async {
        switch error {
        case StoreFailure.notLeader: stepDown(.notLeader(leaderName))
        case is AuthorityFailure, StoreFailure.incompatible:
            stepDown(.unavailable("\(name) cannot lead: \(error)"))
            leadsAgainAt = clocks.monotonic() + DriverLimits.leadAgain
            do {
                try await store.yieldLeadership()
                log.record(Event("leadership-given-away", .warning, [("node", name)]))
            } catch {
                log.record(Event("leadership-kept", .error, limitedBy: "lead", [("why", "\(error)")]))
            }
        default: break
        }
    }

    /// Frontends and broadcasters go to the new leader and ask again under their operation ids; operators are told that the
    /// outcome of what was under way is not known.
    private func stepDown(_ refusal: StreamRefusal) {
        core = nil
        endSessions(refusal)
        for input in waiting {
            guard case .operation(let request, _, let token) = input else { continue }
            let failure = request.operationID.map { OperatorFailure.unknownOutcome($0) } ?? .notLeader(leaderName)
            replies.removeValue(forKey: token)?.resume(returning: .failure(failure))
        }
        (waiting, decidedAlone) = ([], 0)
    }

    private func endSessions(_ refusal: StreamRefusal) {
        for peer in frontends.values {
            peer.end(refusal)
            remember(peer.status(isConnected: false), "frontend")
        }
        for peer in broadcasters.values {
            peer.end(refusal)
            remember(peer.status(isConnected: false), "broadcaster")
        }
        (frontends, broadcasters, assignments) = ([:], [:], OrderAssignments())
    }

    // MARK: Effects

    private func perform(_ effects: [AuthorityEffect]) {
        var answers: [Int: [RegistrationAnswer]] = [:]
        for effect in effects {
            switch effect {
            case .answer(let answer, let session): answers[session, default: []].append(answer)
            case .reply(let result, let token): replies.removeValue(forKey: token)?.resume(returning: result)
            case .broadcast(let order): assign(order)
            case .withdraw(let number): assignments.finish(number)
            case .event(let event): log.record(event)
            }
        }
        for (session, batch) in answers { frontends[session]?.output.yield(.items(batch)) }
    }

    private func assign(_ order: RekeyOrder) {
        guard let session = assignments.assign(order, among: broadcasters.keys) else { return }
        broadcasters[session]?.output.yield(.items([order]))
    }

    // MARK: Frontends

    fileprivate func openRegistrationDesk(_ peer: PeerIdentity) throws(StreamRefusal) -> RegistrationDesk {
        guard core != nil else { throw .notLeader(leaderName) }
        let number = takeNumber()
        let (stream, output) = AsyncStream.makeStream(of: SessionOutput<RegistrationAnswer>.self)
        frontends[number] = ConnectedPeer(identity: peer, output: output, since: clocks.wall())
        log.record(Event("frontend-connected", .info, [("frontend", peer.name)]))
        return RegistrationDesk(number: number, driver: self, answers: stream)
    }

    func submit(_ requests: [RegistrationRequest], session: Int) {
        guard frontends[session] != nil else { return }
        enqueue(requests.lazy.map { .registration($0, session: session) })
    }

    func heartbeat(_ counters: [String: Int64], frontendSession: Int) {
        frontends[frontendSession]?.counters = counters
    }

    func report(_ failures: [FailedAuthentication], session: Int) {
        guard let frontend = frontends[session]?.identity.name else { return }
        core?.note(failures, from: frontend, at: clocks.wall())
    }

    func closeRegistration(_ number: Int) {
        guard let peer = frontends.removeValue(forKey: number) else { return }
        remember(peer.status(isConnected: false), "frontend")
        log.record(Event("frontend-disconnected", .notice, [("frontend", peer.identity.name)]))
    }

    // MARK: Broadcasters

    fileprivate func openBroadcastDesk(_ peer: PeerIdentity) throws(StreamRefusal) -> BroadcastDesk {
        guard let core else { throw .notLeader(leaderName) }
        let number = takeNumber()
        let (stream, output) = AsyncStream.makeStream(of: SessionOutput<RekeyOrder>.self)
        broadcasters[number] = ConnectedPeer(identity: peer, output: output, since: clocks.wall())
        log.record(Event("broadcaster-connected", .info, [("broadcaster", peer.name)]))
        for order in core.unfinishedRekeyOrders where !assignments.has(order.number) { assign(order) }
        return BroadcastDesk(number: number, driver: self, orders: stream)
    }

    func acknowledge(_ numbers: [Int64], session: Int) {
        guard broadcasters[session] != nil else { return }
        for number in numbers { assignments.finish(number) }
        enqueue([.broadcast(numbers)])
    }

    func heartbeat(_ counters: [String: Int64], broadcasterSession: Int) {
        broadcasters[broadcasterSession]?.counters = counters
    }

    /// What it had not finished goes to another: the octets are the same, so a second copy does no harm.
    func closeBroadcast(_ number: Int) {
        guard let peer = broadcasters.removeValue(forKey: number) else { return }
        remember(peer.status(isConnected: false), "broadcaster")
        log.record(Event("broadcaster-disconnected", .notice, [("broadcaster", peer.identity.name)]))
        assignments.forget(session: number)
        for order in core?.unfinishedRekeyOrders ?? [] where !assignments.has(order.number) { assign(order) }
    }

    /// Bounded: over a Unix socket peers choose their own names.
    private func remember(_ status: LinkStatus, _ kind: String) {
        if gone.count >= DriverLimits.gone, let oldest = gone.min(by: { $0.value.since < $1.value.since })?.key {
            gone.removeValue(forKey: oldest)
        }
        gone["\(kind)/\(status.name)"] = status
    }

    private func takeNumber() -> Int {
        defer { nextNumber += 1 }
        return nextNumber
    }

    // MARK: Operators

    fileprivate func ask(_ request: OperatorRequest, by peer: PeerIdentity) async throws(OperatorFailure)
        -> OperatorReply
    {
        if case .status = request { return .status(await clusterStatus()) }
        guard core != nil else { throw .notLeader(leaderName) }
        let token = takeNumber()
        let result = await withCheckedContinuation { continuation in
            replies[token] = continuation
            enqueue([.operation(request, by: peer.name, token: token)])
        }
        return try result.get()
    }

    /// Answers without the log: what this process knows, also as a follower and without quorum.
    private func clusterStatus() async -> ClusterStatus {
        let nodes: [NodeStatus]
        do {
            nodes = try await store.nodes().map { node in
                NodeStatus(name: node.name, state: node.name == leaderName ? "leader" : "follower", detail: node.role)
            }
        } catch {
            nodes = [NodeStatus(name: name, state: core == nil ? "follower" : "leader", detail: "\(error)")]
        }
        return ClusterStatus(
            nodes: nodes, leader: leaderName, term: core?.term.rawValue ?? 0, commits: commits,
            frontends: links(frontends, kind: "frontend"), broadcasters: links(broadcasters, kind: "broadcaster"),
            groups: core?.groupStatuses(nil) ?? [])
    }

    private func links<Item>(_ connected: [Int: ConnectedPeer<Item>], kind: String) -> [LinkStatus] {
        let live = connected.values.map { $0.status(isConnected: true) }
        let names = Set(live.map(\.name))
        let lost = gone.filter { $0.key.hasPrefix(kind + "/") && !names.contains($0.value.name) }.map(\.value)
        return (live + lost).sorted { $0.name < $1.name }
    }
}

extension AuthorityDriver: AuthorityService {
    func openRegistration(from peer: PeerIdentity) async throws(StreamRefusal) -> any RegistrationSession {
        try openRegistrationDesk(peer)
    }

    func openBroadcast(from peer: PeerIdentity) async throws(StreamRefusal) -> any BroadcastSession {
        try openBroadcastDesk(peer)
    }

    func operate(_ request: OperatorRequest, by peer: PeerIdentity) async throws(OperatorFailure) -> OperatorReply {
        try await ask(request, by: peer)
    }

    func isServing() async -> Bool { true }
}

enum DriverLimits {
    /// Inputs of one transaction.
    static let batch = 256
    static let leaderLook = Duration.milliseconds(100)
    static let timer = Duration.seconds(1)
    /// After it could not lead, so that another authority can.
    static let leadAgain = Duration.seconds(10)
    /// Frontends and broadcasters that are gone and still listed.
    static let gone = 256
}

extension StoreFailure {
    /// The transaction itself is what the store does not take; again it would fail again.
    fileprivate var refusesContent: Bool {
        switch self {
        case .constraint, .incompatible: true
        case .notLeader, .forming, .fenced, .unavailable, .unknownOutcome: false
        }
    }
}

extension OperatorRequest {
    /// The operation a change is known by; nil for reads.
    fileprivate var operationID: OperationID? {
        switch self {
        case .groupApply(_, let operation, _), .rekeyNow(_, _, let operation): operation
        case .status, .groupList, .groupShow, .memberList, .memberShow, .senderList: nil
        }
    }
}
