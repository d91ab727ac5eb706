import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit

@testable import GroupKeying

/// A group with a key tree through joins, leaves, exclusions, returns, lost messages and restarts, from a seed. Members work with
/// the code of real ones; what each former member could know is followed by hand beside it.
struct KeyTreeSimulation {
    struct Settings {
        var degree: UInt8 = 4
        var members = 1000
        var steps = 10_000
        /// Of one fragment in one copy, and how many of each there are.
        var lossPercent: UInt32 = 8
        var copies = 2
        /// Wraps the lowest changed node under the leaf that is to be excluded.
        var isSabotaged = false
    }

    /// What the wire saw: who records it may come to the keys later.
    private struct Recorded {
        let over: Int
        let makes: Int
        let step: KeyTreeStep
    }

    private struct Member {
        let leaf: UInt32
        var path: WorkingKeyPath
        var sa: Int
        var keymat: HeldSecret
        var isLagging = false
    }

    private struct Former {
        let path: WorkingKeyPath
        /// Key IDs and Rekey SAs it has, or can get from what it recorded.
        var keyIDs: Set<UInt32>
        var sas: Set<Int>
        let outSince: Int
    }

    let settings: Settings
    private var draws: SeededEntropy
    private var world: TreeWorld
    private var places: KeyLeafPlaces
    private var members: [Member] = []
    private var former: [Former] = []
    private var recorded: [Recorded] = []
    private var current = 0
    private var sa: KeyedRekeySA
    /// The rows a store would hold.
    private var row: (lastKeyID: UInt32, leaves: UInt32, knownHeight: Int) = (0, 0, 1)
    private var nodeRows: [KeyTreeNode: UInt32] = [:]
    private var leafRows: [UInt32: KeyLeafRow] = [:]
    private let gskW = HeldSecret(SecretOctets(copying: [UInt8](repeating: 0xee, count: 32)))
    private let group: GroupName

    private(set) var violations: [String] = []
    private(set) var exclusions = 0
    private(set) var recovered = 0
    private(set) var restarts = 0
    private(set) var returns = 0
    private(set) var chains = 0

    init(seed: UInt64, _ settings: Settings, group: GroupName) throws {
        self.settings = settings
        self.group = group
        draws = SeededEntropy(seed: seed)
        world = try TreeWorld(degree: settings.degree)
        places = KeyLeafPlaces(world.tree)
        sa = try TreeWorld.rekeySA(0)
    }

    mutating func run() throws {
        for _ in 0..<settings.members { try join() }
        for _ in 0..<settings.steps where violations.count < 10 {
            switch draw(1000) {
            case ..<420: if members.count < settings.members * 11 / 10 { try join() } else { try leave() }
            case ..<820: if members.count > settings.members { try leave() } else { try join() }
            case ..<900: try comeAgain()
            case ..<985: try recoverOne()
            case ..<990: restart()
            case ..<993: try rekey(departing: [])
            default: try exclude()
            }
        }
        while members.contains(where: \.isLagging) { try recoverOne() }
        try rekey(departing: [])
        while members.contains(where: \.isLagging) { try recoverOne() }
        let differing = members.count { $0.sa != current || !$0.keymat.secret.constantTimeEquals(sa.keymat.secret) }
        if differing > 0 { violations.append("\(differing) members hold other keys at the end") }
    }

    private mutating func draw(_ bound: Int) -> Int { Int(draws.uint32() % UInt32(max(bound, 1))) }

    // MARK: Members

    private mutating func seatSomebody() throws -> UInt32 {
        let site = draw(12)
        guard let leaf = places.choose(KeyLeafPlaces.Kin(.fqdn("gm.site\(site).example")), world.tree) else {
            throw KeyTreeFailure.full
        }
        _ = try world.tree.give(leaf)
        keep(leaf)
        return leaf
    }

    private mutating func join() throws {
        let leaf = try seatSomebody()
        members.append(try registered(leaf))
    }

    private func registered(_ leaf: UInt32) throws -> Member {
        let opened = try world.register(leaf, sa, gskW: gskW)
        guard let rekey = opened.rekey else { throw DownloadRefusal.noKeyPath }
        return Member(leaf: leaf, path: opened.keyPath, sa: current, keymat: rekey.keymat)
    }

    private mutating func comeAgain() throws {
        guard !members.isEmpty else { return }
        let index = draw(members.count)
        members[index] = try registered(members[index].leaf)
    }

