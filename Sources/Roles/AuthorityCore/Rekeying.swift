import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// Why a group is rekeyed; names the event, the history row and the operation.
enum RekeyCause: String {
    case operatorOrder = "operator"
    case lifetime, policy, exclusion, emergency, leave
    /// A sender begins anew on an SA of one sender.
    case sender
    /// Sequence numbers come to their end.
    case sequence
    /// Sender-IDs come to their end.
    case senderIDs = "sender-ids"
}

/// What one GSA_REKEY replaces.
struct RekeyPlan {
    var cause: RekeyCause
    var replacesRekeySA: Bool
    var replacesAuthKey: Bool
    /// Names of the data SA definitions that get a new SA.
    var dataSAs: Set<String>
}

/// A finished GSA_REKEY and the keys that come into force with it; nothing of the group has changed yet.
struct PreparedRekey {
    let cause: RekeyCause
    let order: RekeyOrder
    /// Of the Rekey SA the order travels over.
    let following: MessageID
    let newRekeySA: HeldRekeySA?
    let newDataSAs: [HeldDataSA]
    let leaving: Set<ESPSPI>
    let definition: GroupDefinition
    /// What the new Rekey SA promises.
    let promise: RekeySPI?
    /// Its message holds no key: everybody registers again.
    var isRenewal = false
}

extension AuthorityCore {
    /// Replaces keys of a group and puts the finished GSA_REKEY into the outbox: new SAs and the Deletes of those they replace
    /// stand in one message (RFC 9838 2.4.1: after installing the new SA the old one goes after DTD), so a member that gets
    /// any copy gets all of it.
    ///
    /// - Parameter definition: the new definition when the policy changes with the rekey.
    func rekey(
        _ group: GroupState, _ plan: RekeyPlan, definition: GroupDefinition? = nil, by causer: Causer,
        at now: WallTime, into draft: inout DecisionDraft
    ) throws {
        let definition = definition ?? group.definition
        let over = group.rekeySA
        if plan.replacesRekeySA, group.keyTree?.tree.marked.isEmpty == false {
            return try rekeyWithoutLeavers(group, plan, definition: definition, by: causer, at: now, into: &draft)
        }
        try requireRoomForOrders(1)
        guard let following = over.row.nextMessageID.next else { throw CryptoError.unsupportedAlgorithm }
        var newRekeySA: HeldRekeySA?
        let promise = plan.replacesRekeySA ? makePromise() : nil
        if plan.replacesRekeySA {
            let carried = plan.replacesAuthKey ? nil : over.signingKey
            newRekeySA = try makeRekeySA(
                for: group.name, definition.rekey, signingKey: carried, spi: nextRekeySPI(of: group), at: now)
            newRekeySA?.sa.policy.nextSPIs = promise.map { [$0] } ?? []
        }
        let newDataSAs = definition.data.filter { plan.dataSAs.contains($0.name) }
            .map { makeDataSA(for: group.name, $0, at: now) }
        let leaving = leavingDataSAs(of: group, plan, definition)
        let message = RekeyMessagePlan(
            over: over.sa, messageID: over.row.nextMessageID, newRekey: newRekeySA?.sa, newData: newDataSAs.map(\.sa),
            groupWide: GroupWidePolicy(
                activationTimeDelay: definition.activationTimeDelay,
                deactivationTimeDelay: definition.deactivationTimeDelay),
            deletes: leaving.isEmpty ? [] : [DeletePayload.esp(leaving)], mode: definition.mode,
            newAuthKey: plan.replacesAuthKey ? newRekeySA?.row.authKey : nil, signingKey: over.signingKey,
            fragmentOctets: fragmentOctets(group, definition))
        let order = try sealOrder(message, group, definition, number: lastRekeyOrder + 1, at: now)
        apply(
            PreparedRekey(
                cause: plan.cause, order: order, following: following, newRekeySA: newRekeySA, newDataSAs: newDataSAs,
                leaving: Set(leaving), definition: definition, promise: promise),
            to: group, by: causer, at: now, into: &draft)
    }

