import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary

/// How a group gets keys that some do not know.
enum ExclusionWay {
    /// By multicast, to those who stay.
    case tree(KeyTreePlan, wrappedOctets: Int)
    /// By a registration of everybody who stays. Why, when there is a key tree.
    case renewal(why: String?)

    /// How many GSA_REKEYs it takes: one for each step, and one with the new data SAs.
    var orders: Int {
        switch self {
        case .tree(let plan, _): plan.steps.count + 1
        case .renewal: 1
        }
    }
}

/// An exclusion whose messages are made, and that cannot fail any more.
enum PreparedExclusion {
    case tree([PreparedRekey], KeyTreePlan)
    case renewal(PreparedRekey)

    var orders: Int {
        switch self {
        case .tree(let prepared, _): prepared.count
        case .renewal: 1
        }
    }
}

extension AuthorityCore {
    /// Nothing is cheaper than one exclusion message. Beyond it, a chain of them is worth its octets until more than a tenth of the
    /// group goes (fact sheet F.3).
    func exclusionWay(of identities: [Identity] = [], in group: GroupState, reserved: [UInt32] = []) -> ExclusionWay {
        let rekey = group.definition.rekey
        guard let held = group.keyTree, let sizes = KeyTreeSizes(suite: rekey.suite, keyWrap: rekey.keyWrap) else {
            return .renewal(why: nil)
        }
        let leaves = identities.compactMap { held.leaves[$0.canonical] }
        do throws(KeyTreeFailure) {
            let plan = try held.tree.exclusion(departing: leaves, reserved: reserved, sizes: sizes)
            // Those who left and still know keys of the tree cost as much as those who are taken out.
            if plan.steps.count > 1, held.tree.marked.union(leaves).count * 10 > held.tree.members {
                return .renewal(why: "more than a tenth of the group goes, more than one message can exclude")
            }
            return .tree(plan, wrappedOctets: plan.steps.reduce(0) { $0 + sizes.octets($1) })
        } catch {
            switch error {
            case .nobodyLeft: return .renewal(why: "nobody is left in the key tree")
            case .keyIDsUsedUp, .full: return .renewal(why: "the key tree has no Key IDs left")
            }
        }
    }

    func prepare(
        _ way: ExclusionWay, of group: GroupState, _ plan: RekeyPlan, definition: GroupDefinition? = nil,
        offset: Int64 = 0, at now: WallTime
    ) throws -> PreparedExclusion {
        // Before anything is sealed: a chain costs a signature for each of its steps.
        try requireRoomForOrders(Int(offset) + way.orders)
        switch way {
        case .tree(let tree, _):
            let prepared = try prepareExclusion(
                group, tree, plan, definition: definition ?? group.definition, offset: offset, at: now)
            return .tree(prepared, tree)
        case .renewal:
            return .renewal(
                try prepareRenewal(group, cause: plan.cause, definition: definition, offset: offset, at: now))
        }
    }

    func apply(
        _ prepared: PreparedExclusion, departing: [Identity] = [], to group: GroupState, by causer: Causer,
        at now: WallTime, into draft: inout DecisionDraft
    ) {
        switch prepared {
        case .tree(let rekeys, let plan):
            apply(rekeys, plan, departing: departing, to: group, by: causer, at: now, into: &draft)
        case .renewal(let renewal):
            apply(renewal, to: group, by: causer, at: now, into: &draft)
            plantKeyTree(of: group, into: &draft)
        }
    }

