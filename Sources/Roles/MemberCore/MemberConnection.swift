import IKEExchange
import IKEVocabulary

/// The IKE SA to the frontend in use, and when and where the next one is tried.
struct MemberConnection {
    private(set) var sa: InitiatorSA?
    private(set) var retryAt = Moment(nanoseconds: 0)
    private var place = 0
    /// Frontends tried in vain since the last one that served.
    private var failures = 0
    /// The GCKS answered a question of a group over this IKE SA.
    private var hasServed = false
    private var isClosing = false
    private var lastHeard = Moment(nanoseconds: 0)
    private var pause = BackOff(least: MemberLimits.connectionPauseLeast, most: MemberLimits.connectionPauseMost)

    var isDown: Bool { sa == nil }
    /// A new IKE SA may be made: there is none, or a Delete was sent for it and nobody needs the answer.
    var isFree: Bool { isDown || isClosing }
    var isUp: Bool { sa?.isEstablished == true && !isClosing }

    /// A frontend to be tried now.
    func frontend(of configuration: MemberConfiguration) -> KnownFrontend? {
        let all = configuration.frontends
        return all.isEmpty ? nil : all[place % all.count]
    }

    func deadline(_ livenessAfter: Duration?) -> Moment {
        guard let sa else { return .never }
        let liveness = isUp && sa.nextDeadline == nil ? livenessAfter.map { lastHeard + $0 } : nil
        return min(sa.nextDeadline ?? .never, liveness ?? .never)
    }

    // MARK: One IKE SA

    mutating func connect(
        _ opening: OpeningExchange, _ configuration: MemberConfiguration, _ work: FollowerWork, at now: Moment
    ) -> [InitiatorEffect] {
        guard let frontend = frontend(of: configuration) else { return [] }
        let fresh = InitiatorSA(
            configuration: configuration.ike(with: frontend), opening: opening, local: frontend.local,
            remote: frontend.remote)
        (sa, hasServed, isClosing, lastHeard) = (fresh, false, false, now)
        return fresh.start(at: now, engine: work.engine, entropy: &work.entropy)
    }

    mutating func handle(
        _ datagram: [UInt8], _ work: FollowerWork, at now: Moment, wall: WallTime
    ) -> [InitiatorEffect] {
        guard let sa else { return [] }
        let waited = sa.nextDeadline
        let effects = sa.handle(datagram, at: now, wall: wall, engine: work.engine, entropy: &work.entropy)
        // Whatever has an effect or ends a wait was authentic, but for IKE_SA_INIT, where liveness is no question yet.
        if !effects.isEmpty || waited != sa.nextDeadline { lastHeard = now }
        return effects
    }

    mutating func passTime(
        _ livenessAfter: Duration?, _ work: FollowerWork, at now: Moment
    ) -> [InitiatorEffect] {
        guard let sa else { return [] }
        let effects = sa.tick(at: now)
        guard effects.isEmpty, isUp, let livenessAfter, lastHeard + livenessAfter <= now else { return effects }
        lastHeard = now
        return sa.checkLiveness(at: now, engine: work.engine, entropy: &work.entropy)
    }

    func join(_ join: GroupJoin, _ work: FollowerWork, at now: Moment) -> [InitiatorEffect] {
        sa?.join(join, at: now, engine: work.engine, entropy: &work.entropy) ?? []
    }

    func leave(_ group: Identity, _ why: NotifyType, _ work: FollowerWork, at now: Moment) -> [InitiatorEffect] {
        sa?.leave(group, why, at: now, engine: work.engine, entropy: &work.entropy) ?? []
    }

    mutating func close(_ work: FollowerWork, at now: Moment) -> [InitiatorEffect] {
        guard let sa, !isClosing else { return [] }
        isClosing = true
        return sa.close(at: now, engine: work.engine, entropy: &work.entropy)
    }

    // MARK: The next one

    /// The GCKS behind this frontend decided something: it is a good one.
    mutating func served() {
        hasServed = true
        failures = 0
        pause.reset()
    }

    /// This frontend cannot help for now.
    mutating func preferNext() { place += 1 }

    /// The IKE SA is gone. A frontend that served may be asked again at once, unless it fell silent; otherwise the next one is
    /// tried, and after a round of all of them there is a pause.
    mutating func ended(
        _ closure: InitiatorClosure, _ configuration: MemberConfiguration, _ work: FollowerWork, at now: Moment
    ) {
        let wasWanted = isClosing
        (sa, isClosing) = (nil, false)
        retryAt = now
        guard !wasWanted else { return }
        if !hasServed || closure == .noAnswer { place += 1 }
        guard !hasServed else { return }
        failures += 1
        if failures % max(configuration.frontends.count, 1) == 0 { retryAt = now + pause.next(&work.entropy) }
    }
}
