import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial

/// Why a member asks its GCKS for a group again.
package enum ReregistrationCause: String, Hashable, Sendable {
    case softLifetime = "soft-lifetime"
    /// A Message ID was skipped, or a message came over a Rekey SA that GSA_NEXT_SPI had promised.
    case missedRekey = "missed-rekey"
    /// A message came over a Rekey SA nobody knows.
    case unknownSPI = "unknown-spi"
    case excluded
    /// A rekey that is authentic but cannot be used.
    case unusableRekey = "unusable-rekey"
    /// A counter-mode SA to send on, and no Sender-ID (RFC 9838 2.4.2).
    case noSenderID = "no-sender-id"
    case noSALeft = "no-sa-left"
    /// The registration answer was older than the last rekey.
    case staleAnswer = "stale-answer"
}

/// A wish for a new registration.
struct Reregistration: Sendable {
    let at: Moment
    let cause: ReregistrationCause
    /// The unknown Rekey SA that made the member ask.
    let suspect: RekeySPI?
}

/// One group after its registration: its SAs, their timers, and GSA_REKEY (RFC 9838 2.4).
///
/// Rollover is make-before-break: receivers get new SAs at once, senders move to them after GWP_ATD, replaced SAs go after
/// GWP_DTD. The follower says when it wants a new registration and keeps what it has until then.
struct GroupFollower: Sendable {
    let membership: Membership
    /// The last one is in force, the others wait for their end.
    var rekeySAs: [FollowedRekeySA] = []
    var dataSAs: [FollowedDataSA] = []
    var groupWide = GroupWidePolicy()
    var mode = SAMode.tunnel
    var senderIDs: [SenderID] = []
    var senderIDWidth: SenderIDWidth?
    var isExcluded = false
    private(set) var reregistration: Reregistration?
    private var reregistrationPause = BackOff(
        least: MemberLimits.reregistrationPauseLeast, most: MemberLimits.reregistrationPauseMost)
    private var reregistrationNotBefore = Moment(nanoseconds: 0)
    private var unknownSPINotBefore = Moment(nanoseconds: 0)
    /// What the registration before listed: the same again is no progress.
    private var listedSPIs: Set<[UInt8]> = []
    /// SPIs that are no reason to ask: Rekey SAs of the past, and those of somebody else on the same address. Newest last.
    private var quietSPIs: [RekeySPI] = []
    /// Met and unknown; the next registration shows whether it was ours.
    private var suspect: RekeySPI?
    /// Rekey SAs that a rekey took out of force: an answer that names one is older than that rekey. Newest last.
    private var replacedSPIs: [RekeySPI] = []
    /// The registration gave no Rekey SA: the membership ends with the IKE SA (RFC 9838 2.3.3).
    private(set) var livesByConnection = false

    init(_ membership: Membership) { self.membership = membership }

    var group: Identity { membership.group }
    var atd: Duration { .seconds(Int64(groupWide.activationTimeDelay ?? 0)) }
    var dtd: Duration { .seconds(Int64(groupWide.deactivationTimeDelay ?? 0)) }

    /// Where the member must listen for this group now.
    var listensAt: Set<Endpoint> {
        Set(rekeySAs.map(\.endpoint)).union(membership.rekeyAddress.map { [$0] } ?? [])
    }

    var isEmpty: Bool { rekeySAs.isEmpty && dataSAs.isEmpty }

    func holds(_ spi: RekeySPI) -> Bool { rekeySAs.contains { $0.receiver.sa.policy.spi == spi } }

    func expects(_ spi: RekeySPI) -> Bool { rekeySAs.contains { $0.receiver.sa.policy.nextSPIs.contains(spi) } }

    /// The next moment at which `passTime` has something to do. Its wish for a registration is not part of it.
    var deadline: Moment {
        (rekeySAs.map(\.deadline) + dataSAs.map(\.deadline)).min() ?? .never
    }

    // MARK: Registration

