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
    let name: String
    let store: any ReplicatedStoring
    let sealer: any KeySealer
    let log: EventLog
    let clocks: Clocks
    let nextLife: NextLifeOrder

    var limits: AuthorityLimits
    var core: AuthorityCore?
    var leaderName: String? {
        didSet {
            meters.leads(leaderName)
            hasKnownLeader = hasKnownLeader || leaderName != nil
        }
    }
    var meters = AuthorityMeters()
    var hasKnownLeader = false
    var commits: Int64 = 0
    var leadingSince: WallTime?
    /// The certificates this authority shows: purpose and file.
    var certificates: [String: String] = [:]

    var waiting: [AuthorityInput] = []
    /// Of the transaction under way.
    var deciding: [AuthorityInput] = []
    var wake: CheckedContinuation<Void, Never>?
    var isStopping = false
    /// After the store refused a batch as a whole: how many of the next inputs are decided one by one.
    var decidedAlone = 0
    var lastTimer: Moment?
    var lastLeaderLook = Moment(nanoseconds: 0)
    var leadsAgainAt = Moment(nanoseconds: 0)

    var nextNumber = 1
    var frontends: [Int: ConnectedPeer<RegistrationOutput>] = [:]
    var fleet = FleetDesk()
    var broadcasters: [Int: ConnectedPeer<BroadcastOutput>] = [:]
    var lastSilenceLook: Moment?
    var gone: [String: LinkStatus] = [:]
    var replies: [Int: CheckedContinuation<Result<OperatorReply, OperatorFailure>, Never>] = [:]
    var assignments = OrderAssignments()
    /// Rekey orders whose commit we have seen and no acknowledgement: the core's own may be of a decision under way.
    var offered: [Int64: RekeyOrder] = [:]
    var care = StoreCare()

    init(
        name: String, store: any ReplicatedStoring, sealer: any KeySealer, log: EventLog, clocks: Clocks,
        nextLife: NextLifeOrder, limits: AuthorityLimits
    ) {
        self.limits = limits
        self.name = name
        self.store = store
        self.sealer = sealer
        self.log = log
        self.clocks = clocks
        self.nextLife = nextLife
    }

    func shows(_ certificates: [String: String]) { self.certificates = certificates }

    // MARK: The loop

    func run() async {
        while !isStopping {
            await lookForLeader()
            await offerLeadership()
            if core == nil || care.isGivingAway {
                try? await Task.sleep(for: DriverLimits.leaderLook)
                continue
            }
            passTimer()
            dropSilentPeers()
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

    func sleepUntilWoken() async {
        let alarm = Task { [weak self] in
            // Cancelled, it must not wake a later sleep.
            guard (try? await Task.sleep(for: DriverLimits.leaderLook)) != nil else { return }
            await self?.wakeUp()
        }
        await withCheckedContinuation { wake = $0 }
        alarm.cancel()
    }

    func wakeUp() {
        wake?.resume()
        wake = nil
    }

    func enqueue(_ inputs: some Sequence<AuthorityInput>) {
        waiting.append(contentsOf: inputs)
        wakeUp()
    }

    func passTimer() {
        let now = clocks.monotonic()
        if let lastTimer, now.since(lastTimer) < DriverLimits.timer { return }
        lastTimer = now
        waiting.append(.timer)
    }

    func decideBatch() async {
        guard let core, !waiting.isEmpty else { return }
        let batch = Array(waiting.prefix(decidedAlone > 0 ? 1 : DriverLimits.batch))
        waiting.removeFirst(batch.count)
        decidedAlone = max(decidedAlone - 1, 0)
        deciding = batch
        defer { deciding = [] }
        let decision = core.decide(batch, at: clocks.wall())
        let began = clocks.monotonic()
        care.isCommitting = true
        defer { care.isCommitting = false }
        do {
            let receipt = try await store.commit(decision.transaction)
            commits = receipt.index
            meters.committed(batch.count, in: clocks.monotonic().since(began))
            perform(decision.committed(receipt))
        } catch {
            meters.commitFailed()
            log.record(Event("commit-failed", .warning, limitedBy: "store", [("why", "\(error)")]))
            self.core = nil
            if case .unknownOutcome = error { care.uncertain.formUnion(batch.compactMap(\.token)) }
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
    func refuse(_ input: AuthorityInput, why: String) {
        log.record(Event("input-refused-by-store", .error, [("why", why)]))
        switch input {
        case .registration(let request, let session):
            let answer = RegistrationAnswer(operation: request.operation, outcome: .unavailable("the store refuses it"))
            frontends[session]?.output.yield(.items([.answer(answer)]))
        case .operation(_, _, let token):
            replies.removeValue(forKey: token)?.resume(returning: .failure(.conflict("the store refuses it: \(why)")))
        case .broadcast, .timer, .audit, .frontend, .newLife: break
        }
    }

    // MARK: Effects

    func perform(_ effects: [AuthorityEffect]) {
        var answers: [Int: [RegistrationAnswer]] = [:]
        for effect in effects {
            switch effect {
            case .answer(let answer, let session): answers[session, default: []].append(answer)
            case .reply(let result, let token):
                care.uncertain.remove(token)
                replies.removeValue(forKey: token)?.resume(returning: result)
            case .broadcast(let order):
                offered[order.number] = order
                assign(order)
            case .withdraw(let number):
                offered[number] = nil
                assignments.finish(number)
            case .fleetChanged: fleet.isTold = false
            case .dismiss(let members):
                for peer in frontends.values { peer.output.yield(.items([.dismiss(members)])) }
            case .event(let event):
                meters.note(event)
                log.record(event)
            case .readAgain(let entry): readAgain(recording: entry)
            }
        }
        for (session, batch) in answers { frontends[session]?.output.yield(.items(batch.map { .answer($0) })) }
        tellFleet()
    }

    var offeredInOrder: [RekeyOrder] { offered.values.sorted { $0.number < $1.number } }

    /// Those that no broadcaster has.
    func assignWaiting() {
        for order in offeredInOrder where !assignments.has(order.number) { assign(order) }
    }

    func assign(_ order: RekeyOrder) {
        guard let session = assignments.assign(order, among: broadcasters.keys, at: clocks.monotonic()) else { return }
        broadcasters[session]?.output.yield(.items([.order(order)]))
    }
}

enum DriverLimits {
    /// Inputs of one transaction.
    static let batch = 256
    static let leaderLook = Duration.milliseconds(100)
    /// How long a status waits for the store's word.
    static let nodesLook = Duration.milliseconds(300)
    static let timer = Duration.seconds(1)
    /// After it could not lead, so that another authority can.
    static let leadAgain = Duration.seconds(10)
    /// Frontends and broadcasters that are gone and still listed.
    static let gone = 256
}

extension AuthorityInput {
    /// Of what somebody waits for.
    fileprivate var token: Int? {
        if case .operation(_, _, let token) = self { token } else { nil }
    }
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