    private mutating func recoverOne() throws {
        guard let index = members.firstIndex(where: \.isLagging) else { return }
        members[index] = try registered(members[index].leaf)
        recovered += 1
    }

    private mutating func leave() throws {
        guard members.count > 1 else { return }
        let gone = members.swapRemove(draw(members.count))
        world.tree.free(gone.leaf, knowsKeys: true)
        places.freed(gone.leaf)
        keep(gone.leaf)
        remember(gone, outSince: current + 1)
    }

    private mutating func remember(_ member: Member, outSince: Int) {
        if former.count >= 40 { former.remove(at: draw(former.count)) }
        former.append(
            Former(
                path: member.path, keyIDs: Set(member.path.keyIDs), sas: Set(member.sa..<outSince), outSince: outSince))
    }

    private mutating func keep(_ leaf: UInt32) {
        let keyID = world.tree.keyID(KeyTreeNode(level: 0, index: leaf))
        let isMarked = world.tree.marked.contains(leaf)
        row = (world.tree.lastKeyID, world.tree.leafCount, world.tree.knownHeight)
        guard keyID != 0 || isMarked else {
            leafRows[leaf] = nil
            return
        }
        leafRows[leaf] = KeyLeafRow(
            group: group, leaf: leaf, keyID: keyID, holder: keyID == 0 ? nil : .keyID("\(leaf)"), isMarked: isMarked)
    }

    /// Another leader reads what is stored.
    private mutating func restart() {
        var tree = KeyTree(
            degree: settings.degree, lastKeyID: row.lastKeyID, leafCount: row.leaves, knownHeight: row.knownHeight)
        for (node, keyID) in nodeRows { tree.restore(KeyTreeNodeRow(group: group, node: node, keyID: keyID)) }
        for leaf in leafRows.values { tree.restore(leaf) }
        world.tree = tree
        places = KeyLeafPlaces(tree)
        restarts += 1
    }

    // MARK: Rekeys

    private mutating func exclude() throws {
        let count = min(draw(8) == 0 ? 30 : 1 + draw(4), members.count - 1)
        let gone = (0..<max(count, 0)).map { _ in members.swapRemove(draw(members.count)) }
        try rekey(departing: gone.map(\.leaf), gone)
        exclusions += 1
        if draw(3) == 0 { try letSomebodyInAgain() }
    }

    private mutating func rekey(
        departing: [UInt32], reserved: [UInt32] = [], _ gone: [Member] = []
    ) throws {
        // Small messages, so that chains are met often.
        let plan = try world.tree.exclusion(
            departing: departing, reserved: reserved, sizes: world.sizes, budget: 6000)
        let before = current
        let marked = world.tree.marked
        if plan.steps.count > 1 { chains += 1 }
        for (index, step) in plan.steps.enumerated() {
            check(step, departing: departing.count + marked.count + reserved.count)
            let step = settings.isSabotaged ? sabotaged(step, gone) : step
            // The last one excludes the last: until it, those of later steps are still there.
            let isLast = index == plan.steps.count - 1
            try send(step, isLast: isLast)
        }
        world.tree.apply(plan)
        for change in plan.steps.flatMap(\.changed) { nodeRows[change.node] = change.keyID }
        for leaf in marked.union(departing) { keep(leaf) }
        for leaf in departing { places.freed(leaf) }
        row = (world.tree.lastKeyID, world.tree.leafCount, world.tree.knownHeight)
        for member in gone { remember(member, outSince: before + 1) }
        checkFormer(before: before)
    }

    private func sabotaged(_ step: KeyTreeStep, _ gone: [Member]) -> KeyTreeStep {
        guard let leaf = gone.first?.path.keyIDs.last, let lowest = step.changed.first else { return step }
        return KeyTreeStep(
            changed: step.changed, wraps: step.wraps + [KeyTreeWrap(keyID: lowest.keyID, kwkID: leaf)],
            tops: step.tops)
    }

    /// d · log_d N for one that goes, and never more than that for each of many.
    private mutating func check(_ step: KeyTreeStep, departing: Int) {
        let bound = max(departing, 1) * Int(settings.degree) * (world.tree.height - 1) + Int(settings.degree)
        if step.wraps.count > bound { violations.append("\(step.wraps.count) wraps for \(departing) leaves") }
        if world.sizes.octets(step) > 6000 { violations.append("a message of \(world.sizes.octets(step)) octets") }
    }

