import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial

/// From one root key to the next while groups live: the row that names the target is committed first, then sealed keys are sealed
/// anew, some with each look at the time. Whoever leads next goes on where this leader stopped, for a row says itself which root
/// key seals it.
extension AuthorityCore {
    private var sealedKeys: [SealedKey] {
        groups.values.flatMap(\.sealedKeys) + [audit.key.sealedKey] + (fleet.secretRow.map { [$0.sealedSecret] } ?? [])
    }

    /// Every sealed key, by the root key that seals it.
    var rootKeyStatus: RootKeyStatus {
        var rows: [UInt32: Int64] = [:]
        for key in sealedKeys { rows[key.rootKey ?? 0, default: 0] += 1 }
        return RootKeyStatus(
            sealing: sealer.sealingRootKey, held: sealer.rootKeys, rows: rows, rotation: upkeep.rotation)
    }

    static func requireRootKey(_ upkeep: UpkeepState, _ sealer: any KeySealer) throws(AuthorityFailure) {
        guard let target = upkeep.rotation?.target ?? sealer.rootKeys.first else { return }
        guard sealer.seal(under: target) else {
            throw .unusable(
                "root key \(RootKeyName.text(target)) is in force and this authority does not hold it: add it to root_key"
            )
        }
    }

    func rotate(
        to target: UInt32, _ holders: Set<String>, _ mandate: Mandate, _ actor: OperatorActor, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        let name = RootKeyName.text(target)
        guard sealer.rootKeys.contains(target) else {
            throw OperatorFailure.conflict(
                "the leader does not hold root key \(name): add it to root_key and start it again")
        }
        try requireClusterView()
        for node in clusterView.nodes where node.isVoter && !holders.contains(node.name) {
            throw OperatorFailure.conflict(
                "\(node.name) did not say that it holds root key \(name): add the key there, start it again and let it answer"
            )
        }
        let status = rootKeyStatus
        let left = status.rows.reduce(0) { $0 + ($1.key == target ? 0 : $1.value) }
        guard upkeep.rotation?.target != target else {
            return ["root key \(name) is in force; \(left) sealed keys are still under another"]
        }
        let lines = ["root key \(name) seals from now on; \(left) sealed keys are sealed anew"]
        guard !mandate.isDryRun else { return lines.map { $0 + " (dry run)" } }
        guard sealer.seal(under: target) else { throw OperatorFailure.conflict("root key \(name) cannot be used") }
        put(.putRotation(RootRotationRow(target: target, startedAt: now, by: actor.name)), into: &draft)
        note("root-key-rotate", "cluster", lines, mandate, actor, at: now, into: &draft)
        return lines
    }

    /// Seals at most so many keys anew.
    func reseal(atMost limit: Int, into draft: inout DecisionDraft) {
        guard let target = upkeep.rotation?.target, sealer.sealingRootKey == target else { return }
        var left = limit
        for group in groups.values.sorted(by: { $0.name < $1.name }) where left > 0 {
            resealRekeySAs(group, target, &left, into: &draft)
            resealDataSAs(group, target, &left, into: &draft)
            resealKeyTree(group, target, &left, into: &draft)
        }
        if let sealed = again(audit.key.sealedKey, SealedPlace.auditKey, target, &left, into: &draft) {
            audit.key.sealedKey = sealed
            draft.mutations.append(.putAuditKey(audit.key))
        }
        if let row = fleet.secretRow,
            let sealed = again(row.sealedSecret, SealedPlace.fleetSecret, target, &left, into: &draft)
        {
            fleet.secretRow?.sealedSecret = sealed
            draft.mutations.append(.putFleetSecret(FleetSecretRow(sealedSecret: sealed, createdAt: row.createdAt)))
        }
        guard left < limit, rootKeyStatus.rows.allSatisfy({ $0.key == target }) else { return }
        draft.effects.append(
            .event(Event("root-key-rotated", .notice, [("root_key", RootKeyName.text(target))])))
    }

    private func resealRekeySAs(
        _ group: GroupState, _ target: UInt32, _ left: inout Int, into draft: inout DecisionDraft
    ) {
        func anew(_ old: RekeySARow) -> RekeySARow? {
            var row = old
            let keymat = SealedPlace.keymat(group.name, row.spi)
            if let sealed = again(row.sealedKeymat, keymat, target, &left, into: &draft) { row.sealedKeymat = sealed }
            if let signing = row.sealedSigningKey,
                let sealed = again(
                    signing, SealedPlace.signingKey(group.name, row.spi), target, &left, into: &draft)
            {
                row.sealedSigningKey = sealed
            }
            guard row != old else { return nil }
            draft.mutations.append(.putRekeySA(row))
            return row
        }
        if let row = anew(group.rekeySA.row) { group.rekeySA.row = row }
        for index in group.retiredRekeySAs.indices {
            if let row = anew(group.retiredRekeySAs[index]) { group.retiredRekeySAs[index] = row }
        }
    }

    private func resealDataSAs(
        _ group: GroupState, _ target: UInt32, _ left: inout Int, into draft: inout DecisionDraft
    ) {
        func anew(_ old: DataSARow) -> DataSARow? {
            let place = SealedPlace.dataKey(group.name, old.spi)
            guard let sealed = again(old.sealedKey, place, target, &left, into: &draft) else { return nil }
            var row = old
            row.sealedKey = sealed
            draft.mutations.append(.putDataSA(row))
            return row
        }
        for index in group.dataSAs.indices {
            if let row = anew(group.dataSAs[index].row) { group.dataSAs[index].row = row }
        }
        for index in group.abandonedDataSAs.indices {
            if let row = anew(group.abandonedDataSAs[index]) { group.abandonedDataSAs[index] = row }
        }
    }

    private func resealKeyTree(
        _ group: GroupState, _ target: UInt32, _ left: inout Int, into draft: inout DecisionDraft
    ) {
        guard let held = group.keyTree,
            let sealed = again(held.sealedSecret, SealedPlace.keyTree(group.name), target, &left, into: &draft)
        else { return }
        group.keyTree?.sealedSecret = sealed
        if let row = group.keyTree?.row(of: group.name) { draft.mutations.append(.keyTree(.putTree(row))) }
    }

    /// Nil when there is nothing to do, or no room left in this batch.
    func again(
        _ sealed: SealedKey, _ place: String, _ target: UInt32, _ left: inout Int, into draft: inout DecisionDraft
    ) -> SealedKey? {
        guard left > 0, sealed.rootKey != target else { return nil }
        do {
            let key = try sealer.open(sealed, context: place)
            left -= 1
            return sealer.seal(key, context: place)
        } catch {
            draft.effects.append(
                .event(
                    Event(
                        "root-key-rotation-stuck", .error, limitedBy: place, [("place", place), ("why", "\(error)")])))
            return nil
        }
    }
}

extension GroupState {
    var sealedKeys: [SealedKey] {
        ([rekeySA.row] + retiredRekeySAs).flatMap { [$0.sealedKeymat] + ($0.sealedSigningKey.map { [$0] } ?? []) }
            + dataSAs.map(\.row.sealedKey) + abandonedDataSAs.map(\.sealedKey)
            + (keyTree.map { [$0.sealedSecret] } ?? [])
    }
}
