import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

/// A group's key tree as the leader holds it.
struct HeldKeyTree {
    var sealedSecret: SealedKey
    let keys: KeyTreeKeys
    var tree: KeyTree
    var places: KeyLeafPlaces
    /// Members, and those for whom a leaf is kept until they come back.
    var leaves: [Identity: UInt32] = [:]
    /// Who has a marked leaf since.
    var successors: [UInt32: Identity] = [:]

    init(sealedSecret: SealedKey, keys: KeyTreeKeys, tree: KeyTree) {
        self.sealedSecret = sealedSecret
        self.keys = keys
        self.tree = tree
        places = KeyLeafPlaces(tree)
    }

    func row(of group: GroupName) -> KeyTreeRow {
        KeyTreeRow(
            group: group, sealedSecret: sealedSecret, lastKeyID: tree.lastKeyID, leaves: tree.leafCount,
            knownHeight: UInt8(clamping: tree.knownHeight))
    }

    func leafRow(_ leaf: UInt32, _ holder: Identity?, of group: GroupName) -> KeyLeafRow {
        KeyLeafRow(
            group: group, leaf: leaf, keyID: tree.keyID(KeyTreeNode(level: 0, index: leaf)), holder: holder,
            isMarked: tree.marked.contains(leaf))
    }
}

/// A leaf and the keys above it for somebody who is being let in; nothing has changed yet.
struct ProposedSeat {
    let seat: KeyTreeSeat
    let leaf: UInt32
    /// He has it already.
    let isHeld: Bool
}

extension AuthorityCore {
    // MARK: Life

    /// A new tree with a secret of its own, when a group is made and whenever all its members have to register again: what was
    /// given of the old tree opens nothing of the new one.
    func plantKeyTree(of group: GroupState, into draft: inout DecisionDraft) {
        guard let definition = group.definition.keyTree else { return }
        let secret = HeldSecret(entropy.secret(KeyTreeKeys.secretOctets))
        let held = HeldKeyTree(
            sealedSecret: sealer.seal(secret.secret, context: SealedPlace.keyTree(group.name)),
            keys: KeyTreeKeys(secret: secret, group: group.name, keyWrap: group.definition.rekey.keyWrap),
            tree: KeyTree(degree: definition.degree))
        if group.keyTree != nil { draft.mutations.append(.keyTree(.clear(group.name))) }
        group.keyTree = held
        draft.mutations.append(.keyTree(.putTree(held.row(of: group.name))))
    }

    func loadKeyTrees(_ state: StoredState) throws(AuthorityFailure) {
        let rows = Dictionary(state.keyTrees.map { ($0.group, $0) }) { first, _ in first }
        let nodes = Dictionary(grouping: state.keyTreeNodes, by: \.group)
        let leaves = Dictionary(grouping: state.keyLeaves, by: \.group)
        for group in sortedGroups {
            guard let definition = group.definition.keyTree else { continue }
            guard let row = rows[group.name] else { throw .unusable("group \(group.name) has no key tree") }
            let secret = HeldSecret(try unseal(row.sealedSecret, SealedPlace.keyTree(group.name)))
            var tree = KeyTree(
                degree: definition.degree, lastKeyID: row.lastKeyID, leafCount: row.leaves,
                knownHeight: Int(row.knownHeight))
            for node in nodes[group.name] ?? [] { tree.restore(node) }
            for leaf in leaves[group.name] ?? [] { tree.restore(leaf) }
            var held = HeldKeyTree(
                sealedSecret: row.sealedSecret,
                keys: KeyTreeKeys(secret: secret, group: group.name, keyWrap: group.definition.rekey.keyWrap),
                tree: tree)
            for leaf in leaves[group.name] ?? [] {
                guard let holder = leaf.holder else { continue }
                held.leaves[holder] = leaf.leaf
                if leaf.isMarked { held.successors[leaf.leaf] = holder }
            }
            group.keyTree = held
        }
    }

    // MARK: Seats