    private mutating func send(_ step: KeyTreeStep, isLast: Bool) throws {
        let fresh = try TreeWorld.rekeySA(UInt64(current + 1))
        let writer = KeyBagWriter(gskW: gskW, keyWrap: .kw5649_256, engine: world.engine)
        let (bag, wraps) = try writer.bag(fresh, KeyTreeRekey(keys: world.keys, step: step))
        let payload = KeyDownloadPayload([bag, .member(MemberKeyBag(attributes: wraps))])
        let fragments = (world.sizes.octets(step) + 1600) / 1200
        recorded.append(Recorded(over: current, makes: current + 1, step: step))
        for index in members.indices where members[index].sa == current && !members[index].isLagging {
            if isLost(fragments) {
                members[index].isLagging = true
                continue
            }
            open(payload, fresh, index)
        }
        // Who did not get an earlier one meets a Rekey SA that it does not know.
        for index in members.indices where members[index].sa != current + 1 { members[index].isLagging = true }
        current += 1
        sa = fresh
    }

    private mutating func isLost(_ fragments: Int) -> Bool {
        (0..<fragments).contains { _ in
            (0..<settings.copies).allSatisfy { _ in draws.uint32() % 100 < settings.lossPercent }
        }
    }

    private func read(
        _ payload: KeyDownloadPayload, _ fresh: KeyedRekeySA, _ path: WorkingKeyPath
    ) throws(DownloadRefusal) -> OpenedGroup {
        let finder = KeyFinder(
            gskW: gskW, keyWrap: .kw5649_256, engine: world.engine, wrapKeys: try KeyBagReader.wrapKeys(payload),
            workingPath: path, source: .rekey)
        var reader = KeyBagReader(source: .rekey, finder: finder)
        return try reader.read(
            GroupSecurityAssociation(rekey: fresh.policy, data: [], groupWide: GroupWidePolicy()), payload,
            mode: .tunnel)
    }

    private mutating func open(_ payload: KeyDownloadPayload, _ fresh: KeyedRekeySA, _ index: Int) {
        do throws(DownloadRefusal) {
            let opened = try read(payload, fresh, members[index].path)
            guard let rekey = opened.rekey, rekey.keymat.secret.constantTimeEquals(fresh.keymat.secret) else {
                violations.append("leaf \(members[index].leaf) has another key")
                return
            }
            (members[index].path, members[index].keymat, members[index].sa) = (
                opened.keyPath, rekey.keymat, current + 1
            )
        } catch {
            violations.append("leaf \(members[index].leaf): \(error)")
        }
    }

    // MARK: Who is out

    /// Everything that those who are out recorded, opened with everything they have.
    private mutating func checkFormer(before: Int) {
        for index in former.indices {
            learn(&former[index])
            if former[index].sas.contains(current) {
                violations.append("somebody who is out since \(former[index].outSince) has Rekey SA \(current)")
            }
        }
    }

    private func learn(_ person: inout Former) {
        for message in recorded where person.sas.contains(message.over) && message.makes >= person.outSince {
            for wrap in message.step.wraps where person.keyIDs.contains(wrap.kwkID) { person.keyIDs.insert(wrap.keyID) }
            if !person.keyIDs.isDisjoint(with: message.step.tops) { person.sas.insert(message.makes) }
        }
    }

    /// It gets a leaf whose path is new, and must not come to the Rekey SAs of the time it was out.
    private mutating func letSomebodyInAgain() throws {
        guard !former.isEmpty else { return }
        var person = former.remove(at: draw(former.count))
        guard let leaf = places.choose(KeyLeafPlaces.Kin(.fqdn("gm.site1.example")), world.tree) else { return }
        let known = person.sas
        try rekey(departing: [], reserved: [leaf])
        _ = try world.tree.give(leaf)
        keep(leaf)
        let member = try registered(leaf)
        members.append(member)
        person.keyIDs.formUnion(member.path.keyIDs)
        learn(&person)
        let opened = person.sas.subtracting(known).filter { $0 < current }
        if !opened.isEmpty { violations.append("who came back can open \(opened.count) Rekey SAs of before") }
        returns += 1
    }
}

extension Array {
    fileprivate mutating func swapRemove(_ index: Int) -> Element {
        swapAt(index, count - 1)
        return removeLast()
    }
}
