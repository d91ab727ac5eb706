import GroupModel
import IKECrypto
import IKEVocabulary

extension AuthorityCore {
    func decide(
        _ request: ControlRequest, by actor: OperatorActor, at now: WallTime, into draft: inout DecisionDraft
    ) -> Result<OperatorReply, OperatorFailure> {
        switch request {
        case .evict(let identities, let name, let mandate):
            once(mandate) { try self.evict(identities, name, mandate, by: actor, at: now, into: &draft) }
        case .deny(let identities, let name, let mandate):
            once(mandate) { try self.deny(identities, name, mandate, by: actor, at: now, into: &draft) }
        case .allow(let identities, let name, let mandate):
            once(mandate) { try self.allow(identities, name, mandate, by: actor, at: now, into: &draft) }
        case .emergency(let name, let mandate):
            once(mandate) { try self.renewAll(name, mandate, by: actor, at: now, into: &draft) }
        case .schedules(let name): scheduleStatuses(name, at: now)
        case .setSchedule(let name, let schedule, let mandate):
            once(mandate) { try self.setSchedule(name, schedule, mandate, by: actor, at: now, into: &draft) }
        case .pause(let name, let isPaused, let mandate):
            once(mandate) { try self.pause(name, isPaused, mandate, by: actor, at: now, into: &draft) }
        case .history(let name, let after): history(name, after: after)
        case .policyTest(let identity, let name, let senderIDs): explain(identity, in: name, senderIDs: senderIDs)
        }
    }

    func group(_ name: GroupName) throws(OperatorFailure) -> GroupState {
        guard let group = groups[name] else { throw .notFound("no group \(name)") }
        return group
    }

    // MARK: Exclusion

    /// The bar, the end of the membership and the new keys are one decision: once it is acknowledged, nothing that is built later
    /// can be opened with what the excluded ones hold, and nothing is granted to them.
    private func evict(
        _ identities: [Identity], _ name: GroupName?, _ mandate: Mandate, by actor: OperatorActor, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        let identities = try checked(identities)
        let chosen: [GroupState]
        if let name {
            chosen = [try group(name)]
        } else {
            chosen = sortedGroups.filter { group in identities.contains { group.members[$0] != nil } }
            guard !chosen.isEmpty else {
                let whom = identities.map(\.description).joined(separator: ", ")
                throw OperatorFailure.notFound("\(whom): in no group; name one with --group, or use member deny")
            }
        }
        for group in chosen { try requireRoomForExclusions(of: identities, in: group) }
        let ways = chosen.map { exclusionWay(of: identities, in: $0) }
        let lines = zip(chosen, ways).flatMap { exclusionPlan(identities, $0, $1) }
        guard !mandate.isDryRun else { return lines.map { $0 + " (dry run)" } }
        var prepared: [PreparedExclusion] = []
        for (group, way) in zip(chosen, ways) {
            let plan = RekeyPlan(
                cause: .exclusion, replacesRekeySA: true, replacesAuthKey: false,
                dataSAs: Set(group.definition.data.map(\.name)))
            let offset = Int64(prepared.reduce(0) { $0 + $1.orders })
            prepared.append(try prepare(way, of: group, plan, offset: offset, at: now))
        }
        let causer = Causer(actor, mandate)
        for (group, exclusion) in zip(chosen, prepared) {
            let before = group.row.generation
            for identity in identities {
                bar(identity, in: group, causer, at: now, into: &draft)
                if group.remove(identity) != nil {
                    draft.mutations.append(.removeMember(identity, group: group.name))
                }
            }
            apply(exclusion, departing: identities, to: group, by: causer, at: now, into: &draft)
            for identity in identities {
                draft.audit.append(
                    causer.entry(
                        "member-excluded", "group/\(group.name)/member/\(identity)", from: before,
                        to: group.row.generation))
            }
        }
        dismissOutsiders(among: identities, into: &draft)
        record(mandate.operation, "member-evict", chosen[0].name, lines, by: actor.name, at: now, into: &draft)
        return lines
    }

    private func exclusionPlan(_ identities: [Identity], _ group: GroupState, _ way: ExclusionWay) -> [String] {
        let there = identities.filter { group.members[$0] != nil }
        let left = group.members.count - there.count
        var lines = ["\(group.name): \(there.count) of \(group.members.count) members taken out and barred"]
        lines += identities.map { identity in
            switch (group.members[identity] != nil, group.exclusions[identity] != nil) {
            case (true, _): "\(group.name): \(identity) is a member"
            case (false, true): "\(group.name): \(identity) is barred already; the keys are renewed all the same"
            case (false, false): "\(group.name): \(identity) is no member now, but may hold keys from before"
            }
        }
        if left == 0, !there.isEmpty {
            lines.append("\(group.name): nobody is left in the group")
        } else if there.count * 10 > group.members.count {
            lines.append("\(group.name): more than a tenth of the group goes")
        }
        return lines + self.lines(of: way, group, staying: left)
    }

    func renewalPlan(_ group: GroupState, staying: Int) -> [String] {
        let gap = limits.reregistrationSpreadSeconds + staying / limits.registrationsPerSecondExpected + 1
        let over = group.rekeySA.row
        return [
            "\(group.name): new Rekey SA and \(group.definition.data.count) new data SAs, given by registration only",
            "\(group.name): GSA_REKEY \(over.spi) message \(over.nextMessageID) deletes all SAs under the old keys",
            "\(group.name): \(staying) members register again; expected gap \(gap) s",
        ]
    }