    /// - Throws: `KeyTreeFailure` when the tree has no place or no Key ID left.
    func proposeSeat(for member: Identity, in group: GroupState) throws(KeyTreeFailure) -> ProposedSeat? {
        guard let keys = group.keyTree?.keys else { return nil }
        let known = group.keyTree?.leaves[member.canonical]
        let leaf = if let known { known } else { try chooseLeaf(for: member, in: group) }
        guard let tree = group.keyTree?.tree else { return nil }
        let keyID = known == nil ? try tree.nextKeyID() : tree.keyID(KeyTreeNode(level: 0, index: leaf))
        return ProposedSeat(
            seat: KeyTreeSeat(keys: keys, path: tree.path(of: leaf, keyID: keyID)), leaf: leaf, isHeld: known != nil)
    }

    private func chooseLeaf(for member: Identity, in group: GroupState) throws(KeyTreeFailure) -> UInt32 {
        guard let tree = group.keyTree?.tree,
            let leaf = group.keyTree?.places.choose(KeyLeafPlaces.Kin(member), tree)
        else { throw .full }
        return leaf
    }

    func take(
        _ proposed: ProposedSeat?, for member: Identity, in group: GroupState, into draft: inout DecisionDraft
    ) throws(KeyTreeFailure) {
        guard let proposed, !proposed.isHeld else { return }
        try seat(member, at: proposed.leaf, in: group, into: &draft)
    }

    func seat(
        _ member: Identity, at leaf: UInt32, in group: GroupState, into draft: inout DecisionDraft
    ) throws(KeyTreeFailure) {
        _ = try group.keyTree?.tree.give(leaf)
        group.keyTree?.leaves[member.canonical] = leaf
        if group.keyTree?.tree.marked.contains(leaf) == true { group.keyTree?.successors[leaf] = member.canonical }
        guard let held = group.keyTree else { return }
        draft.mutations += [
            .keyTree(.putLeaf(held.leafRow(leaf, member.canonical, of: group.name))),
            .keyTree(.putTree(held.row(of: group.name))),
        ]
    }

    /// Its holder left by itself and knows the keys above it: they are replaced with the next Rekey SA.
    func vacate(_ member: Identity, in group: GroupState, into draft: inout DecisionDraft) {
        guard let leaf = group.keyTree?.leaves.removeValue(forKey: member.canonical) else { return }
        group.keyTree?.tree.free(leaf, knowsKeys: true)
        group.keyTree?.successors[leaf] = nil
        group.keyTree?.places.freed(leaf)
        guard let held = group.keyTree else { return }
        draft.mutations.append(.keyTree(.putLeaf(held.leafRow(leaf, nil, of: group.name))))
    }

    // MARK: Exclusion

