import AuthorityCore
import GroupModel
import IKEVocabulary
import TestKit
import Testing

@Suite struct RekeyScheduleTests {
    private func orders(_ effects: [AuthorityEffect]) -> Int {
        effects.count { if case .broadcast = $0 { true } else { false } }
    }

    private func status(_ authority: Authority, at now: WallTime = morning) throws -> RekeyScheduleStatus {
        guard case .schedules(let all) = try authority.operate(.control(.schedules(nil)), at: now).get() else {
            throw OperatorFailure.unavailable("no schedules")
        }
        return try #require(all.first)
    }

    @Test func keysAreReplacedAtTheirPartOfTheLifetime() throws {
        let authority = try Authority()
        let group = try exampleGroup()
        try authority.apply(group)
        let schedule = RekeySchedule(kekPercent: 50, tekPercent: 25, jitterPercent: 0)
        _ = try authority.operate(.control(.setSchedule(group.name, schedule, try authority.mandate()))).get()
        try authority.restart()
        #expect(try status(authority).tekDueAt == seconds(900))
        #expect(try status(authority).kekDueAt == seconds(43_200))
        #expect(orders(try authority.decide([.timer], at: seconds(899))) == 0)
        #expect(orders(try authority.decide([.timer], at: seconds(900))) == 1)
    }

    @Test func jitterMovesEarlierAndIsTheSameForEveryLeader() throws {
        var moments: Set<Int64> = []
        for seed in 1...8 as ClosedRange<UInt64> {
            let authority = try Authority(seed: seed)
            let group = try exampleGroup()
            try authority.apply(group)
            let schedule = RekeySchedule(kekPercent: 90, tekPercent: 90, jitterPercent: 20)
            _ = try authority.operate(.control(.setSchedule(group.name, schedule, try authority.mandate()))).get()
            let due = try status(authority).tekDueAt
            #expect((seconds(2520)...seconds(3240)).contains(due))
            try authority.restart()
            #expect(try status(authority).tekDueAt == due)
            moments.insert(due.milliseconds)
        }
        #expect(moments.count == 8)
    }

    @Test(
        arguments: [(9, 90, 0), (96, 90, 0), (90, 5, 0), (90, 96, 0), (90, 90, 51), (20, 90, 16), (90, 10, 6)]
            as [(UInt8, UInt8, UInt8)])
    func schedulesThatLeaveNoTimeAreRefused(_ kek: UInt8, _ tek: UInt8, _ jitter: UInt8) throws {
        let authority = try Authority()
        let group = try exampleGroup()
        try authority.apply(group)
        let schedule = RekeySchedule(kekPercent: kek, tekPercent: tek, jitterPercent: jitter)
        guard
            case .failure(.invalid) = try authority.operate(
                .control(.setSchedule(group.name, schedule, try authority.mandate())))
        else {
            Issue.record("taken")
            return
        }
        #expect(authority.state.rekeySchedules.isEmpty)
    }

    @Test func aPauseHoldsUntilKeysWouldExpireAndEndsByItself() throws {
        let authority = try Authority()
        let group = try exampleGroup()
        try authority.apply(group)
        let pause = { (isPaused: Bool) in
            OperatorRequest.control(.pause(group.name, isPaused, try authority.mandate()))
        }
        guard case .done(let lines) = try authority.operate(try pause(true)).get() else { return }
        #expect(lines == ["rekeys of market-data are paused", "safe for 3384 s; then they go on by themselves"])
        guard case .failure(.conflict) = try authority.operate(try pause(true)) else {
            Issue.record("paused twice")
            return
        }
        try authority.restart()
        // The usual moment passes; the last safe one does not.
        #expect(orders(try authority.decide([.timer], at: seconds(3240))) == 0)
        #expect(orders(try authority.decide([.timer], at: seconds(3383))) == 0)
        #expect(orders(try authority.decide([.timer], at: seconds(3384))) == 1)
        #expect(authority.state.rekeySchedules.first?.pausedAt == nil)
        #expect(authority.trail.contains { $0.entry.action == "rekey-resumed" && $0.entry.actorRole == "authority" })
        #expect(authority.state.dataSAs.filter { $0.retiredAt == nil }.allSatisfy { $0.expiresAt > seconds(3600) })
        guard case .failure(.conflict) = try authority.operate(try pause(false), at: seconds(3385)) else {
            Issue.record("resumed twice")
            return
        }
    }

