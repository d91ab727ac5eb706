package import GroupModel
import IKECrypto
import IKEVocabulary

extension AuthorityCore {
    func decide(
        _ request: OperatorRequest, by actor: OperatorActor, at now: WallTime, into draft: inout DecisionDraft
    ) -> Result<OperatorReply, OperatorFailure> {
        let result =
            (request.refusal(to: actor) ?? misused(request)).map { .failure($0) }
            ?? answer(request, by: actor, at: now, into: &draft)
        noteRefusal(request, by: actor, result, at: now, into: &draft)
        return result
    }

    /// A request id belongs to what it was first used for.
    private func misused(_ request: OperatorRequest) -> OperatorFailure? {
        guard let mandate = request.mandate, !mandate.isDryRun else { return nil }
        return operations[mandate.operation]?.misuse(for: request.action)
    }

    private func answer(
        _ request: OperatorRequest, by actor: OperatorActor, at now: WallTime, into draft: inout DecisionDraft
    ) -> Result<OperatorReply, OperatorFailure> {
        switch request {
        // Both are answered by the driver, which knows the cluster and the clock.
        case .status, .whoAmI: .success(.groups(groupStatuses(nil)))
        case .groupList: .success(.groups(groupStatuses(nil)))
        case .groupShow(let name): show(name) { .groups([self.status(of: $0)]) }
        case .memberList(nil): .success(.members(memberStatuses(nil)))
        case .memberList(.some(let name)): show(name) { .members(self.memberStatuses($0)) }
        case .memberShow(let identity, let name): memberShow(identity, in: name)
        case .senderList(let name): show(name) { .senders(self.senderStatuses($0)) }
        case .senderSequences(let name): show(name) { .sequences(self.sequenceStatuses($0)) }
        case .fleet(let request): decide(request, by: actor, at: now, into: &draft)
        case .groupApply(let definition, let mandate):
            once(mandate) { try self.apply(definition, mandate, by: actor, at: now, into: &draft) }
        case .rekeyNow(let name, let scope, let mandate):
            once(mandate) { try self.rekeyNow(name, scope, mandate, by: actor, at: now, into: &draft) }
        case .control(let request): decide(request, by: actor, at: now, into: &draft)
        case .backup(let request): decide(request, by: actor, at: now, into: &draft)
        case .audit(.anchor): anchorOnDemand(into: &draft)
        case .audit(.read): .failure(.unavailable("the trail is read from the store"))
        case .upkeep(let request): decide(request, by: actor, at: now, into: &draft)
        case .cluster(let request): decide(request, by: actor, at: now, into: &draft)
        }
    }

    private func show(_ name: GroupName, _ view: (GroupState) -> OperatorReply) -> Result<
        OperatorReply, OperatorFailure
    > {
        groups[name].map { .success(view($0)) } ?? .failure(.notFound("no group \(name)"))
    }

    private func memberShow(_ identity: Identity, in name: GroupName?) -> Result<OperatorReply, OperatorFailure> {
        if let name, groups[name] == nil { return .failure(.notFound("no group \(name)")) }
        let found = memberStatuses(of: identity.canonical, in: name)
        return found.isEmpty ? .failure(.notFound("no member \(identity)")) : .success(.members(found))
    }

    /// A repeated operation returns its first answer and changes nothing.
    func once(_ mandate: Mandate, _ change: () throws -> [String]) -> Result<OperatorReply, OperatorFailure> {
        if !mandate.isDryRun, let earlier = operations[mandate.operation] {
            return .success(.done(earlier.summary.split(separator: "\n").map(String.init)))
        }
        do {
            return .success(.done(try change()))
        } catch let failure as OperatorFailure {
            return .failure(failure)
        } catch {
            return .failure(.unavailable("\(error)"))
        }
    }

    func record(
        _ operation: OperationID, _ kind: String, _ group: GroupName?, _ lines: [String], by actor: String,
        at now: WallTime,
        into draft: inout DecisionDraft
    ) {
        let row = OperationRow(
            operation: operation, at: now, kind: kind, group: group, senderIDs: [],
            summary: lines.joined(separator: "\n"))
        operations.record(row)
        draft.mutations.append(.recordOperation(row))
        draft.effects.append(
            .event(
                Event(
                    kind, .notice,
                    [("group", group?.text ?? "all"), ("by", actor), ("what", lines.joined(separator: "; "))])))
    }

