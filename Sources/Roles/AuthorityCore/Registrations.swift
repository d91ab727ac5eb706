import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial

extension AuthorityCore {
    func decide(_ request: RegistrationRequest, at now: WallTime, into draft: inout DecisionDraft)
        -> RegistrationOutcome
    {
        if case .report(let report) = request.action { return take(report, request, at: now, into: &draft) }
        guard let name = namesByIdentification[request.group.canonical], let group = groups[name] else {
            return refuse(
                request, in: nil, RegistrationRefusal(.unknownGroup, "no group \(request.group)"), now, &draft)
        }
        switch request.action {
        case .join(let join):
            if let why = denial(of: request.member, group) {
                noteDenied(request, in: name, why, at: now, into: &draft)
                return refuse(request, in: name, RegistrationRefusal(.notAuthorised, why), now, &draft)
            }
            if let earlier = operations[request.operation] {
                return repeatGrant(request, join, earlier, group, at: now, into: &draft)
            }
            switch authoriseWithRoom(request.member, join, group, at: now, into: &draft) {
            case .failure(let refusal): return refuse(request, in: name, refusal, now, &draft)
            case .success(let count):
                if join.senderIDs != nil,
                    let why = makeReady(request, senderIDCount: count, group, at: now, into: &draft)
                {
                    return .unavailable(why)
                }
                return admit(request, join, senderIDCount: count, to: group, at: now, into: &draft)
            }
        case .leave(let notify):
            return leave(request, notify, group, at: now, into: &draft)
        case .report(let report): return take(report, request, at: now, into: &draft)
        }
    }

    /// The order of checks is the order of what a member can do something about: may it, does it fit, is there room.
    ///
    /// - Returns: how many Sender-IDs to allocate; 0 for a receiver.
    func authorise(
        _ member: Identity, _ join: JoinRequest, _ group: GroupState
    ) -> Result<UInt64, RegistrationRefusal> {
        if let why = denial(of: member, group) { return .failure(RegistrationRefusal(.notAuthorised, why)) }
        let definition = group.definition
        guard let rule = definition.rule(for: member) else {
            return .failure(RegistrationRefusal(.notAuthorised, "\(member) is not allowed in \(group.name)"))
        }
        let wantsToSend = join.senderIDs != nil
        guard !wantsToSend || rule.permission == .sender else {
            return .failure(RegistrationRefusal(.notASender, "\(member) may only receive in \(group.name)"))
        }
        if let unfit = unfitness(join, group) { return .failure(RegistrationRefusal(.noAcceptableTransforms, unfit)) }
        if wantsToSend, let other = otherSingleSender(than: member, group) {
            return .failure(RegistrationRefusal(.notASender, "\(group.name) has one sender at a time, now \(other)"))
        }
        guard group.members[member] != nil || group.members.count < Int(definition.memberLimit) else {
            return .failure(RegistrationRefusal(.groupFull, "\(group.name) has its \(definition.memberLimit) members"))
        }
        guard wantsToSend, definition.data.contains(where: \.suite.usesCounterMode) else { return .success(0) }
        // A count of 0 or 1 both ask for one Sender-ID (fact sheet B.4-11).
        let count = UInt64(max(join.senderIDs ?? 1, 1))
        guard count <= UInt64(rule.senderIDLimit) else {
            return .failure(
                RegistrationRefusal(.tooManySenderIDs, "\(count) Sender-IDs asked for, \(rule.senderIDLimit) allowed"))
        }
        guard
            count <= definition.senderIDWidth.capacity - min(group.row.nextSenderID, definition.senderIDWidth.capacity)
        else {
            return .failure(RegistrationRefusal(.senderIDsExhausted, "\(group.name) has no Sender-IDs left"))
        }
        return .success(count)
    }

