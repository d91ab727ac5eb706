import GroupModel
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
    /// Where a frontend sent us, and which.
    private var detour: Detour?
    private var redirectedFrom: RedirectGateway?
    /// When REDIRECTs were followed lately.
    private var redirects: [Moment] = []
    /// The IKE SA that takes the place of `sa` once it stands.
    private(set) var successor: InitiatorSA?
    private var successorPlace: KnownFrontend?
    /// What rekeys left beside `sa`: the SA of before, one that may follow, one that lost. They answer until they end.
    private var besides: [InitiatorSA] = []
    /// When new keys are asked for, and when the present ones are too old.
    private var rekeyAt = Moment.never
    private var endsAt = Moment.never
    private var lastHeard = Moment(nanoseconds: 0)
    private var pause = BackOff(least: MemberLimits.connectionPauseLeast, most: MemberLimits.connectionPauseMost)

    /// The GCKS takes sequence reports; as the last IKE SA showed.
    private(set) var takesReports = false

    var isDown: Bool { sa == nil }
    /// A new IKE SA may be made: there is none, or a Delete was sent for it and nobody needs the answer.
    var isFree: Bool { isDown || isClosing }
    var isUp: Bool { sa?.isEstablished == true && !isClosing }

    /// A frontend to be tried now.
    func frontend(of configuration: MemberConfiguration) -> KnownFrontend? {
        if let detour { return detour.frontend }
        let all = configuration.frontends
        return all.isEmpty ? nil : all[place % all.count]
    }

    func deadline(_ livenessAfter: Duration?) -> Moment {
        let beside = besides.compactMap(\.nextDeadline).min() ?? .never
        guard let sa else { return beside }
        let liveness = isUp && sa.nextDeadline == nil ? livenessAfter.map { lastHeard + $0 } : nil
        let keys = isUp ? min(rekeyAt, endsAt) : .never
        return min(sa.nextDeadline ?? .never, liveness ?? .never, successor?.nextDeadline ?? .never, keys, beside)
    }

    // MARK: One IKE SA

    mutating func connect(
        _ opening: OpeningExchange, _ configuration: MemberConfiguration, _ work: FollowerWork, at now: Moment
    ) -> [InitiatorEffect] {
        forgetUsedDetour()
        guard let frontend = frontend(of: configuration) else { return [] }
        detour?.isUsed = true
        var ike = configuration.ike(with: frontend)
        ike.followsRedirects = mayFollow(at: now)
        let fresh = InitiatorSA(
            configuration: ike, opening: opening, local: frontend.local, remote: frontend.remote,
            redirectedFrom: redirectedFrom)
        redirectedFrom = nil
        (sa, hasServed, isClosing, lastHeard) = (fresh, false, false, now)
        (rekeyAt, endsAt) = (.never, .never)
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
        let effects = sa.tick(at: now) + passKeyTime(sa, work, at: now)
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

    func report(
        _ report: SequenceReport, _ work: FollowerWork, wall: WallTime, at now: Moment
    ) -> [InitiatorEffect] {
        sa?.report(report, wall: wall, at: now, engine: work.engine, entropy: &work.entropy) ?? []
    }

    mutating func established() { takesReports = sa?.peerKnowsExtensions ?? false }

    /// Ends both: an IKE SA that was to take the place of this one proved nothing yet, and is forgotten.
    mutating func close(_ work: FollowerWork, at now: Moment) -> [InitiatorEffect] {
        dropSuccessor()
        guard let sa, !isClosing else { return [] }
        isClosing = true
        return sa.close(at: now, engine: work.engine, entropy: &work.entropy)
    }

    // MARK: Rekey (RFC 7296 2.8)

    /// The keys of `sa` begin to age: they are replaced at a random moment between 85 and 95 hundredths of their life.
    mutating func keysAreNew(_ lifetime: Duration?, _ work: FollowerWork, at now: Moment) {
        guard let lifetime else { return }
        endsAt = now + lifetime
        rekeyAt = now + lifetime * 85 / 100 + Jitter.upTo(lifetime / 10, &work.entropy)
    }

    /// The end of the keys' life: new ones in time, or the end of the SA.
    private mutating func passKeyTime(_ sa: InitiatorSA, _ work: FollowerWork, at now: Moment) -> [InitiatorEffect] {
        guard isUp, min(rekeyAt, endsAt) <= now else { return [] }
        rekeyAt = .never
        guard now < endsAt else {
            endsAt = .never
            return close(work, at: now)
        }
        return sa.rekey(at: now, engine: work.engine, entropy: &work.entropy)
    }

    /// TEMPORARY_FAILURE is asked again soon; a frontend that cannot rekey is not.
    mutating func rekeyRefused(_ type: NotifyType, _ work: FollowerWork, at now: Moment) {
        guard type == .temporaryFailure else { return }
        rekeyAt = now + MemberLimits.rekeyRetry + Jitter.upTo(MemberLimits.rekeyRetry, &work.entropy)
    }

    mutating func keep(_ beside: InitiatorSA, at now: Moment) {
        besides.removeAll { $0.isForgotten(at: now) }
        besides.append(beside)
        if besides.count > MemberLimits.besides { besides.removeFirst() }
    }

    /// A rekey's new SA takes the place of the one that was, and asks what that one had not asked yet.
    mutating func succeed(by heir: InitiatorSA, _ work: FollowerWork, at now: Moment) -> [InitiatorEffect] {
        if let sa { keep(sa, at: now) }
        besides.removeAll { $0 === heir }
        (sa, lastHeard) = (heir, now)
        return heir.resume(at: now, engine: work.engine, entropy: &work.entropy)
    }

    mutating func handleForBesides(
        _ datagram: [UInt8], _ work: FollowerWork, at now: Moment, wall: WallTime
    ) -> [InitiatorEffect] {
        guard !besides.isEmpty else { return [] }
        return ofBesides(at: now) {
            $0.handle(datagram, at: now, wall: wall, engine: work.engine, entropy: &work.entropy)
        }
    }

    mutating func passBesidesTime(at now: Moment) -> [InitiatorEffect] {
        besides.isEmpty ? [] : ofBesides(at: now) { $0.tick(at: now) }
    }

    /// They only answer, and their ends concern nobody.
    private mutating func ofBesides(
        at now: Moment, _ act: (InitiatorSA) -> [InitiatorEffect]
    ) -> [InitiatorEffect] {
        let effects = besides.flatMap(act).filter { effect in
            switch effect {
            case .send, .event, .keyLog: true
            default: false
            }
        }
        besides.removeAll { $0.isForgotten(at: now) }
        return effects
    }

    // MARK: Sent elsewhere (RFC 5685)

    private func mayFollow(at now: Moment) -> Bool {
        redirects.filter { now.since($0) < MemberLimits.redirectWindow }.count < MemberLimits.redirects
    }

    /// The IKE_SA_INIT under way was answered by REDIRECT: the next one goes there. The one that is sent to proves itself as any.
    mutating func follow(_ gateway: RedirectGateway, _ configuration: MemberConfiguration, at now: Moment) {
        guard let current = frontend(of: configuration), note(at: now) else { return }
        redirectedFrom = RedirectGateway(current.remote.address)
        detour = Detour(frontend: current.moved(to: gateway), isAuthenticated: false)
    }

    /// Whoever saw our IKE_SA_INIT could have said REDIRECT (RFC 5685 10): it is worth one attempt, however that went.
    private mutating func forgetUsedDetour() {
        if let detour, detour.isUsed, !detour.isAuthenticated { self.detour = nil }
    }

    /// The frontend behind an IKE SA that stands wants us elsewhere: a second one is made there, and this one stays until then.
    ///
    /// - Returns: nil when that cannot be followed now.
    mutating func move(
        to gateway: RedirectGateway, _ configuration: MemberConfiguration, _ work: FollowerWork, at now: Moment
    ) -> [InitiatorEffect]? {
        guard isUp, successor == nil, let current = frontend(of: configuration),
            current.remote.address != gateway.address, note(at: now)
        else { return nil }
        let target = current.moved(to: gateway)
        var ike = configuration.ike(with: target)
        ike.followsRedirects = false
        let fresh = InitiatorSA(
            configuration: ike, opening: .ikeAuth, local: target.local, remote: target.remote,
            redirectedFrom: RedirectGateway(current.remote.address))
        (successor, successorPlace) = (fresh, target)
        return fresh.start(at: now, engine: work.engine, entropy: &work.entropy)
    }

    private mutating func note(at now: Moment) -> Bool {
        redirects.removeAll { now.since($0) >= MemberLimits.redirectWindow }
        guard redirects.count < MemberLimits.redirects else { return false }
        redirects.append(now)
        return true
    }

    func handleForSuccessor(
        _ datagram: [UInt8], _ work: FollowerWork, at now: Moment, wall: WallTime
    ) -> [InitiatorEffect] {
        successor?.handle(datagram, at: now, wall: wall, engine: work.engine, entropy: &work.entropy) ?? []
    }

    func passSuccessorTime(at now: Moment) -> [InitiatorEffect] { successor?.tick(at: now) ?? [] }

    /// The second IKE SA stands: the first is told Delete once, and forgotten.
    mutating func succeed(_ work: FollowerWork, at now: Moment) -> [InitiatorEffect] {
        guard let fresh = successor else { return [] }
        let farewell = sa?.close(at: now, engine: work.engine, entropy: &work.entropy) ?? []
        detour = successorPlace.map { Detour(frontend: $0, isAuthenticated: true, isUsed: true) }
        (sa, lastHeard) = (fresh, now)
        (rekeyAt, endsAt) = (.never, .never)
        dropSuccessor()
        return farewell
    }

    mutating func dropSuccessor() { (successor, successorPlace) = (nil, nil) }

    // MARK: The next one

    /// The GCKS behind this frontend decided something: it is a good one.
    mutating func served() {
        hasServed = true
        failures = 0
        pause.reset()
    }

    /// This frontend cannot help for now.
    mutating func preferNext() {
        if detour == nil { place += 1 }
        detour = nil
    }

    /// The IKE SA is gone. A frontend that served may be asked again at once, unless it fell silent; otherwise the next one is
    /// tried, and after a round of all of them there is a pause.
    mutating func ended(
        _ closure: InitiatorClosure, _ configuration: MemberConfiguration, _ work: FollowerWork, at now: Moment
    ) {
        let wasWanted = isClosing
        let wasDetour = detour?.isUsed == true
        (sa, isClosing) = (nil, false)
        dropSuccessor()
        forgetUsedDetour()
        retryAt = now
        guard !wasWanted, closure != .redirected else { return }
        // After a detour the list again, where it was left.
        if !hasServed || closure == .noAnswer {
            if wasDetour { detour = nil } else { place += 1 }
        }
        guard !hasServed else { return }
        failures += 1
        if failures % max(configuration.frontends.count, 1) == 0 { retryAt = now + pause.next(&work.entropy) }
    }
}

/// A frontend that is not of the configured ones for as long as a REDIRECT says so.
private struct Detour {
    let frontend: KnownFrontend
    /// True for a REDIRECT over an established IKE SA: good until that frontend fails us. One in IKE_SA_INIT is good for one
    /// attempt.
    let isAuthenticated: Bool
    /// An IKE SA was begun there.
    var isUsed = false
}