    func leavingDataSAs(of group: GroupState, _ plan: RekeyPlan, _ definition: GroupDefinition) -> [ESPSPI] {
        let defined = Set(definition.data.map(\.name))
        return group.currentDataSAs.filter {
            plan.dataSAs.contains($0.row.name) || !defined.contains($0.row.name)
        }.map(\.row.spi)
    }

    /// New keys for everything, which nobody gets but by registering: the GSA_REKEY over the old Rekey SA holds no key. It deletes
    /// all SAs of the group (zero SPIs of ESP and GIKE_UPDATE, RFC 9838 2.4.3), so members register again after a random time,
    /// and what is built from now on cannot be opened with what was given before.
    ///
    /// - Parameter offset: how many orders of the same decision come before this one.
    func prepareRenewal(
        _ group: GroupState, cause: RekeyCause, definition: GroupDefinition? = nil, offset: Int64, at now: WallTime
    ) throws -> PreparedRekey {
        let definition = definition ?? group.definition
        let over = group.rekeySA
        let newRekeySA = try makeRekeySA(
            for: group.name, definition.rekey, signingKey: over.signingKey, spi: nextRekeySPI(of: group), at: now)
        let message = RekeyMessagePlan(
            over: over.sa, messageID: over.row.nextMessageID, deletes: DeletePayload.everythingOfAGroup,
            mode: definition.mode, signingKey: over.signingKey, fragmentOctets: fragmentOctets(group, definition))
        let order = try sealOrder(
            message, group, definition, number: lastRekeyOrder + 1 + offset, copies: limits.renewalCopies, at: now)
        return PreparedRekey(
            cause: cause, order: order, following: over.row.nextMessageID.next ?? over.row.nextMessageID,
            newRekeySA: newRekeySA,
            newDataSAs: definition.data.map { makeDataSA(for: group.name, $0, at: now) },
            leaving: Set(group.currentDataSAs.map(\.row.spi)), definition: definition, promise: makePromise(),
            isRenewal: true)
    }

    func requireRoomForOrders(_ count: Int) throws(OperatorFailure) {
        guard rekeyOrders.count + count <= limits.rekeyOrdersKept else {
            throw OperatorFailure.unavailable("\(rekeyOrders.count) rekeys wait for a broadcaster to send them")
        }
    }

    /// Cannot fail: several may be applied in one decision once all are prepared.
    func apply(
        _ prepared: PreparedRekey, to group: GroupState, by causer: Causer, at now: WallTime,
        into draft: inout DecisionDraft
    ) {
        let (order, before) = (prepared.order, group.row.generation)
        draft.mutations.append(.addRekeyOrder(order))
        rekeyOrders[order.number] = order
        lastRekeyOrder = max(lastRekeyOrder, order.number)
        group.rekeySA.row.nextMessageID = prepared.following
        group.row.definition = prepared.definition
        group.row.generation = GSAGeneration(rawValue: before.rawValue + 1)
        group.row.changedAt = now
        let object = "group/\(group.name)"
        func note(_ action: String, _ sa: String) {
            draft.audit.append(
                causer.entry(
                    action, "\(object)/\(sa)", result: "done: \(prepared.cause.rawValue)", from: before,
                    to: group.row.generation))
        }
        if let newRekeySA = prepared.newRekeySA {
            group.rekeySA.row.retiredAt = now
            draft.mutations.append(.putRekeySA(group.rekeySA.row))
            group.retiredRekeySAs.append(group.rekeySA.row)
            note("rekey-sa-retired", "rekey-sa/\(group.rekeySA.row.spi)")
            // A promise is kept once.
            group.promisedSPI = nil
            promise(prepared.promise, group, into: &draft)
            let hasNewAuthKey = newRekeySA.row.authKey != group.rekeySA.row.authKey
            group.rekeySA = newRekeySA
            note("rekey-sa-made", "rekey-sa/\(newRekeySA.row.spi)")
            if hasNewAuthKey { note("auth-key-made", "rekey-sa/\(newRekeySA.row.spi)") }
        }
        draft.mutations.append(.putRekeySA(group.rekeySA.row))
        for index in group.dataSAs.indices where prepared.leaving.contains(group.dataSAs[index].row.spi) {
            group.dataSAs[index].row.retiredAt = now
            draft.mutations.append(.putDataSA(group.dataSAs[index].row))
            note("data-sa-retired", "data-sa/\(group.dataSAs[index].row.name)/\(group.dataSAs[index].row.spi)")
        }
        group.dataSAs += prepared.newDataSAs
        for held in prepared.newDataSAs {
            draft.mutations.append(.putDataSA(held.row))
            note("data-sa-made", "data-sa/\(held.row.name)/\(held.row.spi)")
        }
        draft.mutations.append(.putGroup(group.row))
        if prepared.isRenewal { freeClaims(group, into: &draft) }
        remember(prepared, of: group, by: causer, at: now, into: &draft)
        draft.effects.append(.broadcast(order))
        draft.effects.append(.event(event(of: prepared)))
    }