    /// Takes a registration answer: what it lists replaces everything of an earlier registration (RFC 9838 2.3.3).
    mutating func register(
        _ opened: OpenedGroup, _ work: FollowerWork, at now: Moment
    ) throws(DownloadRefusal) {
        guard !isStale(opened) else {
            reregistrationNotBefore = now + reregistrationPause.next(&work.entropy)
            reregistration = nil
            reregister(.staleAnswer, work, at: now)
            return
        }
        let isFirst = isEmpty
        let known = opened.rekey.flatMap { rekey in rekeySAs.first { $0.receiver.sa.hasKey(of: rekey) } }
        let kept =
            try opened.rekey.map { (rekey) throws(DownloadRefusal) in
                [try followed(rekey, known, opened, work, at: now)]
            } ?? []
        groupWide = opened.policy.groupWide
        mode = opened.mode
        let sentAs = senderIDs
        senderIDs = opened.senderIDs
        if let suspect, suspect != opened.rekey?.policy.spi { ignore(suspect) }
        suspect = nil
        senderIDWidth = opened.policy.groupWide.senderIDWidth
        livesByConnection = opened.rekey == nil
        isExcluded = false
        reregistration = nil

        for old in rekeySAs where old.spi != known?.spi { drop(old, work) }
        if let fresh = kept.first, known == nil { work.install(group, fresh.receiver.sa) }
        rekeySAs = kept
        let installed = Set(dataSAs.map(\.spi))
        for sa in opened.data { install(sa, sendsAtOnce: isFirst, work, at: now) }
        if senderIDs != sentAs { sendUnderNewIDs(on: installed, work) }
        let current = Set(opened.data.map(\.policy.spi))
        for index in dataSAs.indices where !current.contains(dataSAs[index].spi) { retire(index, work, at: now) }

        let listed = Set(opened.data.map(\.policy.spi.octets) + (opened.rekey.map { [$0.policy.spi.octets] } ?? []))
        defer { listedSPIs = listed }
        if listed.isSubset(of: listedSPIs) {
            reregistrationNotBefore = now + reregistrationPause.next(&work.entropy)
        } else {
            reregistrationPause.reset()
            reregistrationNotBefore = now
        }
        work.event(
            "group-registered", .notice,
            [
                ("group", "\(group)"), ("rekey_spi", opened.rekey.map { "\($0.policy.spi)" } ?? "none"),
                ("data_sas", "\(opened.data.count)"), ("sender_ids", "\(senderIDs.count)"),
            ])
    }

    /// Each registration gives Sender-IDs of its own (RFC 9838 2.5.1): those of before are not used on.
    private func sendUnderNewIDs(on installed: Set<ESPSPI>, _ work: FollowerWork) {
        for held in dataSAs
        where installed.contains(held.spi) && held.direction != .inbound && held.sa.policy.suite.usesCounterMode {
            work.effects.append(.sendAs(senderIDs, .data(held.spi, group: group)))
        }
    }

    /// A rekey overtook the answer: what it lists is no longer in force (RFC 9838 2.3.3).
    private func isStale(_ opened: OpenedGroup) -> Bool {
        guard let rekey = opened.rekey, !isEmpty else { return false }
        if replacedSPIs.contains(rekey.policy.spi) { return true }
        guard !isExcluded else { return false }
        return rekeySAs.contains { held in
            guard held.receiver.sa.hasKey(of: rekey) else { return false }
            let first = rekey.policy.initialMessageID ?? .zero
            return held.receiver.nextMessageID.map { first < $0 } ?? true
        }
    }

    /// A rekey put one Rekey SA in the place of another.
    mutating func noteReplacement(of old: RekeySPI, by fresh: RekeySPI) {
        if replacedSPIs.count >= MemberLimits.replacedSPIs { replacedSPIs.removeFirst() }
        replacedSPIs.append(old)
        // What was met before its rekey came is explained now.
        if suspect == fresh { suspect = nil }
        if reregistration?.suspect == fresh { reregistration = nil }
    }

    private func followed(
        _ rekey: KeyedRekeySA, _ known: FollowedRekeySA?, _ opened: OpenedGroup, _ work: FollowerWork, at now: Moment
    ) throws(DownloadRefusal) -> FollowedRekeySA {
        var receiver = try RekeyReceiver(rekey, authKey: opened.authKey, keyPath: opened.keyPath)
        // The same Rekey SA again: its replay counter goes on (fact sheet B.4-3).
        if let expected = known?.receiver.nextMessageID { receiver.expect(atLeast: expected) }
        return FollowedRekeySA(receiver, lifetime: rekey.policy.lifetime, &work.entropy, at: now)
    }

    /// Forgets the group: the member left it, was refused or stops.
    mutating func removeEverything(_ work: FollowerWork) {
        for sa in dataSAs { work.remove(dataReference(sa.spi)) }
        for sa in rekeySAs { drop(sa, work) }
        (dataSAs, rekeySAs, reregistration) = ([], [], nil)
    }

    // MARK: Wishes

