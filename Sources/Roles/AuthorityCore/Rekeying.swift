import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// Why a group is rekeyed; names the event and the operation.
enum RekeyCause: String { case operatorOrder = "operator", lifetime, policy }

/// What one GSA_REKEY replaces.
struct RekeyPlan {
    var cause: RekeyCause
    var replacesRekeySA: Bool
    var replacesAuthKey: Bool
    /// Names of the data SA definitions that get a new SA.
    var dataSAs: Set<String>
}

extension AuthorityCore {
    /// Replaces keys of a group and puts the finished GSA_REKEY into the outbox: new SAs and the Deletes of those they replace
    /// stand in one message (RFC 9838 2.4.1: after installing the new SA the old one goes after DTD), so a member that gets
    /// any copy gets all of it.
    ///
    /// - Parameter definition: the new definition when the policy changes with the rekey.
    func rekey(
        _ group: GroupState, _ plan: RekeyPlan, definition: GroupDefinition? = nil, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws {
        let definition = definition ?? group.definition
        let over = group.rekeySA
        guard rekeyOrders.count < limits.rekeyOrdersKept else {
            throw OperatorFailure.unavailable("\(rekeyOrders.count) rekeys wait for a broadcaster to send them")
        }
        guard let following = over.row.nextMessageID.next else { throw CryptoError.unsupportedAlgorithm }
        var newRekeySA: HeldRekeySA?
        if plan.replacesRekeySA {
            let carried = plan.replacesAuthKey ? nil : over.signingKey
            newRekeySA = try makeRekeySA(for: group.name, definition.rekey, signingKey: carried, at: now)
        }
        let newDataSAs = definition.data.filter { plan.dataSAs.contains($0.name) }
            .map { makeDataSA(for: group.name, $0, at: now) }
        let defined = Set(definition.data.map(\.name))
        let leaving = group.currentDataSAs.filter {
            plan.dataSAs.contains($0.row.name) || !defined.contains($0.row.name)
        }

        let order = try sealRekey(
            RekeyContents(over: over, newRekeySA: newRekeySA, newDataSAs: newDataSAs, leaving: leaving.map(\.row.spi)),
            group, definition, replacesAuthKey: plan.replacesAuthKey, at: now)

        draft.mutations.append(.addRekeyOrder(order))
        rekeyOrders[order.number] = order
        lastRekeyOrder = order.number
        group.rekeySA.row.nextMessageID = following
        if let newRekeySA {
            group.rekeySA.row.retiredAt = now
            draft.mutations.append(.putRekeySA(group.rekeySA.row))
            group.retiredRekeySAs.append(group.rekeySA.row)
            group.rekeySA = newRekeySA
        }
        draft.mutations.append(.putRekeySA(group.rekeySA.row))
        let leavingSPIs = Set(leaving.map(\.row.spi))
        for index in group.dataSAs.indices where leavingSPIs.contains(group.dataSAs[index].row.spi) {
            group.dataSAs[index].row.retiredAt = now
            draft.mutations.append(.putDataSA(group.dataSAs[index].row))
        }
        group.dataSAs += newDataSAs
        draft.mutations += newDataSAs.map { .putDataSA($0.row) }
        group.row.definition = definition
        group.row.generation = GSAGeneration(rawValue: group.row.generation.rawValue + 1)
        group.row.changedAt = now
        draft.mutations.append(.putGroup(group.row))
        draft.effects.append(.broadcast(order))
        draft.effects.append(.event(event(of: order, plan, newDataSAs: newDataSAs.count)))
    }

    private struct RekeyContents {
        var over: HeldRekeySA
        var newRekeySA: HeldRekeySA?
        var newDataSAs: [HeldDataSA]
        var leaving: [ESPSPI]
    }

    private func sealRekey(
        _ contents: RekeyContents, _ group: GroupState, _ definition: GroupDefinition, replacesAuthKey: Bool,
        at now: WallTime
    ) throws -> RekeyOrder {
        let rekey = definition.rekey
        // Fragments only when every member announced that it reassembles (RFC 9838, GSA_REKEY and IKE fragmentation).
        let fragmentOctets = group.membersWithoutFragmentation == 0 ? Int(rekey.fragmentOctets) : nil
        let deletes = contents.leaving.isEmpty ? [] : [DeletePayload.esp(contents.leaving)]
        let message = RekeyMessagePlan(
            over: contents.over.sa, messageID: contents.over.row.nextMessageID, newRekey: contents.newRekeySA?.sa,
            newData: contents.newDataSAs.map(\.sa),
            groupWide: GroupWidePolicy(
                activationTimeDelay: definition.activationTimeDelay,
                deactivationTimeDelay: definition.deactivationTimeDelay),
            deletes: deletes, mode: definition.mode,
            newAuthKey: replacesAuthKey ? contents.newRekeySA?.row.authKey : nil,
            signingKey: contents.over.signingKey, fragmentOctets: fragmentOctets)
        let datagrams = try RekeySealer.seal(message, engine: engine)
        // The message goes to where members of the Rekey SA it travels over listen.
        let destination = contents.over.sa.policy.destination
        return RekeyOrder(
            number: lastRekeyOrder + 1, group: group.name, spi: contents.over.row.spi,
            messageID: contents.over.row.nextMessageID,
            destination: Endpoint(destination.first, port: destination.firstPort), timeToLive: rekey.timeToLive,
            datagrams: datagrams, copies: rekey.copies, spacing: rekey.spacing, createdAt: now,
            pace: rekey.pace)
    }

    private func event(of order: RekeyOrder, _ plan: RekeyPlan, newDataSAs: Int) -> Event {
        Event(
            "rekey-committed", .notice,
            [
                ("group", order.group.text), ("cause", plan.cause.rawValue), ("spi", order.spi.description),
                ("message_id", order.messageID.description), ("datagrams", "\(order.datagrams.count)"),
                ("new_rekey_sa", plan.replacesRekeySA ? "yes" : "no"), ("new_data_sas", "\(newDataSAs)"),
            ])
    }
}