    /// What an operator reads before an exclusion.
    func lines(of way: ExclusionWay, _ group: GroupState, staying: Int) -> [String] {
        switch way {
        case .tree(let plan, let octets):
            let over = group.rekeySA.row
            let messages = plan.steps.count + 1
            let whole = octets + plan.steps.count * Self.messageOverhead
            let fragment = fragmentOctets(group, group.definition) ?? whole
            let datagrams = plan.steps.count + whole / max(fragment - Self.datagramOverhead, 1) + 1
            let wraps = plan.steps.reduce(0) { $0 + $1.wraps.count }
            return [
                "\(group.name): new Rekey SA under \(wraps) wrapped keys of the key tree, then "
                    + "\(group.definition.data.count) new data SAs under it",
                "\(group.name): GSA_REKEY \(over.spi) message \(over.nextMessageID) and \(messages - 1) after it, about "
                    + "\(whole) octets in \(datagrams) datagrams",
                "\(group.name): \(staying) members follow by multicast; no gap expected",
            ]
        case .renewal(let why):
            return (why.map { ["\(group.name): \($0)"] } ?? []) + renewalPlan(group, staying: staying)
        }
    }

    /// What a GSA_REKEY holds beside wrapped keys, and a fragment beside its part of the message: for an estimate.
    private static let messageOverhead = 400
    private static let datagramOverhead = 64

    // MARK: Who left, who comes back

    /// The rekey that locks out those who left since the last Rekey SA.
    func rekeyWithoutLeavers(
        _ group: GroupState, _ plan: RekeyPlan, definition: GroupDefinition, by causer: Causer, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws {
        let prepared = try prepare(
            exclusionWay(in: group), of: group, plan, definition: definition, at: now)
        apply(prepared, to: group, by: causer, at: now, into: &draft)
    }

    /// Where a group wants it: those who left are locked out soon after, all of a while together.
    func rekeyAfterLeave(_ group: GroupState, at now: WallTime, into draft: inout DecisionDraft) {
        guard group.definition.keyTree?.onLeave == .rekey, group.keyTree?.tree.marked.isEmpty == false,
            group.rekeySA.row.createdAt.adding(limits.leaveRekeyPause) <= now
        else { return }
        let plan = RekeyPlan(
            cause: .leave, replacesRekeySA: true, replacesAuthKey: false,
            dataSAs: Set(group.definition.data.map(\.name)))
        do {
            try rekey(group, plan, by: Causer(authority: node, reason: "members left"), at: now, into: &draft)
        } catch {
            draft.effects.append(
                .event(
                    Event(
                        "rekey-failed", .error, limitedBy: group.name.text,
                        [("group", group.name.text), ("why", "\(error)")])))
        }
    }

    /// Who comes back must not open what was sent while it was out. Without a tree a new Rekey SA and new data SAs do; in a tree it
    /// would be given keys above its leaf under which the Rekey SAs of that time lie in recorded messages. So its leaf is chosen
    /// now, and everything above it is made anew for those who are there.
    func readmit(
        _ identities: [Identity], to group: GroupState, by causer: Causer, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws {
        let plan = RekeyPlan(
            cause: .exclusion, replacesRekeySA: true, replacesAuthKey: false,
            dataSAs: Set(group.definition.data.map(\.name)))
        guard var trial = group.keyTree else {
            return try rekey(group, plan, by: causer, at: now, into: &draft)
        }
        var seats: [(Identity, UInt32)] = []
        var reserved: [UInt32] = []
        for identity in identities.map(\.canonical) {
            // A leaf that is kept for it since an earlier time, and whose key it never got.
            if let leaf = trial.leaves[identity] {
                reserved.append(leaf)
                continue
            }
            guard let leaf = trial.places.choose(KeyLeafPlaces.Kin(identity), trial.tree) else {
                throw KeyTreeFailure.full
            }
            _ = try trial.tree.give(leaf)
            seats.append((identity, leaf))
        }
        let way = exclusionWay(in: group, reserved: reserved + seats.map(\.1))
        let prepared = try prepare(way, of: group, plan, at: now)
        apply(prepared, to: group, by: causer, at: now, into: &draft)
        // A new tree knows nobody yet.
        guard case .tree = prepared else { return }
        group.keyTree?.places = trial.places
        for (identity, leaf) in seats { try seat(identity, at: leaf, in: group, into: &draft) }
    }
}
