import AuthorityCore
import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

/// A member as far as rekeys go.
final class Follower {
    let name: String
    private(set) var receiver: RekeyReceiver
    private(set) var data: Set<ESPSPI>
    private(set) var refusal: DownloadRefusal?
    private let engine = CryptoEngine()

    init(_ name: String, _ opened: OpenedGroup) throws {
        self.name = name
        receiver = try RekeyReceiver(try #require(opened.rekey), authKey: opened.authKey, keyPath: opened.keyPath)
        data = Set(opened.data.map(\.policy.spi))
    }

    /// Takes rekeys as they come; those over other Rekey SAs are not for it.
    func follow(_ orders: [RekeyOrder]) throws {
        for order in orders {
            for datagram in order.datagrams {
                do throws(DownloadRefusal) {
                    guard let opened = try receiver.receive(datagram, engine: engine) else { continue }
                    if let group = opened.group {
                        data.formUnion(group.data.map(\.policy.spi))
                        if let rekey = group.rekey { receiver = try receiver.successor(rekey) }
                    }
                    for delete in opened.deletes where delete.securityProtocol == .esp {
                        data = data.filter { !delete.spis.contains($0.octets) }
                    }
                } catch {
                    if error != .notForThisSA { refusal = error }
                }
            }
        }
    }
}

@Suite struct KeyTreeDecisionTests {
    private func orders(_ effects: [AuthorityEffect]) -> [RekeyOrder] {
        effects.compactMap { if case .broadcast(let order) = $0 { order } else { nil } }
    }

    private func group(
        of size: Int, _ authority: Authority, onLeave: LeaveRule = .batch
    ) throws -> (GroupDefinition, [Follower]) {
        var group = try exampleGroup()
        group.keyTree = KeyTreeDefinition(degree: 2, onLeave: onLeave)
        try authority.apply(group)
        return (group, try (0..<size).map { try follower("gm\($0).example", authority) })
    }

    private func follower(_ name: String, _ authority: Authority) throws -> Follower {
        let grant = try #require(try authority.register(try authority.join(name)).grant)
        let opened = try RegistrationDownload.open(
            gsa: GSAPayloadBody(grant.groupSecurityAssociation), kd: KDPayloadBody(grant.keyDownload),
            notifies: grant.notifies, gskW: authority.gskW, keyWrap: .kw5649_256, senderIDsAsked: nil,
            engine: CryptoEngine())
        return try Follower(name, opened)
    }

    private func evict(
        _ authority: Authority, _ names: [String], isDryRun: Bool = false
    ) throws -> (lines: [String], sent: [RekeyOrder]) {
        let effects = try authority.decide([
            .operation(
                .control(
                    .evict(
                        names.map { .fqdn($0) }, group: GroupName("market-data"),
                        try authority.mandate("ticket 4711", isDryRun: isDryRun))), by: alice, token: 1)
        ])
        for case .reply(let result, _) in effects {
            guard case .done(let lines) = try result.get() else { break }
            return (lines, orders(effects))
        }
        throw OperatorFailure.unavailable("no reply")
    }

    private func current(_ authority: Authority) -> (rekey: RekeySPI?, data: Set<ESPSPI>) {
        (
            authority.state.rekeySAs.first { $0.retiredAt == nil }?.spi,
            Set(authority.state.dataSAs.filter { $0.retiredAt == nil }.map(\.spi))
        )
    }

    private func isCurrent(_ member: Follower, _ authority: Authority) -> Bool {
        let now = current(authority)
        return member.receiver.sa.policy.spi == now.rekey && member.data == now.data && member.refusal == nil
    }

