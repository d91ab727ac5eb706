import GroupModel
import IKEVocabulary

// How far senders are, as they report it (fact sheet I.5). What was stored never goes back, and only the sender of an SA is
// believed about it: what it says can replace the SA's keys earlier, never let anything in.

extension AuthorityCore {
    /// Stores a report. The answer leaves with the commit, as every answer does.
    func take(
        _ report: SequenceReport, _ request: RegistrationRequest, at now: WallTime, into draft: inout DecisionDraft
    ) -> RegistrationOutcome {
        // The first schema has no place for it.
        guard upkeep.schema > 1 else { return .unavailable("reports are kept after gcksctl upgrade finalize") }
        let found = groups.values.first { group in group.dataSAs.contains { $0.row.spi == report.spi } }
        guard let group = found, let held = group.currentDataSAs.first(where: { $0.row.spi == report.spi }) else {
            return refuse(
                report, request, found, .unknownSA, "SPI \(report.spi) is no current data SA", at: now, &draft)
        }
        let member = request.member.canonical
        // An SA that came with a policy, or with the schema, has no claim until somebody registers to send on it.
        let isHolder = group.claims[held.row.name].map { $0.holder == member } ?? (group.senders == [member])
        guard group.singleSenderSAs.contains(held.row.name), group.senders.contains(member), isHolder else {
            let why = "\(member) is not the sender of \(group.name) \(held.row.name)"
            return refuse(report, request, group, .notTheSender, why, at: now, &draft)
        }
        let old = group.sequences[report.spi]
        // The answer was lost, and the sender tells again that it has not moved.
        if let old, old.counter <= report.counter, old.next == report.next { return .noted }
        let isAhead = old.map { report.counter > $0.counter && report.next > $0.next } ?? true
        guard isAhead, report.next <= held.sa.policy.sequenceNumbers.lastNext else {
            let why =
                "\(report.next) (report \(report.counter)) does not follow \(old?.next ?? 0) (\(old?.counter ?? 0))"
            return refuse(report, request, group, .stepsBack, why, at: now, &draft)
        }
        let row = SequenceRow(
            group: group.name, spi: report.spi, next: report.next, counter: report.counter, at: now,
            earlierNext: old?.next ?? 0, earlierAt: old?.at ?? held.row.createdAt)
        group.sequences[report.spi] = row
        draft.mutations.append(.sending(.putSequence(row)))
        draft.effects.append(
            .event(
                Event(
                    "sequence-reported", .info, limitedBy: member.description,
                    [
                        ("group", group.name.text), ("member", "\(member)"), ("spi", "\(report.spi)"),
                        ("next", "\(report.next)"),
                    ])))
        return .noted
    }

    private func refuse(
        _ report: SequenceReport, _ request: RegistrationRequest, _ group: GroupState?,
        _ kind: RegistrationRefusal.Kind, _ why: String, at now: WallTime, _ draft: inout DecisionDraft
    ) -> RegistrationOutcome {
        draft.effects.append(
            .event(
                Event(
                    "sequence-report-refused", .warning, limitedBy: request.member.description,
                    [
                        ("group", group?.name.text ?? ""), ("member", request.member.description),
                        ("kind", kind.rawValue),
                        ("why", why),
                    ])))
        // It can come again at will: recorded once an hour for each member and group.
        if let group, reportDenials.isNew(request.member, group.name, at: now) {
            noteMember("sequence-report", request, in: group.name, result: "refused: \(why)", into: &draft)
        }
        return .refused(RegistrationRefusal(kind, why))
    }

    // MARK: Use (a): new keys before 32-bit numbers end

    /// The SA's numbers end soon, at the rate its sender reported. While a group was just rolled over for that reason, another
    /// report changes nothing: a sender that lies costs one planned rekey in a pause.
    func endsSoon(_ held: HeldDataSA, _ group: GroupState, at now: WallTime) -> Bool {
        guard let row = group.sequences[held.row.spi], held.sa.policy.sequenceNumbers == .sequential32 else {
            return false
        }
        if let last = group.lastRekey(.sequence)?.at, now < last.adding(limits.sequenceRolloverPause) { return false }
        let end = Double(SequenceNumbersID.sequential32.lastNext)
        let lead = Lifetime(
            seconds: limits.sequenceLead.seconds + UInt32(group.definition.activationTimeDelay))
        return row.estimate(at: now.adding(lead)) >= end || Double(row.next) >= end / 16 * 15
    }

    func forgetSequence(_ spi: ESPSPI, _ group: GroupState, into draft: inout DecisionDraft) {
        guard group.sequences.removeValue(forKey: spi) != nil else { return }
        draft.mutations.append(.sending(.removeSequence(spi, group: group.name)))
    }

    // MARK: What operators see

    func sequenceStatuses(_ group: GroupState) -> [SequenceStatus] {
        let names = Set(group.singleSenderSAs)
        return group.currentDataSAs.filter { names.contains($0.row.name) }.map { held in
            SequenceStatus(
                dataSA: held.row.name, spi: held.row.spi.description, sender: group.claims[held.row.name]?.holder,
                report: group.sequences[held.row.spi])
        }
    }
}

extension SequenceNumbersID {
    /// The highest "next number" there can be. The store's integers end at 2^63.
    fileprivate var lastNext: UInt64 {
        switch self {
        case .sequential32, .unspecified32: 1 << 32
        default: 1 << 62
        }
    }
}