    private func deny(
        _ identities: [Identity], _ name: GroupName?, _ mandate: Mandate, by actor: OperatorActor, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        let identities = try checked(identities)
        let chosen = try name.map { [try group($0)] } ?? sortedGroups
        guard let first = chosen.first else { throw OperatorFailure.notFound("there is no group") }
        for group in chosen {
            try requireRoomForExclusions(of: identities, in: group)
            if let member = identities.first(where: { group.members[$0] != nil }) {
                throw OperatorFailure.conflict("\(member) is a member of \(group.name): take it out with member evict")
            }
        }
        let causer = Causer(actor, mandate)
        var lines: [String] = []
        for group in chosen {
            for identity in identities where group.exclusions[identity] == nil {
                lines.append("\(identity) barred from \(group.name)")
                guard !mandate.isDryRun else { continue }
                bar(identity, in: group, causer, at: now, into: &draft)
                draft.audit.append(causer.entry("member-denied", "group/\(group.name)/member/\(identity)"))
            }
        }
        if lines.isEmpty { lines = ["nothing to do: barred already"] }
        guard !mandate.isDryRun else { return lines.map { $0 + " (dry run)" } }
        dismissOutsiders(among: identities, into: &draft)
        record(mandate.operation, "member-deny", first.name, lines, by: actor.name, at: now, into: &draft)
        return lines
    }

    private func allow(
        _ identities: [Identity], _ name: GroupName?, _ mandate: Mandate, by actor: OperatorActor, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        let identities = try checked(identities)
        let chosen = try name.map { [try group($0)] } ?? sortedGroups
        let causer = Causer(actor, mandate)
        let found = chosen.flatMap { group in
            identities.filter { group.exclusions[$0] != nil }.map { (group, $0) }
        }
        guard let first = found.first?.0 else {
            let whom = identities.map(\.description).joined(separator: ", ")
            throw OperatorFailure.notFound("\(whom): not barred from \(name.map { "group \($0)" } ?? "any group")")
        }
        let lines = found.map { "\($1) no longer barred from \($0.name): its rules decide" }
        guard !mandate.isDryRun else { return lines.map { $0 + " (dry run)" } }
        // Who comes back must not open what was sent while it was out: a new KEK and new TEKs come first, for those who are there.
        let touched = chosen.filter { group in found.contains { $0.0 === group } }
        try requireRoomForOrders(touched.count)
        for group in touched {
            try readmit(found.filter { $0.0 === group }.map(\.1), to: group, by: causer, at: now, into: &draft)
        }
        for (group, identity) in found {
            group.exclusions.removeValue(forKey: identity)
            draft.mutations.append(.removeExclusion(identity, group: group.name))
            draft.audit.append(causer.entry("member-allowed", "group/\(group.name)/member/\(identity)"))
        }
        record(mandate.operation, "member-allow", first.name, lines, by: actor.name, at: now, into: &draft)
        return lines
    }

    private func bar(
        _ identity: Identity, in group: GroupState, _ causer: Causer, at now: WallTime, into draft: inout DecisionDraft
    ) {
        let row = ExclusionRow(
            group: group.name, identity: identity, at: now, by: causer.actor, reason: causer.reason)
        group.exclusions[identity] = row
        draft.mutations.append(.putExclusion(row))
    }

    private func checked(_ identities: [Identity]) throws(OperatorFailure) -> [Identity] {
        var seen: Set<Identity> = []
        let canonical = identities.map(\.canonical).filter { seen.insert($0).inserted }
        guard (1...ControlRequest.identities).contains(canonical.count) else {
            throw .invalid([
                DefinitionFault(
                    path: "members", problem: "\(canonical.count) identities",
                    valid: "1 to \(ControlRequest.identities)")
            ])
        }
        return canonical
    }

    private func requireRoomForExclusions(of identities: [Identity], in group: GroupState) throws(OperatorFailure) {
        let more = identities.count { group.exclusions[$0] == nil }
        guard group.exclusions.count + more <= limits.exclusionsPerGroup else {
            throw .conflict(
                "\(group.name) bars \(group.exclusions.count) identities and may bar \(limits.exclusionsPerGroup): use a deny rule"
            )
        }
    }

    var sortedGroups: [GroupState] { groups.values.sorted { $0.name < $1.name } }

    // MARK: Emergency

    private func renewAll(
        _ name: GroupName, _ mandate: Mandate, by actor: OperatorActor, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        let group = try group(name)
        let lines = renewalPlan(group, staying: group.members.count)
        guard !mandate.isDryRun else { return lines.map { $0 + " (dry run)" } }
        try requireRoomForOrders(1)
        let renewal = try prepareRenewal(group, cause: .emergency, offset: 0, at: now)
        let (causer, before) = (Causer(actor, mandate), group.row.generation)
        apply(.renewal(renewal), to: group, by: causer, at: now, into: &draft)
        draft.audit.append(
            causer.entry("rekey-emergency", "group/\(name)", from: before, to: group.row.generation))
        record(mandate.operation, "rekey-emergency", name, lines, by: actor.name, at: now, into: &draft)
        return lines
    }

    // MARK: History

    private func history(_ name: GroupName?, after: Int64) -> Result<OperatorReply, OperatorFailure> {
        if let name, groups[name] == nil { return .failure(.notFound("no group \(name)")) }
        let rows = groups.values.filter { name == nil || $0.name == name }.flatMap(\.history)
        return .success(.history(rows.filter { $0.number > after }.sorted { $0.number < $1.number }))
    }
}
