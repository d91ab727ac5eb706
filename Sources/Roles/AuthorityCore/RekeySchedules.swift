import GroupModel
import IKEVocabulary

extension AuthorityCore {
    // MARK: When

    /// When this Rekey SA is to be replaced: by the schedule, or at the last moment while the group is paused.
    func dueAt(_ row: RekeySARow, _ schedule: RekeySchedule, isPaused: Bool) -> WallTime {
        dueAt(
            row.createdAt, row.expiresAt, percent: schedule.kekPercent, jitter: schedule.jitterPercent,
            draw: row.spi.initiatorHalf.rawValue, isPaused: isPaused)
    }

    func dueAt(_ row: DataSARow, _ schedule: RekeySchedule, isPaused: Bool) -> WallTime {
        dueAt(
            row.createdAt, row.expiresAt, percent: schedule.tekPercent, jitter: schedule.jitterPercent,
            draw: UInt64(row.spi.rawValue) &* 0x9e37_79b9_7f4a_7c15, isPaused: isPaused)
    }

    /// - Parameter draw: decides the jitter; the same for every leader, because it comes from the SA.
    private func dueAt(
        _ created: WallTime, _ expires: WallTime, percent: UInt8, jitter: UInt8, draw: UInt64, isPaused: Bool
    ) -> WallTime {
        let life = max(expires.milliseconds - created.milliseconds, 0)
        let least = min(Int64(limits.leastLead.seconds) * 1000, life / 2)
        // Members ask for themselves when a twentieth is left: paused or not, the rekey comes before.
        var lead = life / 100 * Int64(limits.pausedLeadPercent)
        if !isPaused {
            let spread = life / 100 * Int64(jitter) / 65_536 * Int64(draw >> 48)
            lead = life / 100 * (100 - Int64(percent)) + spread
        }
        return WallTime(milliseconds: expires.milliseconds - max(lead, least))
    }

    // MARK: What the operator asks

    func scheduleStatuses(_ name: GroupName?, at now: WallTime) -> Result<OperatorReply, OperatorFailure> {
        if let name, groups[name] == nil { return .failure(.notFound("no group \(name)")) }
        let chosen = groups.values.filter { name == nil || $0.name == name }.sorted { $0.name < $1.name }
        return .success(.schedules(chosen.map(scheduleStatus)))
    }

    func scheduleStatus(of group: GroupState) -> RekeyScheduleStatus {
        let (schedule, isPaused) = (group.schedule, group.pausedAt != nil)
        let kek = dueAt(group.rekeySA.row, schedule, isPaused: isPaused)
        let teks = group.currentDataSAs.map { dueAt($0.row, schedule, isPaused: isPaused) }
        let last = group.currentDataSAs.map { dueAt($0.row, schedule, isPaused: true) }
        return RekeyScheduleStatus(
            group: group.name, schedule: schedule, pausedSince: group.pausedAt, kekDueAt: kek,
            tekDueAt: teks.min() ?? kek,
            safeUntil: (last + [dueAt(group.rekeySA.row, schedule, isPaused: true)]).min() ?? kek)
    }

    func setSchedule(
        _ name: GroupName, _ schedule: RekeySchedule, _ mandate: Mandate, by actor: OperatorActor, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        let group = try group(name)
        let faults = schedule.faults()
        guard faults.isEmpty else { throw OperatorFailure.invalid(faults) }
        let line =
            "\(name): KEK after \(schedule.kekPercent) %, TEK after \(schedule.tekPercent) % of their lifetime, up to "
            + "\(schedule.jitterPercent) % earlier"
        guard !mandate.isDryRun else { return [line + " (dry run)"] }
        group.schedule = schedule
        draft.mutations.append(.putRekeySchedule(group.scheduleRow))
        draft.audit.append(Causer(actor, mandate).entry("rekey-schedule-set", "group/\(name)", result: "done: \(line)"))
        record(mandate.operation, "rekey-schedule-set", name, [line], by: actor.name, at: now, into: &draft)
        return [line]
    }

    /// A pause stops what the schedule would do, never the last rekey before a key expires.
    func pause(
        _ name: GroupName, _ wanted: Bool, _ mandate: Mandate, by actor: OperatorActor, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        let group = try group(name)
        guard wanted != (group.pausedAt != nil) else {
            throw OperatorFailure.conflict("rekeys of \(name) are \(wanted ? "paused already" : "not paused")")
        }
        let safeUntil = scheduleStatus(of: group).safeUntil
        var lines = ["rekeys of \(name) go on by their schedule"]
        if wanted {
            guard now < safeUntil else {
                throw OperatorFailure.conflict("keys of \(name) must be replaced now: a pause would let them expire")
            }
            let seconds = (safeUntil.milliseconds - now.milliseconds) / 1000
            lines = ["rekeys of \(name) are paused", "safe for \(seconds) s; then they go on by themselves"]
        }
        guard !mandate.isDryRun else { return lines.map { $0 + " (dry run)" } }
        group.pausedAt = wanted ? now : nil
        draft.mutations.append(.putRekeySchedule(group.scheduleRow))
        draft.audit.append(Causer(actor, mandate).entry(wanted ? "rekey-paused" : "rekey-resumed", "group/\(name)"))
        record(
            mandate.operation, wanted ? "rekey-pause" : "rekey-resume", name, lines, by: actor.name, at: now,
            into: &draft)
        return lines
    }

    // MARK: Time

    func rekeyIfDue(_ group: GroupState, at now: WallTime, into draft: inout DecisionDraft) {
        var causer = Causer(authority: node, reason: "lifetime")
        if group.pausedAt != nil, scheduleStatus(of: group).safeUntil <= now {
            causer.reason = "keys would expire in the pause"
            group.pausedAt = nil
            draft.mutations.append(.putRekeySchedule(group.scheduleRow))
            draft.audit.append(causer.entry("rekey-resumed", "group/\(group.name)"))
            draft.effects.append(.event(Event("rekey-pause-over", .warning, [("group", group.name.text)])))
        }
        let isPaused = group.pausedAt != nil
        var due = group.currentDataSAs.filter { dueAt($0.row, group.schedule, isPaused: isPaused) <= now }
        let ending = group.currentDataSAs.filter { endsSoon($0, group, at: now) }
        let rekeySADue =
            dueAt(group.rekeySA.row, group.schedule, isPaused: isPaused) <= now
            || group.rekeySA.row.nextMessageID.next == nil
        let isForSequence = !rekeySADue && due.isEmpty
        due += ending
        guard rekeySADue || !due.isEmpty else { return }
        if isForSequence { causer.reason = "sequence numbers come to their end" }
        let plan = RekeyPlan(
            cause: isForSequence ? .sequence : .lifetime, replacesRekeySA: rekeySADue, replacesAuthKey: false,
            dataSAs: Set(due.map(\.row.name)))
        do {
            try rekey(group, plan, by: causer, at: now, into: &draft)
        } catch {
            draft.effects.append(
                .event(Event("rekey-failed", .error, [("group", group.name.text), ("why", "\(error)")])))
        }
    }
}