    private func rekeyNow(
        _ name: GroupName, _ scope: RekeyScope, _ mandate: Mandate, by actor: OperatorActor, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        guard let group = groups[name] else { throw OperatorFailure.notFound("no group \(name)") }
        guard scope != .authKey || group.rekeySA.signingKey != nil else {
            throw OperatorFailure.conflict("rekeys of group \(name) are not signed: it has no AUTH_KEY to replace")
        }
        let plan = RekeyPlan(
            cause: .operatorOrder, replacesRekeySA: scope != .tek, replacesAuthKey: scope == .authKey,
            dataSAs: scope == .tek || scope == .all ? Set(group.definition.data.map(\.name)) : [])
        let over = group.rekeySA.row
        guard !mandate.isDryRun else { return dryRekey(group, plan) }
        try rekey(group, plan, by: Causer(actor, mandate), at: now, into: &draft)
        var lines = ["GSA_REKEY \(over.spi) message \(over.nextMessageID) to \(group.members.count) members of \(name)"]
        if plan.replacesRekeySA { lines.append("new Rekey SA \(group.rekeySA.row.spi)") }
        if plan.replacesAuthKey { lines.append("new AUTH_KEY") }
        for held in group.currentDataSAs where plan.dataSAs.contains(held.row.name) {
            lines.append("new data SA \(held.row.name) \(held.row.spi)")
        }
        record(mandate.operation, "rekey-now", name, lines, by: actor.name, at: now, into: &draft)
        return lines
    }

    private func anchorOnDemand(into draft: inout DecisionDraft) -> Result<OperatorReply, OperatorFailure> {
        guard audit.head.seq > audit.anchoredThrough || !draft.audit.isEmpty else {
            return .success(.done(["record \(audit.head.seq) is signed already"]))
        }
        draft.wantsAnchor = true
        return .success(
            .done(["the trail is signed up to record \(audit.head.seq + Int64(draft.audit.count)) or later"]))
    }

    private func dryRekey(_ group: GroupState, _ plan: RekeyPlan) -> [String] {
        let over = group.rekeySA.row
        var lines = [
            "GSA_REKEY \(over.spi) message \(over.nextMessageID) to \(group.members.count) members of \(group.name)"
        ]
        if plan.replacesRekeySA { lines.append("a new Rekey SA") }
        if plan.replacesAuthKey { lines.append("a new AUTH_KEY") }
        lines += plan.dataSAs.sorted().map { "a new data SA \($0)" }
        return lines.map { $0 + " (dry run)" }
    }

    private func apply(
        _ definition: GroupDefinition, _ mandate: Mandate, by actor: OperatorActor, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        let isDry = mandate.isDryRun
        let faults = definition.faults()
        guard faults.isEmpty else { throw OperatorFailure.invalid(faults) }
        if let owner = namesByIdentification[definition.identification.canonical], owner != definition.name {
            throw OperatorFailure.conflict("\(definition.identification) is the id of group \(owner)")
        }
        let lines: [String]
        if let group = groups[definition.name] {
            lines = try change(group, to: definition, isDry, by: Causer(actor, mandate), at: now, into: &draft)
        } else {
            lines = try create(definition, isDry, by: Causer(actor, mandate), at: now, into: &draft)
        }
        if !isDry {
            record(mandate.operation, "group-apply", definition.name, lines, by: actor.name, at: now, into: &draft)
        }
        return lines
    }