    /// Without Sender-IDs left, the group begins anew and the sender is the first to register (RFC 9838 2.5.1).
    private func authoriseWithRoom(
        _ member: Identity, _ join: JoinRequest, _ group: GroupState, at now: WallTime, into draft: inout DecisionDraft
    ) -> Result<UInt64, RegistrationRefusal> {
        let result = authorise(member, join, group)
        guard case .failure(let refusal) = result, refusal.kind == .senderIDsExhausted,
            resetSenderIDs(group, at: now, into: &draft)
        else { return result }
        return authorise(member, join, group)
    }

    /// Why this identity is turned away by name: the exclusion list wins over every rule, then a deny rule that comes first.
    private func denial(of member: Identity, _ group: GroupState) -> String? {
        if group.exclusions[member.canonical] != nil { return "\(member) is excluded from \(group.name)" }
        guard group.definition.rule(for: member)?.permission == .deny else { return nil }
        return "\(member) is not allowed in \(group.name)"
    }

    private func unfitness(_ join: JoinRequest, _ group: GroupState) -> String? {
        guard let wrapOctets = join.keyWrap.keyOctets else { return "key wrap algorithm \(join.keyWrap) is not known" }
        let strongest = group.definition.data.map(\.suite).map { Int($0.keyBits ?? 256) / 8 }.max() ?? 0
        guard wrapOctets >= strongest else {
            return "key wrap \(join.keyWrap) is shorter than the group's keys"
        }
        // The keys of the tree are wrapped as GSA_REKEY wraps them, whichever SA they travel over (fact sheet B.4-8).
        if group.keyTree != nil, join.keyWrap != group.definition.rekey.keyWrap {
            return "key wrap \(join.keyWrap) is not the group's \(group.definition.rekey.keyWrap)"
        }
        guard let proposals = join.proposals else { return nil }
        return TransformFit.unmet(
            by: proposals, rekey: group.rekeySA.sa.policy, data: group.currentDataSAs.map(\.sa.policy))
    }

    /// A single-sender SA has sequence numbers of one sender; a second one would be dropped as replay.
    private func otherSingleSender(than identity: Identity, _ group: GroupState) -> Identity? {
        guard group.definition.data.contains(where: { $0.senders == .single }) else { return nil }
        return group.senders.first { $0 != identity }
    }

    private func admit(
        _ request: RegistrationRequest, _ join: JoinRequest, senderIDCount: UInt64, to group: GroupState,
        at now: WallTime,
        into draft: inout DecisionDraft
    ) -> RegistrationOutcome {
        let first = group.row.nextSenderID
        let senderIDs = (0..<senderIDCount).map { SenderID(rawValue: UInt32(truncatingIfNeeded: first + $0)) }
        let member = MemberRow(
            group: group.name, identity: request.member, isSender: join.senderIDs != nil, senderIDs: senderIDs,
            supportsFragmentation: join.supportsFragmentation, authentication: request.authentication,
            registeredAt: now,
            remote: request.remote, frontend: request.frontend, operation: request.operation)
        let grant: RegistrationGrant
        do {
            grant = try buildGrant(request.member, join, senderIDs: senderIDs, group, at: now, into: &draft)
        } catch {
            // Ours to mend, not the member's: nothing was allocated, the same operation may be asked again.
            draft.effects.append(
                .event(Event("grant-failed", .error, [("group", group.name.text), ("why", "\(error)")])))
            return .unavailable("the grant could not be built")
        }
        let operation = OperationRow(
            operation: request.operation, at: now, kind: "join", group: group.name, senderIDs: senderIDs, summary: "")
        group.row.nextSenderID = first + senderIDCount
        group.put(member)
        operations.record(operation)
        if senderIDCount > 0 {
            noteUse(of: group, before: first, into: &draft)
            draft.mutations.append(.setNextSenderID(group.row.nextSenderID, group: group.name))
        }
        draft.mutations += [.putMember(member), .recordOperation(operation)]
        let role = member.isSender ? "sender" : "receiver"
        let given = senderIDs.isEmpty ? "" : ", Sender-IDs " + senderIDs.map(\.description).joined(separator: ",")
        noteMember("member-joined", request, in: group.name, result: "done: \(role)\(given)", into: &draft)
        draft.effects.append(
            .event(
                Event(
                    "registration-granted", .info,
                    [
                        ("group", group.name.text), ("member", request.member.description),
                        ("role", role), ("frontend", request.frontend),
                    ])))
        return .granted(grant)
    }

