import GroupModel
import IKECrypto
import IKEVocabulary

extension AuthorityCore {
    func decide(
        _ request: BackupRequest, by actor: OperatorActor, at now: WallTime, into draft: inout DecisionDraft
    ) -> Result<OperatorReply, OperatorFailure> {
        switch request {
        case .create:
            draft.audit.append(Causer(actor, nil).entry("backup-created", "cluster"))
            return .success(.backup(backup(at: now)))
        case .restore(let document, let life, let mandate):
            return once(mandate) {
                try self.restore(document, life, mandate, by: actor, at: now, into: &draft)
            }
        }
    }

    /// Current to the commit that lets it out.
    private func backup(at now: WallTime) -> BackupDocument {
        BackupDocument(
            cluster: audit.key.key.cluster, trail: audit.head, life: life, madeAt: now, authority: node,
            groups: sortedGroups.map(backup))
    }

    private func backup(_ group: GroupState) -> GroupBackup {
        let exclusions = group.exclusions.values.sorted { $0.identity.description < $1.identity.description }
        let spis = group.dataSAs.map(\.row.spi) + group.abandonedDataSAs.map(\.spi)
        return GroupBackup(
            definition: group.definition, generation: group.row.generation, nextSenderID: group.row.nextSenderID,
            schedule: group.schedule, exclusions: exclusions,
            dataSPIs: spis.sorted { $0.rawValue < $1.rawValue }, members: group.members.count)
    }

    /// The old cluster may have gone on after the backup, so nothing of it is taken up again: every SA is new, its SPI of a life
    /// the old cluster never had, and whoever was a member registers again.
    private func restore(
        _ document: BackupDocument, _ wanted: ClusterLife?, _ mandate: Mandate, by actor: OperatorActor,
        at now: WallTime, into draft: inout DecisionDraft
    ) throws -> [String] {
        guard groups.isEmpty else {
            throw OperatorFailure.conflict(
                "this cluster has \(groups.count) groups: a backup is restored into a new cluster")
        }
        guard document.groups.count <= limits.groups else {
            throw OperatorFailure.conflict("the backup has \(document.groups.count) groups, more than \(limits.groups)")
        }
        let life = try lifeAfter(document, wanted)
        try requireSound(document)
        var lines = [
            "backup of cluster \(document.cluster), life \(document.life), made at \(document.madeAt.milliseconds / 1000)",
            "life \(life) begins: all SAs are new, members register again",
        ]
        lines += document.groups.map { group in
            "group \(group.definition.name): \(group.definition.data.count) data SAs, \(group.exclusions.count) exclusions; "
                + "it had \(group.members) members"
        }
        guard !mandate.isDryRun else { return lines.map { $0 + " (dry run)" } }
        let before = self.life
        self.life = life
        numberOrdersAnew()
        spisInUse.formUnion(document.groups.flatMap(\.dataSPIs))
        var restored: [GroupState] = []
        do {
            for group in document.groups { restored.append(try make(group, at: now)) }
        } catch {
            self.life = before
            throw error
        }
        draft.mutations.append(.setLife(life))
        let causer = Causer(actor, mandate)
        for group in restored { take(group, by: causer, into: &draft) }
        draft.audit.append(
            causer.entry(
                "backup-restored", "cluster",
                result: "cluster \(document.cluster) record \(document.trail.seq), life \(life)"))
        record(
            mandate.operation, "backup-restore", restored.first?.name, lines, by: actor.name, at: now, into: &draft)
        return lines
    }

    private func lifeAfter(_ document: BackupDocument, _ wanted: ClusterLife?) throws(OperatorFailure) -> ClusterLife {
        let least = max(document.life, life)
        guard let next = least.next else { throw .conflict("life \(least) is the last one a cluster can have") }
        guard let wanted else { return next }
        guard wanted > least else {
            throw .conflict("life \(wanted) has been: the backup and this cluster need \(next) or later")
        }
        return wanted
    }

    private func requireSound(_ document: BackupDocument) throws(OperatorFailure) {
        var names: Set<GroupName> = []
        var identifications: Set<Identity> = []
        for group in document.groups {
            let faults = group.definition.faults() + group.schedule.faults()
            guard faults.isEmpty else { throw .invalid(faults) }
            let isNew =
                names.insert(group.definition.name).inserted
                && identifications.insert(group.definition.identification.canonical).inserted
            guard isNew else { throw .conflict("the backup has group \(group.definition.name) or its id twice") }
            guard group.exclusions.count <= limits.exclusionsPerGroup else {
                throw .conflict("the backup excludes more than \(limits.exclusionsPerGroup) identities from a group")
            }
        }
    }

    private func make(_ backup: GroupBackup, at now: WallTime) throws -> GroupState {
        let definition = backup.definition
        let row = GroupRow(
            name: definition.name, definition: definition,
            generation: GSAGeneration(rawValue: backup.generation.rawValue + 1), nextSenderID: backup.nextSenderID,
            changedAt: now)
        let group = GroupState(
            row: row, rekeySA: try makeRekeySA(for: definition.name, definition.rekey, signingKey: nil, at: now),
            dataSAs: definition.data.map { makeDataSA(for: definition.name, $0, at: now) })
        group.schedule = backup.schedule
        for exclusion in backup.exclusions {
            var exclusion = exclusion
            (exclusion.group, exclusion.identity) = (definition.name, exclusion.identity.canonical)
            group.exclusions[exclusion.identity] = exclusion
        }
        return group
    }

    private func take(_ group: GroupState, by causer: Causer, into draft: inout DecisionDraft) {
        groups[group.name] = group
        namesByIdentification[group.definition.identification.canonical] = group.name
        draft.mutations += [.putGroup(group.row), .putRekeySA(group.rekeySA.row)]
        plantKeyTree(of: group, into: &draft)
        draft.mutations += group.dataSAs.map { .putDataSA($0.row) }
        freeClaims(group, into: &draft)
        promise(makePromise(), group, into: &draft)
        draft.mutations.append(.putRekeySchedule(group.scheduleRow))
        draft.mutations += group.exclusions.values.map { .putExclusion($0) }
        let object = "group/\(group.name)"
        draft.audit.append(
            causer.entry("rekey-sa-made", "\(object)/rekey-sa/\(group.rekeySA.row.spi)", to: group.row.generation))
        for held in group.dataSAs {
            draft.audit.append(
                causer.entry(
                    "data-sa-made", "\(object)/data-sa/\(held.row.name)/\(held.row.spi)", to: group.row.generation))
        }
    }
}