    /// New keys for those who stay and nobody else, by multicast: a Rekey SA under the keys of the tree, and over that one the
    /// data SAs and the Deletes of the old ones (RFC 9838 3.2, fact sheet B.4-28). More than one message can hold is a chain of
    /// Rekey SAs.
    ///
    /// - Parameter offset: how many orders of the same decision come before these.
    func prepareExclusion(
        _ group: GroupState, _ tree: KeyTreePlan, _ plan: RekeyPlan, definition: GroupDefinition, offset: Int64 = 0,
        at now: WallTime
    ) throws -> [PreparedRekey] {
        guard let keys = group.keyTree?.keys else { throw KeyTreeFailure.nobodyLeft }
        var prepared: [PreparedRekey] = []
        var over = group.rekeySA
        let groupWide = GroupWidePolicy(
            activationTimeDelay: definition.activationTimeDelay,
            deactivationTimeDelay: definition.deactivationTimeDelay)
        func add(
            _ message: RekeyMessagePlan, new: HeldRekeySA?, promise: RekeySPI? = nil, data: [HeldDataSA],
            leaving: [ESPSPI]
        ) throws {
            guard let following = over.row.nextMessageID.next else { throw CryptoError.unsupportedAlgorithm }
            let number = lastRekeyOrder + 1 + offset + Int64(prepared.count)
            let order = try sealOrder(message, group, definition, number: number, at: now)
            prepared.append(
                PreparedRekey(
                    cause: plan.cause, order: order, following: following, newRekeySA: new, newDataSAs: data,
                    leaving: Set(leaving), definition: definition, promise: promise))
        }
        var promised = nextRekeySPI(of: group)
        for (index, step) in tree.steps.enumerated() {
            let replacesAuthKey = plan.replacesAuthKey && index == 0
            var new = try makeRekeySA(
                for: group.name, definition.rekey, signingKey: replacesAuthKey ? nil : over.signingKey, spi: promised,
                at: now)
            let promise = makePromise()
            new.sa.policy.nextSPIs = promise.map { [$0] } ?? []
            promised = promise ?? newRekeySPI()
            let message = RekeyMessagePlan(
                over: over.sa, messageID: over.row.nextMessageID, newRekey: new.sa, groupWide: groupWide,
                mode: definition.mode, newAuthKey: replacesAuthKey ? new.row.authKey : nil,
                signingKey: over.signingKey, fragmentOctets: fragmentOctets(group, definition),
                tree: KeyTreeRekey(keys: keys, step: step))
            try add(message, new: new, promise: promise, data: [], leaving: [])
            over = new
        }
        let data = definition.data.filter { plan.dataSAs.contains($0.name) }
            .map { makeDataSA(for: group.name, $0, at: now) }
        let leaving = leavingDataSAs(of: group, plan, definition)
        guard !data.isEmpty || !leaving.isEmpty else { return prepared }
        let message = RekeyMessagePlan(
            over: over.sa, messageID: over.row.nextMessageID, newData: data.map(\.sa), groupWide: groupWide,
            deletes: leaving.isEmpty ? [] : [DeletePayload.esp(leaving)], mode: definition.mode,
            signingKey: over.signingKey, fragmentOctets: fragmentOctets(group, definition))
        try add(message, new: nil, data: data, leaving: leaving)
        return prepared
    }

    /// Cannot fail: what was prepared comes into force, and with it the tree's new keys.
    ///
    /// - Parameter departing: those whose leaves the plan empties.
    func apply(
        _ prepared: [PreparedRekey], _ plan: KeyTreePlan, departing: [Identity] = [], to group: GroupState,
        by causer: Causer, at now: WallTime, into draft: inout DecisionDraft
    ) {
        for rekey in prepared { apply(rekey, to: group, by: causer, at: now, into: &draft) }
        let name = group.name
        let touched = (group.keyTree?.tree.marked ?? []).union(plan.departing)
        for identity in departing {
            guard let leaf = group.keyTree?.leaves.removeValue(forKey: identity.canonical) else { continue }
            group.keyTree?.successors[leaf] = nil
            group.keyTree?.places.freed(leaf)
        }
        let successors = group.keyTree?.successors ?? [:]
        group.keyTree?.successors = [:]
        group.keyTree?.tree.apply(plan)
        guard let held = group.keyTree else { return }
        for leaf in touched.sorted() {
            if let holder = successors[leaf] {
                draft.mutations.append(.keyTree(.putLeaf(held.leafRow(leaf, holder, of: name))))
            } else {
                draft.mutations.append(.keyTree(.removeLeaf(leaf, group: name)))
            }
        }
        // Of a chain only the last key of a node is kept.
        var last: [KeyTreeNode: UInt32] = [:]
        for change in plan.steps.flatMap(\.changed) { last[change.node] = change.keyID }
        for (node, keyID) in last.sorted(by: { $0.value < $1.value }) {
            draft.mutations.append(.keyTree(.putNode(KeyTreeNodeRow(group: name, node: node, keyID: keyID))))
        }
        draft.mutations.append(.keyTree(.putTree(held.row(of: name))))
        draft.audit.append(
            causer.entry(
                "key-tree-changed", "group/\(name)/key-tree", result: "done: \(last.count) keys replaced",
                to: group.row.generation))
    }
}
