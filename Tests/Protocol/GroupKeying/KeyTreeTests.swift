import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import Octets
import TestKit
import Testing

@testable import GroupKeying

/// A key tree with keys, as an authority has it and as its members see it.
struct TreeWorld {
    let engine = CryptoEngine()
    var tree: KeyTree
    let keys: KeyTreeKeys
    let sizes: KeyTreeSizes

    init(degree: UInt8, secret: [UInt8] = [UInt8](repeating: 5, count: 32)) throws {
        tree = KeyTree(degree: degree)
        keys = KeyTreeKeys(
            secret: HeldSecret(SecretOctets(copying: secret)), group: try #require(GroupName("demo")),
            keyWrap: .kw5649_256)
        sizes = try #require(KeyTreeSizes(suite: .aesGCM256, keyWrap: .kw5649_256))
    }

    static func policy(_ number: UInt64) throws -> RekeySAPolicy {
        let address = try #require(IPAddress("239.1.1.1"))
        return RekeySAPolicy(
            spi: RekeySPI(initiatorHalf: IKESPI(rawValue: number), responderHalf: IKESPI(rawValue: 1)),
            source: .any(ipv4: true, ipProtocol: TrafficSelector.udp),
            destination: .single(address, ipProtocol: TrafficSelector.udp, port: 848), suite: .aesGCM256,
            keyWrap: .kw5649_256, authentication: .implicit, lifetime: Lifetime(seconds: 3600))
    }

    static func rekeySA(_ number: UInt64) throws -> KeyedRekeySA {
        let keymat = (0..<68).map { UInt8(truncatingIfNeeded: number &* 31 &+ UInt64($0)) }
        return KeyedRekeySA(policy: try policy(number), keymat: HeldSecret(SecretOctets(copying: keymat)))
    }

    func seat(_ leaf: UInt32) -> KeyTreeSeat {
        KeyTreeSeat(keys: keys, path: tree.path(of: leaf, keyID: tree.keyID(KeyTreeNode(level: 0, index: leaf))))
    }

    /// The registration of whoever has this leaf, opened by it.
    func register(_ leaf: UInt32, _ sa: KeyedRekeySA, gskW: HeldSecret) throws -> OpenedGroup {
        let grant = try RegistrationBodies.build(
            GrantMaterial(
                rekey: sa, data: [], groupWide: GroupWidePolicy(), mode: .tunnel, authKey: nil, senderIDs: [],
                gskW: gskW, keyWrap: .kw5649_256, seat: seat(leaf)), engine: engine)
        return try RegistrationDownload.open(
            gsa: GSAPayloadBody(grant.groupSecurityAssociation), kd: KDPayloadBody(grant.keyDownload), notifies: [],
            gskW: gskW, keyWrap: .kw5649_256, senderIDsAsked: nil, engine: engine)
    }
}

/// Keys as RFC 9838 appendix A writes them: "1{K_sa1}", "3{1}", "GSK_w{7}".
private func notation(_ payload: KeyDownloadPayload, _ names: [UInt32: String]) throws -> [[String]] {
    func text(_ attribute: GroupAttribute, _ zero: String) throws -> String {
        guard case .octets(let octets) = attribute.value else { return "?" }
        let key = try WrappedKey(decoding: octets)
        let name = { (id: UInt32, zero: String) in id == 0 ? zero : names[id] ?? "?\(id)" }
        return "\(name(key.kwkID, "GSK_w")){\(name(key.keyID, zero))}"
    }
    return try payload.bags.map { bag in
        switch bag {
        case .group(let bag): try bag.attributes.map { try text($0, "K_sa") }
        case .member(let bag): try bag.attributes.map { try text($0, "?") }
        }
    }
}

@Suite struct KeyTreeTests {
    private let gskW = HeldSecret(SecretOctets(copying: [UInt8](repeating: 0xee, count: 32)))

