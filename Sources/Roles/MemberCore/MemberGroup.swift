import GroupKeying
import GroupModel
import IKEExchange
import IKEVocabulary

/// One group of a member: where it stands with the GCKS, and what it follows.
struct MemberGroup: Sendable {
    enum Standing: Hashable, Sendable {
        /// To be asked for from this moment on.
        case wanted(from: Moment)
        case asked
        case registered
        /// What the GCKS gave is of no use: it must know (RFC 9838 2.3.4), and is asked again later.
        case refusing(NotifyType, askAgain: Moment)
        /// Its SAs are gone; the GCKS does not know yet, and is told from this moment on.
        case leaving(from: Moment)
        case leaveSent
        case left
    }

    enum Request: Hashable { case join, leave(NotifyType) }

    var follower: GroupFollower
    private(set) var standing: Standing
    private var hasBeenGranted = false
    private var refusals = BackOff(
        least: MemberLimits.temporaryRefusalPause, most: MemberLimits.refusedRegistrationPause)

    init(_ membership: Membership, at now: Moment) {
        follower = GroupFollower(membership)
        standing = .wanted(from: now)
    }

    var group: Identity { follower.group }

    var join: GroupJoin {
        let membership = follower.membership
        return GroupJoin(group: group, proposals: membership.proposals, senderIDs: membership.senderIDs)
    }

    var isLeaving: Bool {
        switch standing {
        case .leaving, .leaveSent: true
        default: false
        }
    }
    var isGone: Bool { isLeaving || standing == .left }

    /// When something must be said to the GCKS; `.never` while nothing needs to be.
    var speaksAt: Moment {
        switch standing {
        case .wanted(let from), .leaving(let from): from
        case .refusing: Moment(nanoseconds: 0)
        case .registered: follower.reregistration?.at ?? .never
        case .asked, .leaveSent, .left: .never
        }
    }

    // MARK: What is to be said

    /// Does what the follower's timers want, and moves to `.wanted` when its wish for a registration has come due.
    mutating func passTime(_ work: FollowerWork, at now: Moment) {
        guard !isGone else { return }
        follower.passTime(work, at: now)
        if standing == .registered, follower.isEmpty, follower.reregistration == nil {
            follower.reregister(.noSALeft, work, at: now)
        }
        guard standing == .registered, let wish = follower.reregistration, wish.at <= now else { return }
        follower.clearReregistration()
        standing = .wanted(from: now)
    }

    /// What to ask over an IKE SA now, if anything; it counts as asked from then on.
    mutating func takeRequest(at now: Moment) -> Request? {
        guard speaksAt <= now else { return nil }
        switch standing {
        case .wanted:
            standing = .asked
            return .join
        case .refusing(let why, let askAgain):
            standing = .wanted(from: askAgain)
            return .leave(why)
        case .leaving:
            standing = .leaveSent
            return .leave(.registrationFailed)
        default: return nil
        }
    }

    /// The IKE SA ended, perhaps before an answer came.
    mutating func connectionEnded(_ work: FollowerWork, at now: Moment) {
        if !isGone { follower.connectionEnded(work, at: now) }
        follower.reportsLost(at: now)
        switch standing {
        case .asked: standing = .wanted(from: now)
        case .leaveSent: standing = .leaving(from: now)
        default: break
        }
    }

    /// Another IKE SA takes the place of the one that was: what was not answered is asked again. A group without a Rekey SA
    /// registers over the new one, for it lives by its IKE SA.
    mutating func connectionMoved(at now: Moment) {
        follower.reportsLost(at: now)
        switch standing {
        case .asked: standing = .wanted(from: now)
        case .leaveSent: standing = .leaving(from: now)
        case .registered where follower.livesByConnection: standing = .wanted(from: now)
        default: break
        }
    }

    // MARK: What the GCKS says

    /// - Returns: false when the answer is of no use; the member then says so.
    mutating func granted(_ download: GroupDownload, _ work: FollowerWork, at now: Moment) -> Bool {
        guard !isGone else { return false }
        hasBeenGranted = true
        do throws(DownloadRefusal) {
            let opened = try RegistrationDownload.open(
                gsa: GSAPayloadBody(download.groupSecurityAssociation), kd: KDPayloadBody(download.keyDownload),
                notifies: download.notifies, gskW: download.gskW, keyWrap: download.keyWrap,
                senderIDsAsked: follower.membership.senderIDs, engine: work.engine)
            try follower.register(opened, work, at: now)
            refusals.reset()
            standing = .registered
            return true
        } catch {
            work.event("registration-unusable", .error, [("group", "\(group)"), ("why", "\(error)")])
            let pause = MemberLimits.refusedRegistrationPause + spread(work)
            standing = .refusing(error.notify, askAgain: now + pause)
            return false
        }
    }

    /// The GCKS says no, or not now. What the follower holds stays until it ends by itself, unless the GCKS took everybody out
    /// and does not let this member in again: then all goes at once. A leave is said again.
    mutating func refused(_ notify: NotifyType, _ work: FollowerWork, at now: Moment) {
        guard !isGone || standing == .leaveSent else { return }
        let isTemporary = notify == .temporaryFailure
        if notify == .authorizationFailed, follower.isExcluded, !isGone { follower.removeEverything(work) }
        let pause =
            isTemporary
            ? refusals.next(&work.entropy) : MemberLimits.refusedRegistrationPause + spread(work)
        if standing == .leaveSent {
            standing = .leaving(from: now + pause)
        } else {
            follower.clearReregistration()
            standing = .wanted(from: now + pause)
        }
    }

    private func spread(_ work: FollowerWork) -> Duration {
        Jitter.upTo(MemberLimits.reregistrationSpread, &work.entropy)
    }

    // MARK: Leaving

    /// A group that was never asked for needs no farewell.
    mutating func leave(_ work: FollowerWork) {
        guard !isGone else { return }
        follower.removeEverything(work)
        refusals.reset()
        standing = hasBeenGranted || standing == .asked ? .leaving(from: Moment(nanoseconds: 0)) : .left
    }

    mutating func farewellDone() {
        if standing == .leaveSent { standing = .left }
    }
}
