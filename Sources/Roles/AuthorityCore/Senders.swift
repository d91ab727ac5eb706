import GroupModel
import IKECrypto
import IKEVocabulary

// A sender that begins anew counts from 1 again. Under the same key that is a nonce of before and a number that receivers have
// seen, so it gets an SA of its own keys (fact sheet I.2); and Sender-IDs are not given out faster than they can be replaced.

extension AuthorityCore {
    /// Comes between a sender's authorisation and its grant: replaces what it must not be given again.
    ///
    /// - Returns: why it has to wait; nil when it can be granted.
    func makeReady(
        _ request: RegistrationRequest, senderIDCount: UInt64, _ group: GroupState, at now: WallTime,
        into draft: inout DecisionDraft
    ) -> String? {
        let association = request.operation.association
        let stale = group.singleSenderSAs.filter { name in
            !(group.claims[name].map { $0.isFree || $0.isHeld(by: request.member, over: association) } ?? false)
        }
        if !stale.isEmpty, let why = pauseAfterReplacement(group, at: now) { return waits(request, group, why, &draft) }
        if senderIDCount > 0, !mayTake(senderIDCount, request.member, group, at: now) {
            let why =
                "its Sender-IDs were taken too fast: one registration in \(limits.senderRegistrationInterval.seconds) s"
            return waits(request, group, why, &draft)
        }
        if !stale.isEmpty, let why = replace(stale, for: request, group, at: now, into: &draft) {
            return waits(request, group, why, &draft)
        }
        for name in group.singleSenderSAs {
            claim(
                SenderClaimRow(
                    group: group.name, dataSA: name, holder: request.member.canonical, association: association),
                group, into: &draft)
        }
        return nil
    }

    private func pauseAfterReplacement(_ group: GroupState, at now: WallTime) -> String? {
        let pause = limits.senderReplacementPause
        guard let end = group.lastRekey(.sender)?.at.adding(pause), now < end else { return nil }
        return "its data SA was replaced for a sender \(pause.seconds) s ago or less: "
            + "\((end.milliseconds - now.milliseconds) / 1000 + 1) s to wait"
    }

    /// - Returns: why not now.
    private func replace(
        _ names: [String], for request: RegistrationRequest, _ group: GroupState, at now: WallTime,
        into draft: inout DecisionDraft
    ) -> String? {
        let plan = RekeyPlan(cause: .sender, replacesRekeySA: false, replacesAuthKey: false, dataSAs: Set(names))
        let causer = Causer(
            authority: node, reason: "\(request.member) begins to send: nothing is sent twice under a key")
        do {
            try rekey(group, plan, by: causer, at: now, into: &draft)
            return nil
        } catch {
            return "its data SA cannot be replaced now: \(error)"
        }
    }

    private func waits(
        _ request: RegistrationRequest, _ group: GroupState, _ why: String, _ draft: inout DecisionDraft
    ) -> String {
        draft.effects.append(
            .event(
                Event(
                    "sender-waits", .warning, limitedBy: request.member.description,
                    [("group", group.name.text), ("member", request.member.description), ("why", why)])))
        return why
    }

    // MARK: Who holds which SA

    private func claim(_ row: SenderClaimRow, _ group: GroupState, into draft: inout DecisionDraft) {
        guard group.claims[row.dataSA] != row else { return }
        group.claims[row.dataSA] = row
        draft.mutations.append(.sending(.putClaim(row)))
    }

    /// Every data SA of the group is new, and nobody has it: the first sender gets it as it is.
    func freeClaims(_ group: GroupState, into draft: inout DecisionDraft) {
        for name in group.singleSenderSAs {
            claim(SenderClaimRow(group: group.name, dataSA: name), group, into: &draft)
        }
    }

    /// It left and has thrown its SAs away: also over the same IKE SA it would begin anew.
    func releaseClaims(of member: Identity, _ group: GroupState, into draft: inout DecisionDraft) {
        for row in group.claims.values where row.holder == member.canonical {
            claim(SenderClaimRow(group: group.name, dataSA: row.dataSA, holder: row.holder), group, into: &draft)
        }
    }

    // MARK: Sender-IDs

    /// A bucket for each identity: some registrations with all that its rule allows at once, then one in each interval.
    private func mayTake(
        _ count: UInt64, _ member: Identity, _ group: GroupState, at now: WallTime
    ) -> Bool {
        let allowed = UInt64(group.definition.rule(for: member)?.senderIDLimit ?? 1)
        return group.senderIDRates.take(
            count, member.canonical, burst: max(allowed, count) * limits.senderRegistrationBurst,
            interval: limits.senderRegistrationInterval, refill: max(allowed, count), at: now)
    }