    /// The tree of RFC 9838 appendix A.2: eight members A … H, two children a node. Its Key IDs under our numbers.
    private func exampleTree() throws -> (world: TreeWorld, names: [UInt32: String]) {
        var world = try TreeWorld(degree: 2)
        // Made complete, as the RFC shows it.
        world.tree = KeyTree(degree: 2, knownHeight: 3)
        for leaf in 0..<8 as Range<UInt32> { _ = try world.tree.give(leaf) }
        var names: [UInt32: String] = [:]
        for index in 0..<2 as Range<UInt32> {
            names[KeyTree.firstKeyID(KeyTreeNode(level: 2, index: index))] = "\(1 + index)"
        }
        for index in 0..<4 as Range<UInt32> {
            names[KeyTree.firstKeyID(KeyTreeNode(level: 1, index: index))] = "\(3 + index)"
        }
        for leaf in 0..<8 as Range<UInt32> {
            names[world.tree.keyID(KeyTreeNode(level: 0, index: leaf))] = "\(7 + leaf)"
        }
        return (world, names)
    }

    private func text(_ path: WorkingKeyPath, _ names: [UInt32: String]) -> String {
        path.keyIDs.map { names[$0] ?? "?\($0)" }.joined(separator: "->")
    }

    @Test func `appendix A: everybody gets the key path of the RFC`() throws {
        let (world, names) = try exampleTree()
        let sa = try TreeWorld.rekeySA(1)
        let writer = KeyBagWriter(gskW: gskW, keyWrap: .kw5649_256, engine: world.engine)
        let (bag, wraps) = try writer.bag(sa, world.seat(0))
        let payload = KeyDownloadPayload([bag, .member(MemberKeyBag(attributes: wraps))])
        #expect(try notation(payload, names) == [["1{K_sa}"], ["3{1}", "7{3}", "GSK_w{7}"]])
        let paths = try (0..<8).map { text(try world.register($0, sa, gskW: gskW).keyPath, names) }
        #expect(
            paths == ["1->3->7", "1->3->8", "1->4->9", "1->4->10", "2->5->11", "2->5->12", "2->6->13", "2->6->14"])
    }

    /// F is excluded: key 2 becomes 15 and key 5 becomes 16.
    @Test func `appendix A: the exclusion of F is the message of the RFC`() throws {
        var (world, names) = try exampleTree()
        let (first, third) = (try TreeWorld.rekeySA(1), try TreeWorld.rekeySA(3))
        let before = try (0..<8).map { try world.register($0, first, gskW: gskW).keyPath }
        let plan = try world.tree.exclusion(departing: [5], sizes: world.sizes)
        let step = try #require(plan.steps.first)
        #expect(plan.steps.count == 1)
        for change in step.changed { names[change.keyID] = change.node.level == 2 ? "15" : "16" }
        let writer = KeyBagWriter(gskW: gskW, keyWrap: .kw5649_256, engine: world.engine)
        let (bag, wraps) = try writer.bag(third, KeyTreeRekey(keys: world.keys, step: step))
        let payload = KeyDownloadPayload([bag, .member(MemberKeyBag(attributes: wraps))])
        let written = try notation(payload, names)
        #expect(written[0] == ["1{K_sa}", "15{K_sa}"])
        #expect(written[1].sorted() == ["11{16}", "16{15}", "6{15}"])

        var after: [String] = []
        for path in before {
            let finder = KeyFinder(
                gskW: gskW, keyWrap: .kw5649_256, engine: world.engine, wrapKeys: try KeyBagReader.wrapKeys(payload),
                workingPath: path, source: .rekey)
            var reader = KeyBagReader(source: .rekey, finder: finder)
            do throws(DownloadRefusal) {
                let policy = GroupSecurityAssociation(
                    rekey: third.policy, data: [], groupWide: GroupWidePolicy())
                let opened = try reader.read(policy, payload, mode: .tunnel)
                #expect(opened.rekey?.keymat.secret.constantTimeEquals(third.keymat.secret) == true)
                after.append(text(opened.keyPath, names))
            } catch {
                after.append("\(error)")
            }
        }
        #expect(
            after == [
                "1->3->7", "1->3->8", "1->4->9", "1->4->10", "15->16->11", "noKeyPath", "15->6->13", "15->6->14",
            ])
    }

    /// Computed apart from this program (Python: hmac, and RFC 5649 of its cryptography package).
    @Test func `keys and key bags are those of an independent computation`() throws {
        let world = try TreeWorld(degree: 4, secret: (0..<32).map { UInt8($0) })
        let hex = { (id: UInt32) in Hex.encode(try world.keys.key(id, engine: world.engine).secret.exposed()) }
        #expect(try hex(1) == KeyTreeVectors.leafKey)
        #expect(try hex(0x8400_0000) == KeyTreeVectors.nodeKey)
        let keymat = HeldSecret(SecretOctets(copying: (100..<168).map { UInt8($0) }))
        let sa = KeyedRekeySA(policy: try TreeWorld.policy(1), keymat: keymat)
        let writer = KeyBagWriter(gskW: gskW, keyWrap: .kw5649_256, engine: world.engine)
        let (bag, wraps) = try writer.bag(sa, KeyTreeSeat(keys: world.keys, path: [1, 0x8400_0000]))
        let registration = KeyDownloadPayload([bag, .member(MemberKeyBag(attributes: wraps))])
        let spi = "00000000000000010000000000000001"
        #expect(Hex.encode(registration.encodeBody()) == KeyTreeVectors.registration(spi))
        let step = KeyTreeStep(
            changed: [], wraps: [KeyTreeWrap(keyID: 0x8400_0000, kwkID: 1)], tops: [0x8400_0000, 1])
        let (many, changed) = try writer.bag(sa, KeyTreeRekey(keys: world.keys, step: step))
        let rekey = KeyDownloadPayload([many, .member(MemberKeyBag(attributes: changed))])
        #expect(Hex.encode(rekey.encodeBody()) == KeyTreeVectors.rekey(spi))
    }

    @Test(arguments: [(2, 10, 17), (4, 5, 15), (16, 3, 30)] as [(UInt8, Int, Int)])
    func `one exclusion of a thousand costs what the fact sheet says`(
        _ degree: UInt8, _ height: Int, _ wraps: Int
    ) throws {
        var world = try TreeWorld(degree: degree)
        for leaf in 0..<1000 as Range<UInt32> { _ = try world.tree.give(leaf) }
        #expect(world.tree.height == height)
        // What the tree grew by since the last exclusion is replaced once, with the next.
        world.tree.apply(try world.tree.exclusion(sizes: world.sizes))
        var most = 0
        for leaf in stride(from: 0, to: 1000, by: 37) as StrideTo<UInt32> {
            let plan = try world.tree.exclusion(departing: [leaf], sizes: world.sizes)
            most = max(most, plan.steps[0].wraps.count)
            // Every level but the root's: at most degree children, one fewer at the leaf.
            #expect(plan.steps[0].wraps.count <= Int(degree) * (height - 1) - 1)
            #expect(plan.steps[0].tops.count <= Int(degree))
        }
        #expect(abs(most - wraps) <= Int(degree))
    }

    @Test func `more than one message holds is a chain that leaves nobody out`() throws {
        var world = try TreeWorld(degree: 4)
        for leaf in 0..<256 as Range<UInt32> { _ = try world.tree.give(leaf) }
        let departing = (0..<256).filter { $0 % 16 == 3 }.map { UInt32($0) }
        let plan = try world.tree.exclusion(departing: departing, sizes: world.sizes, budget: 2000)
        #expect(plan.steps.count > 3)
        #expect(plan.steps.allSatisfy { world.sizes.octets($0) <= 2000 })
        var holders = (0..<256).map { Set(world.seat(UInt32($0)).path) }
        for step in plan.steps {
            for index in holders.indices { Self.follow(step, &holders[index]) }
        }
        let last = try #require(plan.steps.last)
        for index in holders.indices {
            let opens = !holders[index].isDisjoint(with: last.tops)
            #expect(opens == !departing.contains(UInt32(index)), "\(index)")
        }
        // No Key ID stands for two keys.
        let given = plan.steps.flatMap { $0.changed.map(\.keyID) }
        #expect(Set(given).count == given.count && given.allSatisfy { $0 > 256 && $0 <= plan.lastKeyID })
    }

    private static func follow(_ step: KeyTreeStep, _ known: inout Set<UInt32>) {
        for wrap in step.wraps where known.contains(wrap.kwkID) { known.insert(wrap.keyID) }
    }

    @Test func `who was there before the tree grew learns the new top with the next exclusion`() throws {
        var world = try TreeWorld(degree: 2)
        for leaf in 0..<2 as Range<UInt32> { _ = try world.tree.give(leaf) }
        var early = Set(world.seat(0).path)
        for leaf in 2..<5 as Range<UInt32> { _ = try world.tree.give(leaf) }
        let plan = try world.tree.exclusion(departing: [4], sizes: world.sizes)
        Self.follow(plan.steps[0], &early)
        #expect(!early.isDisjoint(with: plan.steps[0].tops))
        world.tree.apply(plan)
        #expect(world.tree.knownHeight == 3 && early.isSuperset(of: world.seat(0).path))
    }

    @Test func `a freed leaf is given again under another Key ID and its old path goes`() throws {
        var world = try TreeWorld(degree: 4)
        for leaf in 0..<9 as Range<UInt32> { _ = try world.tree.give(leaf) }
        let left = world.seat(5).path
        world.tree.free(5, knowsKeys: true)
        #expect(world.tree.marked == [5])
        let keyID = try world.tree.give(5)
        #expect(!left.contains(keyID))
        let plan = try world.tree.exclusion(sizes: world.sizes)
        #expect(plan.steps[0].wraps.allSatisfy { !left.prefix(1).contains($0.kwkID) })
        world.tree.apply(plan)
        #expect(world.tree.marked.isEmpty && Set(world.seat(5).path).isDisjoint(with: left))
    }

    @Test func `a tree without Key IDs, members or places says so`() throws {
        var spent = KeyTree(degree: 4, lastKeyID: KeyingLimits.lastKeyID - 1)
        _ = try spent.give(0)
        #expect(throws: KeyTreeFailure.keyIDsUsedUp) { try spent.give(1) }
        let sizes = try #require(KeyTreeSizes(suite: .aesGCM256, keyWrap: .kw5649_256))
        #expect(throws: KeyTreeFailure.nobodyLeft) { try spent.exclusion(departing: [0], sizes: sizes) }
        #expect(throws: KeyTreeFailure.full) { try spent.give(0) }
        #expect(throws: KeyTreeFailure.full) { try spent.give(KeyingLimits.treeLeaves) }
    }

    @Test func `those of one domain sit together`() throws {
        var tree = KeyTree(degree: 4)
        var places = KeyLeafPlaces(tree)
        var blocks: [String: Set<UInt32>] = [:]
        for number in 0..<32 {
            for site in ["north", "south"] {
                let kin = KeyLeafPlaces.Kin(.fqdn("gm\(number).\(site).example"))
                let chosen = places.choose(kin, tree)
                let leaf = try #require(chosen)
                _ = try tree.give(leaf)
                blocks[site, default: []].insert(leaf / 16)
            }
        }
        #expect(blocks["north"]?.count == 2 && blocks["south"]?.count == 2)
        #expect(blocks["north"]?.isDisjoint(with: blocks["south"] ?? []) == true)
        // Room that became free is used before the tree grows.
        for leaf in 16..<32 as Range<UInt32> {
            tree.free(leaf, knowsKeys: false)
            places.freed(leaf)
        }
        let before = tree.leafCount
        for number in 0..<16 {
            let kin = KeyLeafPlaces.Kin(.rfc822("gm\(number)@east.example"))
            let chosen = places.choose(kin, tree)
            _ = try tree.give(try #require(chosen))
        }
        #expect(tree.leafCount == before)
    }
}