    @Test func aPauseDoesNotHoldUpTheOperator() throws {
        let authority = try Authority()
        let group = try exampleGroup()
        try authority.apply(group)
        _ = try authority.operate(.control(.pause(group.name, true, try authority.mandate()))).get()
        _ = try authority.operate(.rekeyNow(group.name, scope: .all, try authority.mandate())).get()
        _ = try authority.operate(.control(.emergency(group.name, try authority.mandate("leak")))).get()
        #expect(authority.state.rekeyOrders.count == 2)
        _ = try authority.operate(.control(.pause(group.name, false, try authority.mandate()))).get()
        #expect(try status(authority).pausedSince == nil)
    }

    @Test func authKeyIsReplacedWhenAskedAndOnlyThen() throws {
        let authority = try Authority()
        let group = try exampleGroup()
        try authority.apply(group)
        let first = try #require(authority.state.rekeySAs.last).authKey
        _ = try authority.operate(.rekeyNow(group.name, scope: .all, try authority.mandate())).get()
        #expect(try #require(authority.state.rekeySAs.last).authKey == first)
        _ = try authority.operate(.rekeyNow(group.name, scope: .authKey, try authority.mandate())).get()
        #expect(try #require(authority.state.rekeySAs.last).authKey != first)
        #expect(authority.trail.contains { $0.entry.action == "auth-key-made" })
        let implicit = try exampleGroup(name: "implicit", authentication: .implicit)
        try authority.apply(implicit)
        guard
            case .failure(.conflict) = try authority.operate(
                .rekeyNow(implicit.name, scope: .authKey, try authority.mandate()))
        else {
            Issue.record("an AUTH_KEY without signatures")
            return
        }
    }

    @Test func historyTellsWhenWhyAndByWhom() throws {
        let authority = try Authority()
        let group = try exampleGroup()
        try authority.apply(group)
        _ = try authority.operate(.rekeyNow(group.name, scope: .tek, try authority.mandate())).get()
        _ = try authority.operate(.control(.emergency(group.name, try authority.mandate("leak")))).get()
        try authority.decide([.timer], at: seconds(3240))
        try authority.restart()
        guard case .history(let rows) = try authority.operate(.control(.history(group.name, after: 0))).get() else {
            return
        }
        #expect(rows.map(\.cause) == ["operator", "emergency", "lifetime"])
        #expect(rows.map(\.by) == ["alice", "alice", "authority-1"])
        #expect(rows.map { $0.newRekeySPI != nil } == [false, true, false])
        #expect(rows[1].spi == rows[0].spi && rows[2].spi == rows[1].newRekeySPI)
        guard case .history(let later) = try authority.operate(.control(.history(nil, after: rows[1].number))).get()
        else { return }
        #expect(later == [rows[2]])
        for _ in 0..<110 {
            let request = OperatorRequest.rekeyNow(group.name, scope: .tek, try authority.mandate())
            _ = try authority.operate(request).get()
        }
        #expect(authority.state.rekeyHistory.count == StateLimits.rekeyHistory)
        guard case .history(let kept) = try authority.operate(.control(.history(nil, after: 0))).get() else { return }
        #expect(kept.count == StateLimits.rekeyHistory)
    }

    @Test func thePolicyIsExplained() throws {
        let authority = try Authority()
        let group = try exampleGroup(memberLimit: 1)
        try authority.apply(group)
        func verdict(_ name: String, senderIDs: UInt32? = nil) throws -> PolicyVerdict {
            guard
                case .verdict(let verdict) = try authority.operate(
                    .control(.policyTest(.fqdn(name), group: group.name, senderIDs: senderIDs))
                ).get()
            else { throw OperatorFailure.unavailable("no verdict") }
            return verdict
        }
        #expect(
            try verdict("gm1.example")
                == PolicyVerdict(
                    isAllowed: true,
                    lines: ["rule 3, fqdn:*.example, is the first that matches: receiver", "allowed as receiver"]))
        #expect(try !verdict("mallory.example").isAllowed)
        #expect(try !verdict("gm1.example", senderIDs: 1).isAllowed)
        #expect(try verdict("s1.senders.example", senderIDs: 2).lines.last == "allowed as sender with 2 Sender-IDs")
        #expect(try verdict("gm1.elsewhere").lines.first == "none of 3 rules matches, so it is refused")
        _ = try authority.operate(
            .control(.deny([.fqdn("gm1.example")], group: nil, try authority.mandate("stolen")))
        ).get()
        #expect(try verdict("gm1.example").lines.first == "barred by alice: stolen; no rule is asked")
        #expect(authority.state.members.isEmpty)
    }
}
