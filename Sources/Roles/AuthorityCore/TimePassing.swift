import GroupModel
import IKEVocabulary

extension AuthorityCore {
    /// Replaces keys before their lifetime ends, removes SAs whose deactivation delay is over, forgets old operations and
    /// rekey orders that nobody took.
    func passTime(at now: WallTime, into draft: inout DecisionDraft) {
        for group in groups.values.sorted(by: { $0.name < $1.name }) {
            removeRetired(of: group, at: now, into: &draft)
            rekeyIfDue(group, at: now, into: &draft)
        }
        forgetOperations(at: now, into: &draft)
        for order in unfinishedRekeyOrders where order.createdAt.adding(limits.rekeyOrderLife) < now {
            rekeyOrders.removeValue(forKey: order.number)
            draft.mutations.append(.removeRekeyOrder(order.number))
            draft.effects.append(.withdraw(order.number))
            draft.effects.append(
                .event(
                    Event("rekey-unsent", .error, [("group", order.group.text), ("message_id", "\(order.messageID)")])))
        }
    }

    private func rekeyIfDue(_ group: GroupState, at now: WallTime, into draft: inout DecisionDraft) {
        let due = group.currentDataSAs.filter { isDue($0.row.createdAt, $0.row.expiresAt, now) }
        let rekeySADue =
            isDue(group.rekeySA.row.createdAt, group.rekeySA.row.expiresAt, now)
            || group.rekeySA.row.nextMessageID.next == nil
        guard rekeySADue || !due.isEmpty else { return }
        let plan = RekeyPlan(
            cause: .lifetime, replacesRekeySA: rekeySADue, replacesAuthKey: false, dataSAs: Set(due.map(\.row.name)))
        do {
            try rekey(group, plan, at: now, into: &draft)
        } catch {
            draft.effects.append(
                .event(Event("rekey-failed", .error, [("group", group.name.text), ("why", "\(error)")])))
        }
    }

    /// True from one tenth of the life before its end, at least `leastLead`.
    private func isDue(_ created: WallTime, _ expires: WallTime, _ now: WallTime) -> Bool {
        let life = max(expires.milliseconds - created.milliseconds, 0)
        let lead = max(life / Int64(limits.rekeyLeadDivisor), Int64(limits.leastLead.seconds) * 1000)
        return now.milliseconds >= expires.milliseconds - min(lead, life / 2)
    }

    private func removeRetired(of group: GroupState, at now: WallTime, into draft: inout DecisionDraft) {
        let delay = Lifetime(seconds: UInt32(group.definition.deactivationTimeDelay))
        let isOver = { (retiredAt: WallTime?) in retiredAt.map { $0.adding(delay) < now } ?? false }
        for row in group.dataSAs.map(\.row) + group.abandonedDataSAs where isOver(row.retiredAt) {
            spisInUse.remove(row.spi)
            draft.mutations.append(.removeDataSA(row.spi, group: group.name))
        }
        group.dataSAs.removeAll { isOver($0.row.retiredAt) }
        group.abandonedDataSAs.removeAll { isOver($0.retiredAt) }
        for row in group.retiredRekeySAs where isOver(row.retiredAt) { draft.mutations.append(.removeRekeySA(row.spi)) }
        group.retiredRekeySAs.removeAll { isOver($0.retiredAt) }
    }

    private func forgetOperations(at now: WallTime, into draft: inout DecisionDraft) {
        let horizon = WallTime(milliseconds: now.milliseconds - Int64(limits.operationsKept.seconds) * 1000)
        guard let before = operations.forget(before: horizon, atMost: limits.operationsForgottenAtOnce) else { return }
        draft.mutations.append(.forgetOperations(before: before))
    }
}
