import AuthorityCore
import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import TestKit
import Testing

/// GSA_NEXT_SPI: what was promised comes.
@Suite struct PromiseTests {
    private let name = GroupName("market-data")

    private func given(_ authority: Authority, _ member: String) throws -> RekeySAPolicy {
        let grant = try #require(try authority.register(try authority.join(member)).grant)
        let opened = try RegistrationDownload.open(
            gsa: GSAPayloadBody(grant.groupSecurityAssociation), kd: KDPayloadBody(grant.keyDownload),
            notifies: grant.notifies, gskW: authority.gskW, keyWrap: .kw5649_256, senderIDsAsked: nil,
            engine: CryptoEngine())
        return try #require(opened.rekey).policy
    }

    @Test(arguments: [RekeyScope.kek, .all, .authKey]) func theNextRekeySAHasThePromisedSPI(_ scope: RekeyScope) throws
    {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        var promised = try #require(try given(authority, "gm1.example").nextSPIs.first)
        for round in 0..<3 {
            try authority.restart()
            _ = try authority.operate(
                .rekeyNow(try #require(name), scope: scope, try authority.mandate()), at: seconds(Int64(round))
            ).get()
            let policy = try given(authority, "gm\(round + 2).example")
            #expect(policy.spi == promised)
            promised = try #require(policy.nextSPIs.first)
        }
        #expect(Set(authority.state.rekeySAs.map(\.spi)).count == authority.state.rekeySAs.count)
    }

    @Test func anExclusionKeepsThePromiseAndATEKRekeyLeavesIt() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let promised = try #require(try given(authority, "gm1.example").nextSPIs.first)
        _ = try authority.operate(.rekeyNow(try #require(name), scope: .tek, try authority.mandate())).get()
        #expect(try given(authority, "gm2.example").nextSPIs == [promised])
        _ = try authority.operate(
            .control(.evict([.fqdn("gm2.example")], group: name, try authority.mandate("stolen")))
        ).get()
        #expect(try given(authority, "gm1.example").spi == promised)
    }

    /// What the lost nodes promised they may have used.
    @Test func aNewLifePromisesAnew() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let promised = try given(authority, "gm1.example").nextSPIs
        try authority.decide([.newLife(try authority.operationID(), reason: "lost")])
        let policy = try given(authority, "gm1.example")
        #expect(!promised.contains(policy.spi) && !policy.nextSPIs.isEmpty && policy.nextSPIs != promised)
    }

    /// It has no place for them: what would be lost with the leadership is not said.
    @Test func theFirstSchemaKeepsNeitherPromisesNorReports() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup(senders: .single))
        authority.state.sending = SendingState()
        authority.state.upkeep.schema = 1
        try authority.restart()
        _ = try authority.operate(.rekeyNow(try #require(name), scope: .all, try authority.mandate())).get()
        #expect(try given(authority, "gm1.example").nextSPIs.isEmpty)
        let join = try authority.join("s1.senders.example", senderIDs: 1)
        #expect(try authority.register(join).grant != nil)
        let spi = try #require(authority.state.dataSAs.last { $0.retiredAt == nil }).spi
        let report = RegistrationRequest(
            operation: try authority.operationID(), member: join.member, authentication: .signature, group: join.member,
            action: .report(SequenceReport(spi: spi, counter: 1, next: 2)), remote: join.remote, frontend: "frontend-1")
        guard case .unavailable = try authority.register(report) else {
            Issue.record("a report was taken that nothing keeps")
            return
        }
        #expect(authority.state.sending.promises.isEmpty && authority.state.sending.sequences.isEmpty)
    }

    @Test func aGroupWithoutAPromiseGetsOneInTime() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        authority.state.sending = SendingState()
        try authority.restart()
        #expect(try given(authority, "gm1.example").nextSPIs.isEmpty)
        try authority.decide([.timer])
        #expect(try given(authority, "gm1.example").nextSPIs.count == 1)
    }
}
