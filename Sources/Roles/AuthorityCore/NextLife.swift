package import GroupModel
import IKECrypto
import IKEVocabulary

extension AuthorityCore {
    /// What this store holds is not all that there was: nodes that are lost may have committed, given and sent more. So nothing of
    /// it goes on: no order that waits is sent, no message is built over an old Rekey SA (its next Message ID may have been
    /// used), no old SA is given to anybody. Members register again, which those who hold on to the lost nodes cannot prevent.
    func beginNextLife(
        _ operation: OperationID, reason: String, at now: WallTime, into draft: inout DecisionDraft
    ) {
        guard operations[operation] == nil else { return }
        let ended = life
        let fresh: [(GroupState, HeldRekeySA, [HeldDataSA])]
        do {
            guard let next = life.next else { throw CryptoError.unsupportedAlgorithm }
            life = next
            numberOrdersAnew()
            fresh = try sortedGroups.map { group in
                (
                    group, try makeRekeySA(for: group.name, group.definition.rekey, signingKey: nil, at: now),
                    group.definition.data.map { makeDataSA(for: group.name, $0, at: now) }
                )
            }
        } catch {
            life = ended
            draft.effects.append(.event(Event("life-not-begun", .error, [("life", "\(ended)"), ("why", "\(error)")])))
            return
        }
        draft.mutations.append(.setLife(life))
        let causer = Causer(authority: node, reason: reason)
        for (group, rekeySA, dataSAs) in fresh {
            renew(group, rekeySA, dataSAs, by: causer, at: now, into: &draft)
        }
        for number in rekeyOrders.keys.sorted() {
            draft.mutations.append(.removeRekeyOrder(number))
            draft.effects.append(.withdraw(number))
        }
        rekeyOrders = [:]
        // Whether one was used may be known to the lost nodes only.
        for token in upkeep.tokens { put(.removeToken(secretHash: token.secretHash), into: &draft) }
        draft.audit.append(causer.entry("life-begun", "cluster", result: "life \(life) after \(ended)"))
        record(operation, "new-life", nil, ["life \(life) begins"], by: node, at: now, into: &draft)
    }

    /// Whether this operation was decided; its result is remembered for a while.
    package func hasDone(_ operation: OperationID) -> Bool { operations[operation] != nil }

    private func renew(
        _ group: GroupState, _ rekeySA: HeldRekeySA, _ dataSAs: [HeldDataSA], by causer: Causer, at now: WallTime,
        into draft: inout DecisionDraft
    ) {
        let before = group.row.generation
        let object = "group/\(group.name)"
        func note(_ action: String, _ sa: String) {
            draft.audit.append(
                causer.entry(
                    action, "\(object)/\(sa)", result: "done: new life", from: before, to: group.row.generation))
        }
        group.row.generation = GSAGeneration(rawValue: before.rawValue + 1)
        group.row.changedAt = now
        draft.mutations.append(.putGroup(group.row))
        for spi in [group.rekeySA.row.spi] + group.retiredRekeySAs.map(\.spi) {
            draft.mutations.append(.removeRekeySA(spi))
            note("rekey-sa-destroyed", "rekey-sa/\(spi)")
        }
        for row in group.dataSAs.map(\.row) + group.abandonedDataSAs {
            draft.mutations.append(.removeDataSA(row.spi, group: group.name))
            forgetSequence(row.spi, group, into: &draft)
            note("data-sa-destroyed", "data-sa/\(row.name)/\(row.spi)")
        }
        for identity in group.members.keys.sorted(by: { $0.description < $1.description }) {
            group.remove(identity)
            draft.mutations.append(.removeMember(identity, group: group.name))
        }
        (group.rekeySA, group.dataSAs) = (rekeySA, dataSAs)
        (group.retiredRekeySAs, group.abandonedDataSAs) = ([], [])
        freeClaims(group, into: &draft)
        // The lost nodes may have kept the promise of before.
        group.promisedSPI = nil
        promise(makePromise(), group, into: &draft)
        plantKeyTree(of: group, into: &draft)
        draft.mutations.append(.putRekeySA(rekeySA.row))
        note("rekey-sa-made", "rekey-sa/\(rekeySA.row.spi)")
        for held in dataSAs {
            draft.mutations.append(.putDataSA(held.row))
            note("data-sa-made", "data-sa/\(held.row.name)/\(held.row.spi)")
        }
    }
}