    /// Warns once when so many Sender-IDs are given that a reset comes near.
    func noteUse(of group: GroupState, before: UInt64, into draft: inout DecisionDraft) {
        let warned = group.senderIDs(percent: limits.senderIDsWarnPercent)
        guard before < warned, group.row.nextSenderID >= warned else { return }
        draft.effects.append(.event(event("sender-ids-run-out", .warning, group)))
    }

    /// Looked at with the clock: renews a group whose Sender-IDs come to their end, before a sender has to be turned away.
    func resetSenderIDsIfDue(_ group: GroupState, at now: WallTime, into draft: inout DecisionDraft) {
        guard group.definition.data.contains(where: \.suite.usesCounterMode),
            group.row.nextSenderID >= group.senderIDs(percent: limits.senderIDsResetPercent)
        else { return }
        _ = resetSenderIDs(group, at: now, into: &draft)
    }

    /// Ends every SA of the group: everybody registers again, under new keys only, and Sender-IDs begin at 0
    /// (RFC 9838 2.5.1).
    ///
    /// - Returns: false when it would not help, because senders that are there hold half of the Sender-IDs, or was just done.
    func resetSenderIDs(_ group: GroupState, at now: WallTime, into draft: inout DecisionDraft) -> Bool {
        // The first schema knows no counter that begins again.
        guard upkeep.schema > 1 else { return false }
        if let last = group.lastRekey(.senderIDs)?.at, now < last.adding(limits.senderIDResetPause) { return false }
        let held = group.senders.reduce(0) { $0 + (group.members[$1]?.senderIDs.count ?? 0) }
        guard UInt64(held) < group.definition.senderIDWidth.capacity / 2 else { return false }
        let before = group.row.generation
        do {
            try requireRoomForOrders(1)
            let renewal = try prepareRenewal(group, cause: .senderIDs, offset: 0, at: now)
            draft.mutations.append(.sending(.resetSenderIDs(group.name)))
            group.row.nextSenderID = 0
            let causer = Causer(authority: node, reason: "Sender-IDs come to their end")
            apply(.renewal(renewal), to: group, by: causer, at: now, into: &draft)
            draft.audit.append(
                causer.entry("sender-ids-reset", "group/\(group.name)", from: before, to: group.row.generation))
        } catch {
            draft.effects.append(
                .event(Event("rekey-failed", .error, [("group", group.name.text), ("why", "\(error)")])))
            return false
        }
        for identity in group.senders.sorted(by: { $0.description < $1.description }) {
            group.remove(identity)
            draft.mutations.append(.removeMember(identity, group: group.name))
        }
        draft.effects.append(.event(event("sender-ids-reset", .warning, group)))
        return true
    }

    private func event(_ name: String, _ level: Event.Level, _ group: GroupState) -> Event {
        Event(
            name, level,
            [
                ("group", group.name.text), ("given", "\(group.row.nextSenderID)"),
                ("capacity", "\(group.definition.senderIDWidth.capacity)"),
            ])
    }
}

extension SenderClaimRow {
    var isFree: Bool { holder == nil }

    func isHeld(by member: Identity, over association: [UInt8]) -> Bool {
        holder == member.canonical && !association.isEmpty && self.association == association
    }
}

extension GroupState {
    /// Names of the data SAs whose numbers one sender counts.
    var singleSenderSAs: [String] { definition.data.filter { $0.senders == .single }.map(\.name) }

    func lastRekey(_ cause: RekeyCause) -> RekeyHistoryRow? { history.last { $0.cause == cause.rawValue } }

    func senderIDs(percent: UInt64) -> UInt64 {
        let capacity = definition.senderIDWidth.capacity
        return capacity / 100 * percent + capacity % 100 * percent / 100
    }
}

/// How fast identities take Sender-IDs: a token bucket each, in memory only. Bounded; whoever was not seen for long is full again.
struct SenderIDRates {
    private struct Bucket {
        var tokens: UInt64
        var at: WallTime
    }

    private static let most = 4096
    private var buckets: [Identity: Bucket] = [:]

    mutating func take(
        _ count: UInt64, _ member: Identity, burst: UInt64, interval: Lifetime, refill: UInt64, at now: WallTime
    ) -> Bool {
        if buckets.count >= Self.most, buckets[member] == nil,
            let oldest = buckets.min(by: { $0.value.at < $1.value.at })
        {
            buckets.removeValue(forKey: oldest.key)
        }
        var bucket = buckets[member] ?? Bucket(tokens: burst, at: now)
        let step = Int64(interval.seconds) * 1000
        let rounds = step > 0 ? max(now.milliseconds - bucket.at.milliseconds, 0) / step : 0
        if rounds > 0 {
            bucket.tokens = min(burst, bucket.tokens + UInt64(min(rounds, 1024)) * refill)
            bucket.at = WallTime(milliseconds: bucket.at.milliseconds + rounds * step)
        }
        defer { buckets[member] = bucket }
        guard bucket.tokens >= count else { return false }
        bucket.tokens -= count
        return true
    }
}
