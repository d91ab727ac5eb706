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
    private var lastTimer: WallTime?
    private var lastLeaderLook = Moment(nanoseconds: 0)

    private var nextNumber = 1
    private var frontends: [Int: ConnectedPeer<RegistrationAnswer>] = [:]
    private var broadcasters: [Int: ConnectedPeer<RekeyOrder>] = [:]
    private var gone: [String: LinkStatus] = [:]
    private var replies: [Int: CheckedContinuation<Result<OperatorReply, OperatorFailure>, Never>] = [:]
    /// Which broadcaster has which unfinished order.
    private var assignments: [Int64: Int] = [:]

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
        endSessions(.unavailable("this authority stops"))
    }

    func stop() {
        isStopping = true
        wakeUp()
    }

    private func sleepUntilWoken() async {
        let alarm = Task { [weak self] in
            try? await Task.sleep(for: DriverLimits.leaderLook)
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
        let now = clocks.wall()
        if let lastTimer, now.milliseconds - lastTimer.milliseconds < DriverLimits.timerMilliseconds { return }
        lastTimer = now
        waiting.append(.timer)
    }

    private func decideBatch() async {
        guard let core, !waiting.isEmpty else { return }
        let batch = Array(waiting.prefix(DriverLimits.batch))
        waiting.removeFirst(batch.count)
        let decision = core.decide(batch, at: clocks.wall())
        do {
            let receipt = try await store.commit(decision.transaction)
            commits = receipt.index
            perform(decision.committed(receipt))
        } catch {
            log.record(Event("commit-failed", .warning, limitedBy: "store", [("why", "\(error)")]))
            self.core = nil
            waiting.insert(contentsOf: batch, at: 0)
            lastLeaderLook = Moment(nanoseconds: 0)
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
            stepDown()
            return
        }
        if core == nil { await lead() }
    }

    private func lead() async {
        do {
            let state = try await store.lead()
            let fresh = try AuthorityCore(
                state: state, sealer: sealer, engine: CryptoEngine(), entropy: SystemEntropy(), limits: limits)
            core = fresh
            leadingSince = clocks.wall()
            assignments = [:]
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
            if let failure = error as? StoreFailure, case .notLeader = failure { stepDown() }
        }
    }

    /// Frontends and broadcasters go to the new leader and ask again under their operation ids; operators are told that the
    /// outcome of what was under way is not known.
    private func stepDown() {
        core = nil
        endSessions(.notLeader(leaderName))
        for input in waiting {
            guard case .operation(let request, _, let token) = input else { continue }
            let failure = request.operationID.map { OperatorFailure.unknownOutcome($0) } ?? .notLeader(leaderName)
            replies.removeValue(forKey: token)?.resume(returning: .failure(failure))
        }
        waiting = []
    }

    private func endSessions(_ refusal: StreamRefusal) {
        for peer in frontends.values { peer.end(refusal) }
        for peer in broadcasters.values { peer.end(refusal) }
        frontends = [:]
        broadcasters = [:]
        assignments = [:]
        gone = [:]
    }

    // MARK: Effects

    private func perform(_ effects: [AuthorityEffect]) {
        var answers: [Int: [RegistrationAnswer]] = [:]
        for effect in effects {
            switch effect {
            case .answer(let answer, let session): answers[session, default: []].append(answer)
            case .reply(let result, let token): replies.removeValue(forKey: token)?.resume(returning: result)
            case .broadcast(let order): assign(order)
            case .event(let event): log.record(event)
            }
        }
        for (session, batch) in answers { frontends[session]?.output.yield(.items(batch)) }
    }

    /// Each order goes to one broadcaster, chosen by group so that the messages of a group leave from one place in order.
    private func assign(_ order: RekeyOrder) {
        let numbers = broadcasters.keys.sorted()
        guard !numbers.isEmpty else { return }
        let chosen = numbers[Int(order.group.stableHash % UInt64(numbers.count))]
        assignments[order.number] = chosen
        broadcasters[chosen]?.output.yield(.items([order]))
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

    func closeRegistration(_ number: Int) {
        guard let peer = frontends.removeValue(forKey: number) else { return }
        remember(peer.status(isConnected: false), "frontend", peer.identity.name)
    }

    // MARK: Broadcasters

    fileprivate func openBroadcastDesk(_ peer: PeerIdentity) throws(StreamRefusal) -> BroadcastDesk {
        guard let core else { throw .notLeader(leaderName) }
        let number = takeNumber()
        let (stream, output) = AsyncStream.makeStream(of: SessionOutput<RekeyOrder>.self)
        broadcasters[number] = ConnectedPeer(identity: peer, output: output, since: clocks.wall())
        log.record(Event("broadcaster-connected", .info, [("broadcaster", peer.name)]))
        for order in core.unfinishedRekeyOrders where assignments[order.number] == nil { assign(order) }
        return BroadcastDesk(number: number, driver: self, orders: stream)
    }

    func acknowledge(_ numbers: [Int64], session: Int) {
        guard broadcasters[session] != nil else { return }
        for number in numbers { assignments.removeValue(forKey: number) }
        enqueue([.broadcast(numbers)])
    }

    func heartbeat(_ counters: [String: Int64], broadcasterSession: Int) {
        broadcasters[broadcasterSession]?.counters = counters
    }

    /// What it had not finished goes to another: the octets are the same, so a second copy does no harm.
    func closeBroadcast(_ number: Int) {
        guard let peer = broadcasters.removeValue(forKey: number) else { return }
        remember(peer.status(isConnected: false), "broadcaster", peer.identity.name)
        let orphans = assignments.filter { $0.value == number }.map(\.key)
        for order in core?.unfinishedRekeyOrders ?? [] where orphans.contains(order.number) { assign(order) }
    }

    private func remember(_ status: LinkStatus, _ kind: String, _ name: String) {
        gone["\(kind)/\(name)"] = status
        log.record(Event("\(kind)-disconnected", .notice, [(kind, name)]))
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
    static let timerMilliseconds: Int64 = 1000
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

extension GroupName {
    /// FNV-1a: equal on every host and run.
    fileprivate var stableHash: UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
