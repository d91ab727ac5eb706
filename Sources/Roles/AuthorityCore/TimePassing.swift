import GroupModel
import IKEVocabulary

extension AuthorityCore {
    /// Replaces keys before their lifetime ends, removes SAs whose deactivation delay is over, forgets old operations and
    /// rekey orders that nobody took.
    func passTime(at now: WallTime, into draft: inout DecisionDraft) {
        for group in groups.values.sorted(by: { $0.name < $1.name }) {
            removeRetired(of: group, at: now, into: &draft)
            rekeyIfDue(group, at: now, into: &draft)
            promiseIfNone(group, into: &draft)
            resetSenderIDsIfDue(group, at: now, into: &draft)
            rekeyAfterLeave(group, at: now, into: &draft)
        }
        forgetOperations(at: now, into: &draft)
        tendAudit(at: now, into: &draft)
        for order in unfinishedRekeyOrders where order.createdAt.adding(limits.rekeyOrderLife) < now {
            rekeyOrders.removeValue(forKey: order.number)
            draft.mutations.append(.removeRekeyOrder(order.number))
            draft.effects.append(.withdraw(order.number))
            draft.effects.append(
                .event(
                    Event("rekey-unsent", .error, [("group", order.group.text), ("message_id", "\(order.messageID)")])))
        }
    }

    private func removeRetired(of group: GroupState, at now: WallTime, into draft: inout DecisionDraft) {
        let delay = Lifetime(seconds: UInt32(group.definition.deactivationTimeDelay))
        let causer = Causer(authority: node, reason: "deactivation delay is over")
        let isOver = { (retiredAt: WallTime?) in retiredAt.map { $0.adding(delay) < now } ?? false }
        for row in group.dataSAs.map(\.row) + group.abandonedDataSAs where isOver(row.retiredAt) {
            spisInUse.remove(row.spi)
            forgetSequence(row.spi, group, into: &draft)
            draft.mutations.append(.removeDataSA(row.spi, group: group.name))
            draft.audit.append(
                causer.entry("data-sa-destroyed", "group/\(group.name)/data-sa/\(row.name)/\(row.spi)"))
        }
        group.dataSAs.removeAll { isOver($0.row.retiredAt) }
        group.abandonedDataSAs.removeAll { isOver($0.retiredAt) }
        for row in group.retiredRekeySAs where isOver(row.retiredAt) {
            draft.mutations.append(.removeRekeySA(row.spi))
            draft.audit.append(causer.entry("rekey-sa-destroyed", "group/\(group.name)/rekey-sa/\(row.spi)"))
        }
        group.retiredRekeySAs.removeAll { isOver($0.retiredAt) }
    }

    private func forgetOperations(at now: WallTime, into draft: inout DecisionDraft) {
        let horizon = WallTime(milliseconds: now.milliseconds - Int64(limits.operationsKept.seconds) * 1000)
        guard let before = operations.forget(before: horizon, atMost: limits.operationsForgottenAtOnce) else { return }
        draft.mutations.append(.forgetOperations(before: before))
    }
}