    /// Asks for a new registration at a random moment soon; a wish that is there already and earlier stays.
    mutating func reregister(
        _ cause: ReregistrationCause, _ work: FollowerWork, at now: Moment,
        spread: Duration = MemberLimits.reregistrationSpread, suspect: RekeySPI? = nil
    ) {
        let at = max(now, reregistrationNotBefore) + Jitter.upTo(spread, &work.entropy)
        if let wish = reregistration, wish.at <= at { return }
        reregistration = Reregistration(at: at, cause: cause, suspect: suspect)
        work.event("reregistration-planned", .info, [("group", "\(group)"), ("why", cause.rawValue)])
    }

    /// A GSA_REKEY came to this group's address over a Rekey SA that is not known: a rekey was missed, or it is somebody
    /// else's (fact sheet B.4-23). Nobody has authenticated it, so only an SPI that GSA_NEXT_SPI promised, which strangers
    /// cannot know, is answered within seconds. Any other spreads the members over minutes, and counts once in a pause.
    mutating func meetUnknown(_ spi: RekeySPI, _ work: FollowerWork, at now: Moment) {
        guard !quietSPIs.contains(spi) else { return }
        if expects(spi) {
            suspect = spi
            reregister(.missedRekey, work, at: now, suspect: spi)
        } else if reregistration == nil {
            suspect = spi
            reregister(
                .unknownSPI, work, at: max(now, unknownSPINotBefore), spread: MemberLimits.unknownSPISpread,
                suspect: spi)
            unknownSPINotBefore = (reregistration?.at ?? now) + MemberLimits.unknownSPIPause
        }
    }

    mutating func drop(_ sa: FollowedRekeySA, _ work: FollowerWork) {
        work.remove(rekeyReference(sa.spi))
        ignore(sa.spi)
    }

    private mutating func ignore(_ spi: RekeySPI) {
        if quietSPIs.count >= MemberLimits.quietSPIs { quietSPIs.removeFirst() }
        quietSPIs.append(spi)
    }

    /// The registration was asked for, or could not be had: the wish is taken off until there is a new cause.
    mutating func clearReregistration() { reregistration = nil }

    func rekeyReference(_ spi: RekeySPI) -> GroupSAReference { .rekey(spi, group: group) }
    func dataReference(_ spi: ESPSPI) -> GroupSAReference { .data(spi, group: group) }
}

extension KeyedRekeySA {
    fileprivate func hasKey(of other: KeyedRekeySA) -> Bool {
        policy.spi == other.policy.spi && keymat.secret.constantTimeEquals(other.keymat.secret)
    }
}

/// A Rekey SA of a followed group.
struct FollowedRekeySA: Sendable {
    var receiver: RekeyReceiver
    let endpoint: Endpoint
    var lifeline: Lifeline
    /// A newer one is in force.
    var isReplaced = false

    init(_ receiver: RekeyReceiver, lifetime: Lifetime?, _ entropy: inout any EntropySource, at now: Moment) {
        self.receiver = receiver
        let destination = receiver.sa.policy.destination
        endpoint = Endpoint(destination.first, port: destination.firstPort)
        lifeline = Lifeline(lifetime, &entropy, at: now)
    }

    var spi: RekeySPI { receiver.sa.policy.spi }
    var deadline: Moment { lifeline.deadline }
}

/// A Data-Security SA of a followed group.
struct FollowedDataSA: Sendable {
    let sa: KeyedDataSA
    let direction: SADirection
    var lifeline: Lifeline
    /// When the member begins to send on it; nil when it sends, or never does.
    var sendsFrom: Moment?
    var isSending: Bool
    var isRetired = false
    var reporter = SequenceReporter()

    var spi: ESPSPI { sa.policy.spi }
    var deadline: Moment { min(lifeline.deadline, sendsFrom ?? .never) }

    func hasSelectors(of other: FollowedDataSA) -> Bool {
        sa.policy.source == other.sa.policy.source && sa.policy.destination == other.sa.policy.destination
    }
}

/// When an SA wants to be replaced and when it ends.
struct Lifeline: Sendable {
    /// Soft lifetime: no replacement came until now (RFC 9838 2.4.2). Nil once it was seen, or not needed.
    var softAt: Moment?
    var endsAt: Moment

    /// The GCKS replaces SAs earlier than members get restless: its lead is a tenth of the life, theirs a twentieth at most,
    /// spread over half of that.
    init(_ lifetime: Lifetime?, _ entropy: inout any EntropySource, at now: Moment) {
        guard let lifetime else {
            (softAt, endsAt) = (nil, .never)
            return
        }
        let margin = min(lifetime.duration / MemberLimits.softMarginDivisor, MemberLimits.softMarginMost)
        softAt = now + (lifetime.duration - margin + Jitter.upTo(margin / 2, &entropy))
        endsAt = now + lifetime.duration
    }

    var deadline: Moment { min(softAt ?? .never, endsAt) }
}