    private func create(
        _ definition: GroupDefinition, _ isDry: Bool, by causer: Causer, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        guard groups.count < limits.groups else {
            throw OperatorFailure.conflict("this authority holds its \(limits.groups) groups")
        }
        guard definition.keyTree == nil || upkeep.schema >= 2 else {
            throw OperatorFailure.conflict(
                "a key tree cannot be kept in schema \(upkeep.schema): finish the upgrade with gcksctl upgrade finalize"
            )
        }
        let line = "group \(definition.name) created with \(definition.data.count) data SAs"
        guard !isDry else { return [line + " (dry run)"] }
        let rekeySA = try makeRekeySA(for: definition.name, definition.rekey, signingKey: nil, at: now)
        let dataSAs = definition.data.map { makeDataSA(for: definition.name, $0, at: now) }
        let row = GroupRow(
            name: definition.name, definition: definition, generation: GSAGeneration(rawValue: 1), nextSenderID: 0,
            changedAt: now)
        let group = GroupState(row: row, rekeySA: rekeySA, dataSAs: dataSAs)
        groups[definition.name] = group
        namesByIdentification[definition.identification.canonical] = definition.name
        draft.mutations += [.putGroup(row), .putRekeySA(rekeySA.row)] + dataSAs.map { .putDataSA($0.row) }
        freeClaims(group, into: &draft)
        promise(makePromise(), group, into: &draft)
        plantKeyTree(of: group, into: &draft)
        let object = "group/\(definition.name)"
        draft.audit.append(causer.entry("group-created", object, to: row.generation))
        draft.audit.append(causer.entry("rekey-sa-made", "\(object)/rekey-sa/\(rekeySA.row.spi)", to: row.generation))
        draft.audit += dataSAs.map {
            causer.entry("data-sa-made", "\(object)/data-sa/\($0.row.name)/\($0.row.spi)", to: row.generation)
        }
        return [line]
    }

    /// Rules and limits change at once; anything members hold changes by GSA_REKEY with a new KEK (fact sheet B.4-28).
    private func change(
        _ group: GroupState, to definition: GroupDefinition, _ isDry: Bool, by causer: Causer, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        let old = group.definition
        guard old != definition else { return ["group \(group.name) unchanged"] }
        if let fixed = Self.fixedDifference(old, definition) {
            throw OperatorFailure.conflict("\(fixed) of group \(group.name) is fixed while it lives")
        }
        var lines = ["group \(group.name) changed"]
        let changed = definition.data.filter { sa in !old.data.contains(sa) }.map(\.name)
        let needsRekey =
            !changed.isEmpty || old.data.contains { sa in !definition.data.contains { $0.name == sa.name } }
            || old.rekey.policyPart != definition.rekey.policyPart
            || old.activationTimeDelay != definition.activationTimeDelay
            || old.deactivationTimeDelay != definition.deactivationTimeDelay
        if needsRekey {
            lines.append("policy changed: GSA_REKEY with a new Rekey SA to \(group.members.count) members")
        }
        guard !isDry else { return lines.map { $0 + " (dry run)" } }
        let before = group.row.generation
        if needsRekey {
            let plan = RekeyPlan(cause: .policy, replacesRekeySA: true, replacesAuthKey: false, dataSAs: Set(changed))
            try rekey(group, plan, definition: definition, by: causer, at: now, into: &draft)
        } else {
            group.row.definition = definition
            group.row.generation = GSAGeneration(rawValue: group.row.generation.rawValue + 1)
            group.row.changedAt = now
            draft.mutations.append(.putGroup(group.row))
        }
        draft.audit.append(
            causer.entry("group-changed", "group/\(group.name)", from: before, to: group.row.generation))
        return lines
    }

    /// What members learn at registration only, so that no rekey could change it (GCAUTH, KWA, mode, IDg, Sender-ID width).
    private static func fixedDifference(_ old: GroupDefinition, _ new: GroupDefinition) -> String? {
        if old.identification != new.identification { return "id" }
        if old.mode != new.mode { return "mode" }
        if old.rekey.authentication != new.rekey.authentication { return "rekey.authentication" }
        if old.rekey.keyWrap != new.rekey.keyWrap { return "rekey.key_wrap" }
        if old.senderIDWidth != new.senderIDWidth { return "sender_id_bits" }
        if old.keyTree?.degree != new.keyTree?.degree { return "key_tree" }
        return nil
    }
}

extension OperationRow {
    /// Why a request for something else may not use its id; nil when it is for the same.
    package func misuse(for action: String) -> OperatorFailure? {
        kind == action ? nil : .conflict("request id \(operation) was used for \(kind): take another")
    }
}

extension RekeyDefinition {
    /// The part that members hold: copies, spacing, pace, fragment size and TTL are the senders' own business.
    fileprivate var policyPart: RekeyDefinition {
        var part = self
        (part.copies, part.spacing, part.fragmentOctets, part.timeToLive) = (0, .zero, 0, 0)
        part.pace = .zero
        return part
    }
}