    @Test func `an exclusion is two rekeys that everybody else follows`() throws {
        let authority = try Authority()
        let (_, members) = try group(of: 11, authority)
        let old = current(authority)
        let (lines, sent) = try evict(authority, ["gm5.example"])
        #expect(sent.count == 2)
        #expect(sent.map(\.spi) == [old.rekey, current(authority).rekey])
        #expect(lines.contains { $0.contains("follow by multicast") })
        for member in members { try member.follow(sent) }
        for member in members where member.name != "gm5.example" { #expect(isCurrent(member, authority)) }
        #expect(members[5].refusal == .noKeyPath)
        #expect(members[5].data == old.data)
        #expect(authority.state.keyLeaves.count == 10)
        #expect(authority.trail.map(\.entry.action).contains("key-tree-changed"))
        // Another leader goes on from what is stored, and so do the members.
        try authority.restart()
        let next = try evict(authority, ["gm0.example", "gm10.example"]).sent
        for member in members { try member.follow(next) }
        for member in members where !["gm0.example", "gm5.example", "gm10.example"].contains(member.name) {
            #expect(isCurrent(member, authority))
        }
        #expect(members[0].refusal == .noKeyPath && members[10].refusal == .noKeyPath)
        // An ordinary rekey goes to all of them at once.
        let now = try authority.decide([
            .operation(
                .rekeyNow(try #require(GroupName("market-data")), scope: .all, try authority.mandate()), by: alice,
                token: 1)
        ])
        #expect(orders(now).count == 1)
        for member in members { try member.follow(orders(now)) }
        #expect(isCurrent(members[1], authority) && !isCurrent(members[5], authority))
    }

    @Test func `the dry run says which way, how much and how many datagrams, and changes nothing`() throws {
        let authority = try Authority()
        _ = try group(of: 6, authority)
        let before = authority.state
        let (lines, sent) = try evict(authority, ["gm2.example"], isDryRun: true)
        #expect(sent.isEmpty)
        #expect(lines.contains { $0.contains("wrapped keys of the key tree") })
        #expect(lines.contains { $0.contains("octets in") && $0.contains("datagrams") })
        #expect(authority.state.keyTrees == before.keyTrees && authority.state.keyLeaves == before.keyLeaves)
        #expect(authority.state.rekeySAs == before.rekeySAs && authority.state.exclusions.isEmpty)
        // Nobody would be left in the tree: then it is a renewal.
        let all = try evict(authority, (0..<6).map { "gm\($0).example" }, isDryRun: true).lines
        #expect(all.contains { $0.contains("nobody is left in the key tree") })
    }

    @Test func `members that left are locked out with the next Rekey SA and no sooner`() throws {
        let authority = try Authority()
        let (definition, members) = try group(of: 8, authority)
        let leave = RegistrationRequest(
            operation: try authority.operationID(), member: .fqdn("gm3.example"), authentication: .signature,
            group: definition.identification, action: .leave(.noProposalChosen),
            remote: Endpoint(try #require(IPAddress("192.0.2.7")), port: 500), frontend: "frontend-1")
        _ = try authority.register(leave)
        #expect(authority.state.keyLeaves.contains { $0.isMarked && $0.holder == nil })
        // Its place goes to somebody else before: he is not locked out with it.
        let late = try follower("late.example", authority)
        #expect(authority.state.keyLeaves.count == 8)
        func rekey(_ scope: RekeyScope) throws -> [RekeyOrder] {
            let request = OperatorRequest.rekeyNow(definition.name, scope: scope, try authority.mandate())
            let sent = orders(try authority.decide([.operation(request, by: alice, token: 1)]))
            for member in members + [late] { try member.follow(sent) }
            return sent
        }
        #expect(try rekey(.tek).count == 1 && isCurrent(members[3], authority))
        #expect(try rekey(.kek).count == 1)
        #expect(members[3].refusal == .noKeyPath)
        for member in members + [late] where member.name != "gm3.example" { #expect(isCurrent(member, authority)) }
        #expect(!authority.state.keyLeaves.contains { $0.isMarked })
        #expect(try rekey(.all).count == 1 && isCurrent(late, authority), "nobody left since: it is an ordinary rekey")
    }

    @Test func `where a group wants it, a leave is followed by a rekey soon`() throws {
        let authority = try Authority()
        let (definition, members) = try group(of: 5, authority, onLeave: .rekey)
        let leave = RegistrationRequest(
            operation: try authority.operationID(), member: .fqdn("gm1.example"), authentication: .signature,
            group: definition.identification, action: .leave(.noProposalChosen),
            remote: Endpoint(try #require(IPAddress("192.0.2.7")), port: 500), frontend: "frontend-1")
        _ = try authority.register(leave)
        #expect(orders(try authority.decide([.timer], at: seconds(9))).isEmpty)
        let sent = orders(try authority.decide([.timer], at: seconds(10)))
        #expect(sent.count == 2)
        for member in members { try member.follow(sent) }
        #expect(members[1].refusal == .noKeyPath && isCurrent(members[0], authority))
        #expect(authority.state.rekeyHistory.map(\.cause) == ["leave", "leave"])
    }

    @Test func `who is let in again cannot open what was recorded while it was out`() throws {
        let authority = try Authority()
        let (definition, members) = try group(of: 9, authority)
        let recorder = members[4]
        var record = try evict(authority, ["gm4.example"]).sent
        record += try evict(authority, ["gm8.example"]).sent
        let allow = ControlRequest.allow([.fqdn("gm4.example")], group: definition.name, try authority.mandate())
        let allowed = orders(try authority.decide([.operation(.control(allow), by: alice, token: 1)]))
        record += allowed
        for member in members where !["gm4.example", "gm8.example"].contains(member.name) {
            try member.follow(record)
            #expect(isCurrent(member, authority))
        }
        #expect(authority.state.keyLeaves.contains { $0.holder == .fqdn("gm4.example") })
        try authority.restart()
        let back = try follower("gm4.example", authority)
        #expect(isCurrent(back, authority))
        // With the Rekey SA of before it was out and the keys of after, it reads nothing of between.
        let grant = try #require(try authority.register(try authority.join("gm4.example")).grant)
        let opened = try RegistrationDownload.open(
            gsa: GSAPayloadBody(grant.groupSecurityAssociation), kd: KDPayloadBody(grant.keyDownload),
            notifies: grant.notifies, gskW: authority.gskW, keyWrap: .kw5649_256, senderIDsAsked: nil,
            engine: CryptoEngine())
        var spy = try RekeyReceiver(recorder.receiver.sa, authKey: opened.authKey, keyPath: opened.keyPath)
        #expect(throws: DownloadRefusal.noKeyPath) {
            for datagram in record[0].datagrams { _ = try spy.receive(datagram, engine: CryptoEngine()) }
        }
        // It is a member like any other.
        let next = try evict(authority, ["gm1.example"]).sent
        try back.follow(next)
        #expect(isCurrent(back, authority))
    }

    @Test func `many are excluded by a chain, and more than a tenth by registration`() throws {
        let authority = try Authority()
        var group = try exampleGroup(memberLimit: 3000)
        group.keyTree = KeyTreeDefinition(degree: 2)
        try authority.apply(group)
        let watched = try (0..<3).map { try follower("gm\($0).example", authority) }
        let others = try (3..<2500).map {
            AuthorityInput.registration(try authority.join("gm\($0).example"), session: 1)
        }
        try authority.decide(others)
        let many = stride(from: 4, to: 2500, by: 16).map { "gm\($0).example" }
        let (lines, sent) = try evict(authority, many)
        #expect(many.count * 10 < 2500 && lines.contains { $0.contains("follow by multicast") })
        #expect(sent.count > 2 && Set(sent.map(\.spi)).count == sent.count, "each over the Rekey SA of the one before")
        #expect(sent.allSatisfy { $0.datagrams.reduce(0) { $0 + $1.count } < 70_000 })
        for member in watched {
            try member.follow(sent)
            #expect(isCurrent(member, authority))
        }
        // Those of one corner of the tree cost little, however many they are.
        let corner = try evict(authority, (1000..<1500).map { "gm\($0).example" })
        #expect(corner.sent.count == 2)
        let renewal = try evict(authority, stride(from: 5, to: 2500, by: 4).map { "gm\($0).example" })
        #expect(renewal.sent.count == 1)
        #expect(renewal.lines.contains { $0.contains("more than one message can exclude") })
        #expect(authority.state.keyLeaves.isEmpty)
    }

    @Test func `a renewal plants another tree`() throws {
        let authority = try Authority()
        let (definition, members) = try group(of: 5, authority)
        let secret = authority.state.keyTrees.map(\.sealedSecret)
        let emergency = ControlRequest.emergency(definition.name, try authority.mandate("leak"))
        _ = try authority.operate(.control(emergency)).get()
        #expect(authority.state.keyTrees.count == 1 && authority.state.keyTrees.map(\.sealedSecret) != secret)
        #expect(authority.state.keyLeaves.isEmpty && authority.state.keyTreeNodes.isEmpty)
        let back = try follower("gm2.example", authority)
        _ = try follower("gm3.example", authority)
        let sent = try evict(authority, ["gm3.example"]).sent
        try back.follow(sent)
        #expect(isCurrent(back, authority) && !isCurrent(members[2], authority))
        // So does a new life.
        let before = authority.state.keyTrees.map(\.sealedSecret)
        _ = try authority.decide([.newLife(try authority.operationID(), reason: "drill")])
        #expect(authority.state.keyTrees.map(\.sealedSecret) != before && authority.state.keyLeaves.isEmpty)
    }

    @Test func `another key wrap than the group's is refused`() throws {
        let authority = try Authority()
        var group = try exampleGroup()
        group.data[0].suite = .aesGCM128
        group.rekey.suite = .aesGCM128
        group.keyTree = KeyTreeDefinition()
        try authority.apply(group)
        #expect(
            try authority.register(try authority.join("gm1.example", keyWrap: .kw5649_128)).refusal
                == .noAcceptableTransforms)
        #expect(try authority.register(try authority.join("gm1.example")).grant != nil)
    }

    @Test func `a tree is fixed while its group lives, needs the newer schema and a degree it can have`() throws {
        let authority = try Authority()
        var (definition, _) = try group(of: 1, authority)
        definition.keyTree?.onLeave = .rekey
        try authority.apply(definition)
        for tree in [nil, KeyTreeDefinition(degree: 3)] {
            definition.keyTree = tree
            guard
                case .failure(.conflict(let why)) = try authority.operate(
                    .groupApply(definition, try authority.mandate()))
            else {
                Issue.record("changed")
                continue
            }
            #expect(why.contains("key_tree"))
        }
        for degree in [1, 17] as [UInt8] {
            definition.keyTree = KeyTreeDefinition(degree: degree)
            #expect(definition.faults().map(\.path) == ["key_tree.degree"])
        }
        let old = try Authority()
        old.state.upkeep.schema = 1
        try old.restart()
        var another = try exampleGroup()
        another.keyTree = KeyTreeDefinition()
        guard case .failure(.conflict(let why)) = try old.operate(.groupApply(another, try old.mandate())) else {
            Issue.record("made in schema 1")
            return
        }
        #expect(why.contains("gcksctl upgrade finalize"))
    }

    /// The property behind exclusion, with a tree: what is made later travels over Rekey SAs that the excluded ones never had.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `nothing after an exclusion is for those who were taken out`(_ seed: UInt64) throws {
        let authority = try Authority(seed: seed)
        var draws = SeededEntropy(seed: seed &* 7919)
        let (definition, everybody) = try group(of: 12, authority)
        var members = everybody
        var out: [Follower] = []
        for step in 0..<40 {
            var sent: [RekeyOrder] = []
            switch draws.uint32() % 5 {
            case 0 where members.count > 3:
                let gone = members.remove(at: Int(draws.uint32() % UInt32(members.count)))
                out.append(gone)
                sent = try evict(authority, [gone.name]).sent
            case 1:
                let request = OperatorRequest.rekeyNow(definition.name, scope: .all, try authority.mandate())
                sent = orders(try authority.decide([.operation(request, by: alice, token: 1)]))
            case 2: members.append(try follower("new\(step).example", authority))
            case 3: try authority.restart()
            default: sent = orders(try authority.decide([.timer], at: seconds(Int64(step))))
            }
            for member in members + out { try member.follow(sent) }
            for member in members { #expect(isCurrent(member, authority), "\(member.name) after step \(step)") }
            for member in out { #expect(!isCurrent(member, authority)) }
            _ = try authority.decide([.broadcast(sent.map(\.number))])
        }
    }
}
