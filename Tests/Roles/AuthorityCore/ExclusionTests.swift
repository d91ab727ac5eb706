import AuthorityCore
import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@Suite struct ExclusionTests {
    /// Frontends say canonical names; one that does not must not make two members of one, of which an exclusion finds one.
    @Test func anotherSpellingIsTheSameMember() throws {
        let authority = try Authority()
        let group = try exampleGroup()
        try authority.apply(group)
        #expect(try authority.register(try authority.join("GM1.Example")).grant != nil)
        #expect(authority.state.members.map(\.identity) == [.fqdn("gm1.example")])
        let mandate = try authority.mandate("lost")
        _ = try authority.operate(.control(.evict([.fqdn("gm1.example")], group: group.name, mandate))).get()
        #expect(authority.state.members.isEmpty)
        #expect(try authority.register(try authority.join("gM1.example")).refusal == .notAuthorised)
        #expect(authority.trail.last?.entry.actor == "fqdn:gm1.example")
    }

    private func orders(_ effects: [AuthorityEffect]) -> [RekeyOrder] {
        effects.compactMap { if case .broadcast(let order) = $0 { order } else { nil } }
    }

    private func evict(
        _ authority: Authority, _ names: String..., group: GroupName? = GroupName("market-data"),
        at now: WallTime = morning
    ) throws -> Result<OperatorReply, OperatorFailure> {
        try authority.operate(
            .control(.evict(names.map { .fqdn($0) }, group: group, try authority.mandate("ticket 4711"))), at: now)
    }

    private func group(of size: Int, _ authority: Authority) throws -> GroupDefinition {
        let group = try exampleGroup()
        try authority.apply(group)
        for number in 1...size { _ = try authority.register(try authority.join("gm\(number).example")) }
        return group
    }

    @Test func exclusionIsOneDecision() throws {
        let authority = try Authority()
        let group = try group(of: 6, authority)
        let (oldKEK, oldTEK) = (authority.state.rekeySAs[0].spi, authority.state.dataSAs[0].spi)
        let request = OperatorRequest.control(
            .evict([.fqdn("GM3.example")], group: group.name, try authority.mandate("ticket 4711")))
        let decision = authority.core.decide([.operation(request, by: alice, token: 1)], at: morning)
        try authority.state.apply(decision.transaction)
        #expect(authority.state.exclusions.map(\.identity) == [.fqdn("gm3.example")])
        #expect(authority.state.exclusions.map(\.reason) == ["ticket 4711"])
        #expect(authority.state.members.count == 5)
        #expect(authority.state.rekeySAs.filter { $0.retiredAt == nil }.map(\.spi) != [oldKEK])
        #expect(authority.state.dataSAs.filter { $0.retiredAt == nil }.map(\.spi) != [oldTEK])
        #expect(authority.state.groups[0].generation == GSAGeneration(rawValue: 2))
        #expect(authority.state.rekeyHistory.map(\.cause) == ["exclusion"])
        let sent = orders(decision.committed(CommitReceipt(term: authority.state.term, index: 1)))
        #expect(sent.map(\.spi) == [oldKEK])
    }

    /// The keys of the time it was out are not those it is given when it comes back.
    @Test func lettingInAgainRenewsTheKeysFirst() throws {
        let authority = try Authority()
        let group = try group(of: 3, authority)
        _ = try evict(authority, "gm1.example").get()
        let whileOut = authority.state.rekeySAs.filter { $0.retiredAt == nil }.map(\.spi)
        let allow = ControlRequest.allow([.fqdn("gm1.example")], group: group.name, try authority.mandate())
        let sent = orders(try authority.decide([.operation(.control(allow), by: alice, token: 1)]))
        #expect(sent.map(\.spi) == whileOut)
        #expect(authority.state.rekeySAs.filter { $0.retiredAt == nil }.map(\.spi) != whileOut)
        #expect(authority.state.exclusions.isEmpty)
    }

    /// What the excluded one still can open says that everything is over, and holds no key.
    @Test func theMessageUnderTheOldKeyHoldsNoKey() throws {
        let authority = try Authority()
        let group = try group(of: 2, authority)
        let old = authority.state.rekeySAs[0]
        let keymat = try authority.open(old.sealedKeymat, "gcks/1/market-data/rekey/\(old.spi)/keymat")
        _ = try evict(authority, "gm1.example").get()
        let order = try #require(authority.state.rekeyOrders.last)
        let policy = RekeySAPolicy(
            spi: old.spi, source: .any(ipv4: true), destination: .any(ipv4: true), suite: group.rekey.suite,
            keyWrap: group.rekey.keyWrap,
            authentication: .digitalSignature(algorithmIdentifier: SignatureScheme.ed25519.algorithmIdentifier),
            lifetime: nil)
        var receiver = try RekeyReceiver(
            KeyedRekeySA(policy: policy, keymat: keymat), authKey: old.authKey, keyPath: WorkingKeyPath())
        var opened: OpenedRekey?
        for datagram in order.datagrams { opened = try receiver.receive(datagram, engine: CryptoEngine()) ?? opened }
        let rekey = try #require(opened)
        #expect(rekey.group == nil)
        #expect(rekey.deletes.map(\.securityProtocol) == [.esp, .gikeUpdate])
        #expect(rekey.deletes.allSatisfy { $0.spis.allSatisfy { spi in spi.allSatisfy { $0 == 0 } } })
    }

    @Test func nothingIsGrantedToTheExcludedOne() throws {
        let authority = try Authority()
        _ = try group(of: 3, authority)
        let first = try authority.join("gm1.example")
        _ = try authority.register(first)
        _ = try evict(authority, "gm1.example").get()
        #expect(try authority.register(first).refusal == .notAuthorised, "the repeated request of before")
        for name in ["gm1.example", "GM1.EXAMPLE"] {
            let outcome = try authority.register(try authority.join(name))
            guard case .refused(let refusal) = outcome else {
                Issue.record("granted to \(name)")
                continue
            }
            #expect(refusal.kind == .notAuthorised && refusal.notify == .authorizationFailed)
        }
        try authority.restart()
        #expect(try authority.register(try authority.join("gm1.example")).refusal == .notAuthorised)
        #expect(try authority.register(try authority.join("gm2.example")).grant != nil)
        guard case .members(let listed) = try authority.operate(.memberShow(.fqdn("gm1.example"), group: nil)).get()
        else { return }
        #expect(listed.contains { $0.state == "excluded" && $0.reason == "by alice: ticket 4711" })
    }

    /// The property behind exclusion: after the decision no order is ever made under a Rekey SA of before it, whatever happens.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func noOrderUnderAnOldKeyIsMadeAfterAnExclusion(_ seed: UInt64) throws {
        let authority = try Authority(seed: seed)
        var draws = SeededEntropy(seed: seed &* 7919)
        let group = try group(of: 8, authority)
        var forbidden: Set<RekeySPI> = []
        var now: Int64 = 0
        for _ in 0..<120 {
            now += Int64(draws.uint32() % 400)
            let current = Set(authority.state.rekeySAs.map(\.spi))
            var isExclusion = false
            let mandate = try authority.mandate("drill")
            let effects: [AuthorityEffect]
            switch draws.uint32() % 7 {
            case 0:
                isExclusion = true
                let whom = Identity.fqdn("gm\(draws.uint32() % 10).example")
                let request = OperatorRequest.control(.evict([whom], group: group.name, mandate))
                effects = try authority.decide([.operation(request, by: alice, token: 1)], at: seconds(now))
            case 1:
                isExclusion = true
                let request = OperatorRequest.control(.emergency(group.name, mandate))
                effects = try authority.decide([.operation(request, by: alice, token: 1)], at: seconds(now))
            case 2:
                let scope = RekeyScope.allCases[Int(draws.uint32() % 4)]
                let request = OperatorRequest.rekeyNow(group.name, scope: scope, mandate)
                effects = try authority.decide([.operation(request, by: alice, token: 1)], at: seconds(now))
            case 3:
                try authority.restart()
                effects = []
            case 4:
                let join = try authority.join("gm\(draws.uint32() % 10).example")
                effects = try authority.decide([.registration(join, session: 1)], at: seconds(now))
            case 5: effects = try authority.decide([.broadcast(authority.state.rekeyOrders.map(\.number))])
            default: effects = try authority.decide([.timer], at: seconds(now))
            }
            let made = orders(effects)
            #expect(made.allSatisfy { !forbidden.contains($0.spi) })
            if isExclusion {
                #expect(made.count == 1 && made.allSatisfy { current.contains($0.spi) })
                forbidden.formUnion(current)
            }
            for member in authority.state.exclusions.map(\.identity) {
                #expect(!authority.state.members.contains { $0.identity == member })
            }
        }
        #expect(!forbidden.isEmpty)
    }

    @Test func thePlanSaysWhatWillHappen() throws {
        let authority = try Authority()
        let group = try group(of: 4, authority)
        func plan(_ names: [String]) throws -> String {
            let request = OperatorRequest.control(
                .evict(names.map { .fqdn($0) }, group: group.name, try authority.mandate(isDryRun: true)))
            guard case .done(let lines) = try authority.operate(request).get() else { return "" }
            #expect(lines.allSatisfy { $0.hasSuffix(" (dry run)") })
            return lines.joined(separator: "\n")
        }
        let before = authority.state
        let one = try plan(["gm1.example"])
        #expect(one.contains("1 of 4 members taken out") && one.contains("more than a tenth"))
        #expect(one.contains("3 members register again; expected gap 6 s"))
        #expect(try plan(["nobody.example"]).contains("is no member now, but may hold keys from before"))
        #expect(try plan((1...4).map { "gm\($0).example" }).contains("nobody is left"))
        #expect(authority.state.rekeySAs == before.rekeySAs && authority.state.members == before.members)
        #expect(authority.state.exclusions.isEmpty && authority.state.rekeyOrders.isEmpty)
    }

    @Test func withoutAGroupItIsEveryGroupOfTheMember() throws {
        let authority = try Authority()
        for name in ["a", "b", "c"] { try authority.apply(try exampleGroup(name: name)) }
        for name in ["a", "c"] { _ = try authority.register(try authority.join("gm1.example", group: name)) }
        _ = try evict(authority, "gm1.example", group: nil).get()
        #expect(authority.state.exclusions.map(\.group.text).sorted() == ["a", "c"])
        #expect(authority.state.rekeyOrders.map(\.group.text).sorted() == ["a", "c"])
        #expect(Set(authority.state.rekeyOrders.map(\.number)).count == 2)
        guard case .failure(.notFound) = try evict(authority, "gm1.example", group: nil) else {
            Issue.record("evicted from nowhere")
            return
        }
    }

    private func dismissed(_ effects: [AuthorityEffect]) -> [[Identity]] {
        effects.compactMap { if case .dismiss(let members) = $0 { members } else { nil } }
    }

    @Test func whoIsInNoGroupAnyMoreIsDismissedByTheFrontends() throws {
        let authority = try Authority()
        for name in ["a", "b"] { try authority.apply(try exampleGroup(name: name)) }
        for name in ["a", "b"] { _ = try authority.register(try authority.join("gm1.example", group: name)) }
        _ = try authority.register(try authority.join("gm2.example", group: "a"))
        // Over its IKE SA it still may speak of the other group.
        _ = try evict(authority, "gm1.example", group: GroupName("a")).get()
        #expect(dismissed(authority.effects).isEmpty && authority.core.outsiders.isEmpty)
        _ = try evict(authority, "gm1.example", "gm2.example", group: GroupName("b")).get()
        #expect(dismissed(authority.effects) == [[.fqdn("gm1.example")]])
        #expect(authority.core.outsiders == [.fqdn("gm1.example")])
        // A frontend that comes to the next leader is told again.
        try authority.restart()
        #expect(authority.core.outsiders == [.fqdn("gm1.example")])
        let mandate = try authority.mandate()
        _ = try authority.operate(.control(.allow([.fqdn("gm1.example")], group: nil, mandate))).get()
        #expect(authority.core.outsiders.isEmpty)
    }

    @Test func aDryRunDismissesNobody() throws {
        let authority = try Authority()
        let group = try group(of: 2, authority)
        let request = OperatorRequest.control(
            .evict([.fqdn("gm1.example")], group: group.name, try authority.mandate(isDryRun: true)))
        _ = try authority.operate(request).get()
        #expect(dismissed(authority.effects).isEmpty)
    }

    @Test func denyBarsWithoutNewKeysAndAllowLifts() throws {
        let authority = try Authority()
        let group = try group(of: 1, authority)
        let deny = { (name: String) in
            OperatorRequest.control(.deny([.fqdn(name)], group: group.name, try authority.mandate("left us")))
        }
        guard case .failure(.conflict(let why)) = try authority.operate(try deny("gm1.example")) else {
            Issue.record("a member was denied and keeps its keys")
            return
        }
        #expect(why.contains("member evict"))
        _ = try authority.operate(try deny("gm2.example")).get()
        #expect(authority.state.rekeyOrders.isEmpty)
        #expect(try authority.register(try authority.join("gm2.example")).refusal == .notAuthorised)
        let allow = { OperatorRequest.control(.allow([.fqdn("gm2.example")], group: nil, try authority.mandate())) }
        _ = try authority.operate(try allow()).get()
        #expect(try authority.register(try authority.join("gm2.example")).grant != nil)
        guard case .failure(.notFound) = try authority.operate(try allow()) else {
            Issue.record("allowed twice")
            return
        }
        #expect(authority.trail.map(\.entry.action).contains("member-allowed"))
    }

    @Test func theExclusionListIsBounded() throws {
        let authority = try Authority()
        let group = try group(of: 1, authority)
        var refused: OperatorFailure?
        for part in 0..<11 where refused == nil {
            let names = (0..<1000).map { Identity.fqdn("x\(part)-\($0).example") }
            let request = OperatorRequest.control(.deny(names, group: group.name, try authority.mandate("list")))
            if case .failure(let failure) = try authority.operate(request) { refused = failure }
        }
        guard case .conflict? = refused else {
            Issue.record("no end")
            return
        }
        #expect(authority.state.exclusions.count == 10_000)
    }

    @Test func aRepeatedExclusionIsOne() throws {
        let authority = try Authority()
        let group = try group(of: 3, authority)
        let request = OperatorRequest.control(
            .evict([.fqdn("gm1.example")], group: group.name, try authority.mandate("x")))
        guard case .done(let first) = try authority.operate(request).get() else { return }
        try authority.restart()
        guard case .done(let second) = try authority.operate(request).get() else { return }
        #expect(first == second && authority.state.rekeyOrders.count == 1)
    }
}
