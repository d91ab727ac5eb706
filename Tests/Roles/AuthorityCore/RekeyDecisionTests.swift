import AuthorityCore
import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import TestKit
import Testing

private func orders(_ effects: [AuthorityEffect]) -> [RekeyOrder] {
    effects.compactMap { if case .broadcast(let order) = $0 { order } else { nil } }
}

@Suite struct RekeyDecisionTests {
    private func name(_ text: String) throws -> GroupName { try #require(GroupName(text)) }

    @Test func everyMessageIDIsUsedForOneOctetString() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        var seen: [String: [[UInt8]]] = [:]
        for round in 0..<12 {
            let scope: RekeyScope = round % 4 == 3 ? .kek : round % 4 == 2 ? .all : .tek
            let request = OperatorRequest.rekeyNow(
                try name("market-data"), scope: scope, try authority.mandate())
            for order in orders(try authority.decide([.operation(request, by: alice, token: 1)])) {
                let key = "\(order.spi)/\(order.messageID)"
                #expect(seen[key] == nil)
                seen[key] = order.datagrams
            }
            if round % 5 == 4 { try authority.restart() }
        }
        #expect(seen.count == 12)
    }

    @Test func aRekeyDecidedButNotCommittedReachesNobody() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let request = OperatorRequest.rekeyNow(
            try name("market-data"), scope: .all, try authority.mandate())
        let decision = authority.core.decide([.operation(request, by: alice, token: 1)], at: morning)
        let foreign = CommitReceipt(term: LeadershipTerm(rawValue: 99), index: 1)
        #expect(decision.committed(foreign).isEmpty)
    }

    @Test func repeatedRekeyNowIsOneRekey() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let operation = try authority.operationID()
        let request = OperatorRequest.rekeyNow(try name("market-data"), scope: .tek, Mandate(operation: operation))
        guard case .done(let first) = try authority.operate(request).get() else { return }
        try authority.restart()
        guard case .done(let second) = try authority.operate(request).get() else { return }
        #expect(first == second)
        #expect(authority.state.rekeyOrders.count == 1)
    }

    @Test func keysAreReplacedBeforeTheirLifetimeEnds() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        #expect(orders(try authority.decide([.timer], at: seconds(3239))).isEmpty)
        #expect(orders(try authority.decide([.timer], at: seconds(3240))).count == 1)
        #expect(authority.state.dataSAs.filter { $0.retiredAt == nil }.count == 1)
        #expect(authority.state.dataSAs.count == 2)
        try authority.decide([.timer], at: seconds(3240 + 10))
        #expect(authority.state.dataSAs.count == 2)
        try authority.decide([.timer], at: seconds(3240 + 11))
        #expect(authority.state.dataSAs.count == 1)
    }

    @Test func unacknowledgedOrdersSurviveARestart() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let request = OperatorRequest.rekeyNow(
            try name("market-data"), scope: .tek, try authority.mandate())
        let sent = orders(try authority.decide([.operation(request, by: alice, token: 1)]))
        try authority.restart()
        #expect(authority.core.unfinishedRekeyOrders == sent)
        try authority.decide([.broadcast(sent.map(\.number))])
        #expect(authority.core.unfinishedRekeyOrders.isEmpty)
        #expect(authority.state.rekeyOrders.isEmpty)
    }

    @Test func policyChangeBringsANewRekeySA() throws {
        let authority = try Authority()
        var group = try exampleGroup()
        try authority.apply(group)
        let oldRekeySA = try #require(authority.state.rekeySAs.first).spi
        group.data[0].suite = .chacha20Poly1305
        try authority.apply(group)
        #expect(authority.state.rekeyOrders.map(\.spi) == [oldRekeySA])
        #expect(authority.state.rekeySAs.filter { $0.retiredAt == nil }.map(\.spi) != [oldRekeySA])
        #expect(authority.state.groups.first?.generation == GSAGeneration(rawValue: 2))
        group.rules.removeLast()
        try authority.apply(group)
        #expect(authority.state.rekeyOrders.count == 1)
    }

    @Test func whatMembersCannotLearnByRekeyIsFixed() throws {
        let authority = try Authority()
        var group = try exampleGroup()
        try authority.apply(group)
        let before = authority.state
        group.mode = .transport
        let result = try authority.operate(.groupApply(group, try authority.mandate()))
        guard case .failure(.conflict(let why)) = result else {
            Issue.record("the mode of a live group was changed")
            return
        }
        #expect(why.contains("mode"))
        #expect(authority.state.groups == before.groups)
    }

    @Test func dryRunChangesNothing() throws {
        let authority = try Authority()
        let group = try exampleGroup()
        _ = try authority.operate(.groupApply(group, try authority.mandate(isDryRun: true))).get()
        #expect(authority.state.groups.isEmpty)
        #expect(authority.state.operations.isEmpty)
    }

    @Test(arguments: RekeyAuthentication.allCases)
    func everyRekeyAuthenticationWorks(_ authentication: RekeyAuthentication) throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup(authentication: authentication))
        _ = try authority.register(try authority.join("gm1.example"))
        _ = try authority.operate(
            .rekeyNow(try name("market-data"), scope: .all, try authority.mandate())
        ).get()
        #expect(authority.state.rekeyOrders.count == 1)
    }

    @Test func wholeMessagesWhileAMemberCannotReassemble() throws {
        let authority = try Authority()
        var group = try exampleGroup()
        group.rekey.fragmentOctets = 400
        try authority.apply(group)
        _ = try authority.register(try authority.join("old.example", fragmentation: false))
        _ = try authority.operate(
            .rekeyNow(group.name, scope: .all, try authority.mandate())
        ).get()
        #expect(authority.state.rekeyOrders.last?.datagrams.count == 1)
        let leave = RegistrationRequest(
            operation: try authority.operationID(), member: .fqdn("old.example"), authentication: .signature,
            group: group.identification, action: .leave(.noProposalChosen),
            remote: Endpoint(try #require(IPAddress("192.0.2.7")), port: 500), frontend: "frontend-1")
        _ = try authority.register(leave)
        _ = try authority.operate(
            .rekeyNow(group.name, scope: .all, try authority.mandate())
        ).get()
        #expect((authority.state.rekeyOrders.last?.datagrams.count ?? 0) > 1)
    }

    /// A broadcaster that lived on knows the numbers it has sent: a later leader must not use them again.
    @Test func orderNumbersGoOnAcrossLeaders() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        var numbers: [Int64] = []
        for _ in 0..<4 {
            let request = OperatorRequest.rekeyNow(
                try name("market-data"), scope: .tek, try authority.mandate())
            let sent = orders(try authority.decide([.operation(request, by: alice, token: 1)])).map(\.number)
            numbers += sent
            try authority.decide([.broadcast(sent)])
            #expect(authority.state.rekeyOrders.isEmpty)
            try authority.restart()
        }
        #expect(numbers.count == 4 && numbers == Set(numbers).sorted())
    }

    @Test func aFullOutboxRefusesMoreRekeys() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        var refused = false
        for _ in 0...4096 where !refused {
            let request = OperatorRequest.rekeyNow(
                try name("market-data"), scope: .tek, try authority.mandate())
            if case .failure(.unavailable) = try authority.operate(request) { refused = true }
        }
        #expect(refused)
        #expect(authority.state.rekeyOrders.count == 4096)
    }

    /// A policy change takes a data SA away, then a leader takes over within its DTD: its row goes all the same.
    @Test func aDataSAWhoseDefinitionIsGoneIsRemovedInTime() throws {
        let authority = try Authority()
        var definition = try exampleGroup()
        var second = definition.data[0]
        second.name = "orders"
        definition.data.append(second)
        try authority.apply(definition)
        definition.data.removeLast()
        try authority.apply(definition, at: seconds(60))
        #expect(authority.state.dataSAs.contains { $0.name == "orders" })
        try authority.restart()
        try authority.decide([.timer], at: seconds(200))
        #expect(!authority.state.dataSAs.contains { $0.name == "orders" })
    }

    @Test func anOrderNobodySendsIsGivenUpLoudly() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let request = OperatorRequest.rekeyNow(
            try name("market-data"), scope: .tek, try authority.mandate())
        let order = try #require(orders(try authority.decide([.operation(request, by: alice, token: 1)])).first)
        func withdrawn(_ effects: [AuthorityEffect]) -> [Int64] {
            effects.compactMap { if case .withdraw(let number) = $0 { number } else { nil } }
        }
        #expect(withdrawn(try authority.decide([.timer], at: seconds(300))).isEmpty)
        let effects = try authority.decide([.timer], at: seconds(301))
        #expect(withdrawn(effects) == [order.number])
        #expect(effects.contains { if case .event(let event) = $0 { event.name == "rekey-unsent" } else { false } })
        #expect(authority.state.rekeyOrders.isEmpty)
    }
}