    /// The answer to this operation was lost: the same Sender-IDs again, with the keys of today.
    private func repeatGrant(
        _ request: RegistrationRequest, _ join: JoinRequest, _ earlier: OperationRow, _ group: GroupState,
        at now: WallTime, into draft: inout DecisionDraft
    ) -> RegistrationOutcome {
        guard earlier.kind == "join", earlier.group == group.name,
            group.members[request.member]?.operation == request.operation
        else { return .unavailable("operation \(request.operation) was overtaken by a later one") }
        do {
            return .granted(
                try buildGrant(
                    request.member, join, senderIDs: earlier.senderIDs, group, at: now, into: &draft))
        } catch {
            return .unavailable("the grant could not be built")
        }
    }

    /// In a group with a key tree the member gets a leaf, unless it has one.
    private func buildGrant(
        _ member: Identity, _ join: JoinRequest, senderIDs: [SenderID], _ group: GroupState, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> RegistrationGrant {
        let definition = group.definition
        var rekey = group.rekeySA.sa
        rekey.policy.lifetime = group.rekeySA.row.expiresAt.remaining(from: now)
        rekey.policy.initialMessageID = group.rekeySA.row.nextMessageID == .zero ? nil : group.rekeySA.row.nextMessageID
        rekey.policy.nextSPIs = group.promisedSPI.map { [$0] } ?? []
        let data = group.currentDataSAs.map { held in
            var sa = held.sa
            sa.policy.lifetime = held.row.expiresAt.remaining(from: now)
            return sa
        }
        // GWP_SENDER_ID_BITS goes exactly to those who asked to send under a counter mode (fact sheet B.4-12).
        let groupWide = GroupWidePolicy(
            activationTimeDelay: definition.activationTimeDelay,
            deactivationTimeDelay: definition.deactivationTimeDelay,
            senderIDWidth: senderIDs.isEmpty ? nil : definition.senderIDWidth)
        let proposed = try proposeSeat(for: member, in: group)
        let material = GrantMaterial(
            rekey: rekey, data: data, groupWide: groupWide, mode: definition.mode, authKey: group.rekeySA.row.authKey,
            senderIDs: senderIDs, gskW: join.gskW, keyWrap: join.keyWrap, seat: proposed?.seat)
        let grant = try RegistrationBodies.build(material, engine: engine)
        try take(proposed, for: member, in: group, into: &draft)
        return grant
    }

    private func leave(
        _ request: RegistrationRequest, _ notify: NotifyType, _ group: GroupState, at now: WallTime,
        into draft: inout DecisionDraft
    ) -> RegistrationOutcome {
        // A repeated leave is answered like the first, also when the member has come back since.
        guard operations[request.operation] == nil, group.remove(request.member) != nil else { return .left }
        let operation = OperationRow(
            operation: request.operation, at: now, kind: "leave", group: group.name, senderIDs: [], summary: "")
        operations.record(operation)
        releaseClaims(of: request.member, group, into: &draft)
        draft.mutations += [.removeMember(request.member, group: group.name), .recordOperation(operation)]
        vacate(request.member, in: group, into: &draft)
        noteMember("member-left", request, in: group.name, result: "done: \(notify)", into: &draft)
        draft.effects.append(
            .event(
                Event(
                    "member-left", .info,
                    [("group", group.name.text), ("member", request.member.description), ("notify", "\(notify)")])))
        return .left
    }
}

extension GroupDefinition {
    /// The first rule that matches; it decides.
    func rule(for member: Identity) -> AuthorisationRule? {
        let subject = Array(member.canonical.description.utf8)
        return rules.first { $0.pattern.matches(subject) }
    }
}