    private func remember(
        _ prepared: PreparedRekey, of group: GroupState, by causer: Causer, at now: WallTime,
        into draft: inout DecisionDraft
    ) {
        let row = RekeyHistoryRow(
            number: prepared.order.number, group: group.name, at: now, cause: prepared.cause.rawValue,
            by: causer.actor, spi: prepared.order.spi, messageID: prepared.order.messageID,
            newRekeySPI: prepared.newRekeySA?.row.spi, newDataSPIs: prepared.newDataSAs.map(\.row.spi),
            generation: group.row.generation, members: group.members.count)
        group.history.append(row)
        if group.history.count > StateLimits.rekeyHistory {
            group.history.removeFirst(group.history.count - StateLimits.rekeyHistory)
        }
        draft.mutations.append(.recordRekey(row))
    }

    /// Fragments only when every member announced that it reassembles (RFC 9838, GSA_REKEY and IKE fragmentation).
    func fragmentOctets(_ group: GroupState, _ definition: GroupDefinition) -> Int? {
        group.membersWithoutFragmentation == 0 ? Int(definition.rekey.fragmentOctets) : nil
    }

    func sealOrder(
        _ message: RekeyMessagePlan, _ group: GroupState, _ definition: GroupDefinition, number: Int64,
        copies: UInt8 = 0, at now: WallTime
    ) throws -> RekeyOrder {
        let rekey = definition.rekey
        let datagrams = try RekeySealer.seal(message, engine: engine)
        // The message goes to where members of the Rekey SA it travels over listen.
        let destination = message.over.policy.destination
        return RekeyOrder(
            number: number, group: group.name, spi: message.over.policy.spi, messageID: message.messageID,
            destination: Endpoint(destination.first, port: destination.firstPort), timeToLive: rekey.timeToLive,
            datagrams: datagrams, copies: max(rekey.copies, copies), spacing: rekey.spacing, createdAt: now,
            pace: rekey.pace)
    }

    private func event(of prepared: PreparedRekey) -> Event {
        let order = prepared.order
        return Event(
            "rekey-committed", .notice,
            [
                ("group", order.group.text), ("cause", prepared.cause.rawValue), ("spi", order.spi.description),
                ("message_id", order.messageID.description), ("datagrams", "\(order.datagrams.count)"),
                ("new_rekey_sa", prepared.newRekeySA == nil ? "no" : "yes"),
                ("new_data_sas", "\(prepared.newDataSAs.count)"),
            ])
    }
}

extension DeletePayload {
    /// All Data-Security SAs, then all Rekey SAs: whoever reads it starts anew (RFC 9838 2.4.3, fact sheet B.4-13).
    fileprivate static let everythingOfAGroup = [
        DeletePayload(securityProtocol: .esp, spis: [[UInt8](repeating: 0, count: 4)]),
        DeletePayload(securityProtocol: .gikeUpdate, spis: [[UInt8](repeating: 0, count: 16)]),
    ]
}
