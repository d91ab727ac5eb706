import AuthorityCore
import GroupModel
import IKEVocabulary
import TestKit
import Testing

@Suite struct SequenceReportTests {
    private let sender = Identity.fqdn("s1.senders.example")

    /// An authority with a group of one sender; the SA that it sends on.
    private func sending() throws -> (Authority, ESPSPI) {
        let authority = try Authority()
        try authority.apply(try exampleGroup(senders: .single))
        for name in ["s1.senders.example", "gm1.example"] {
            let ids: UInt32? = name.hasPrefix("s1") ? 1 : nil
            #expect(try authority.register(try authority.join(name, senderIDs: ids)).grant != nil)
        }
        return (authority, try current(authority))
    }

    private func current(_ authority: Authority) throws -> ESPSPI {
        try #require(authority.state.dataSAs.last { $0.retiredAt == nil }).spi
    }

    private func report(
        _ authority: Authority, _ spi: ESPSPI, _ next: UInt64, _ counter: UInt32, by member: Identity? = nil,
        at now: WallTime = morning
    ) throws -> RegistrationOutcome {
        let address = try #require(IPAddress("192.0.2.7"))
        return try authority.register(
            RegistrationRequest(
                operation: try authority.operationID(), member: member ?? sender, authentication: .signature,
                group: member ?? sender, action: .report(SequenceReport(spi: spi, counter: counter, next: next)),
                remote: Endpoint(address, port: 500), frontend: "frontend-1"), at: now)
    }

    @Test func theHighestIsKeptAcrossLeaders() throws {
        let (authority, spi) = try sending()
        #expect(try report(authority, spi, 2, 1) == .noted)
        #expect(try report(authority, spi, 1 << 30, 2, at: seconds(60)) == .noted)
        try authority.restart()
        #expect(authority.state.sending.sequences.map(\.next) == [1 << 30])
        // The answer was lost: the same report again changes nothing, an older one is refused.
        #expect(try report(authority, spi, 1 << 30, 2, at: seconds(61)) == .noted)
        #expect(try report(authority, spi, 2, 1, at: seconds(61)).refusal == .stepsBack)
        guard
            case .sequences(let shown) = try authority.operate(
                .senderSequences(try #require(GroupName("market-data")))
            ).get()
        else {
            Issue.record("no listing")
            return
        }
        #expect(shown.map(\.sender) == [sender] && shown.first?.report?.next == 1 << 30)
        #expect(shown.first?.report?.rate == Double((1 << 30) - 2) / 60)
    }

    /// The answer to the first was lost, and the sender has sent nothing since.
    @Test func whoHasNotMovedIsHeardAgain() throws {
        let (authority, spi) = try sending()
        #expect(try report(authority, spi, 1000, 5) == .noted)
        let before = authority.state.sending
        #expect(try report(authority, spi, 1000, 6) == .noted)
        #expect(authority.state.sending == before)
        #expect(try report(authority, spi, 1001, 7) == .noted)
    }

    @Test func othersAndStepsBackAreRefusedAndLeaveATrace() throws {
        let (authority, spi) = try sending()
        #expect(try report(authority, spi, 1000, 5) == .noted)
        let before = authority.state.sending
        let cases: [(ESPSPI, UInt64, UInt32, Identity, RegistrationRefusal.Kind, NotifyType)] = [
            (spi, 2000, 6, .fqdn("gm1.example"), .notTheSender, .authorizationFailed),
            (spi, 2000, 6, .fqdn("x.elsewhere"), .notTheSender, .authorizationFailed),
            (ESPSPI(rawValue: 0x777), 2000, 6, sender, .unknownSA, .invalidSPI),
            (spi, 1000, 4, sender, .stepsBack, .registrationFailed),
            (spi, 2000, 5, sender, .stepsBack, .registrationFailed),
            (spi, 999, 7, sender, .stepsBack, .registrationFailed),
            (spi, (1 << 32) + 1, 7, sender, .stepsBack, .registrationFailed),
        ]
        for (spi, next, counter, member, kind, notify) in cases {
            let outcome = try report(authority, spi, next, counter, by: member)
            #expect(outcome.refusal == kind)
            if case .refused(let refusal) = outcome { #expect(refusal.notify == notify) }
        }
        #expect(authority.state.sending == before)
        let events = authority.effects.count {
            if case .event(let event) = $0 { event.name == "sequence-report-refused" } else { false }
        }
        #expect(events == cases.count)
        // Once an hour for each member of a group.
        let audited = authority.trail.filter { $0.entry.action == "sequence-report" }
        #expect(audited.count == 3 && audited.allSatisfy { $0.entry.result.hasPrefix("refused: ") })
    }

    @Test func aRetiredSAIsNotReportedOn() throws {
        let (authority, old) = try sending()
        #expect(try report(authority, old, 1000, 1) == .noted)
        _ = try authority.operate(
            .rekeyNow(try #require(GroupName("market-data")), scope: .tek, try authority.mandate())
        ).get()
        #expect(try report(authority, old, 2000, 2).refusal == .unknownSA)
        #expect(authority.trail.last { $0.entry.action == "sequence-report" }?.entry.object == "group/market-data")
        // The new SA begins at 1, and the report on the old one goes with it.
        #expect(try report(authority, try current(authority), 2, 1) == .noted)
        try authority.decide([.timer], at: seconds(30))
        #expect(authority.state.sending.sequences.map(\.spi) == [try current(authority)])
    }

    @Test func aSenderThatBeganAnewIsNotHeldToTheOldNumbers() throws {
        let (authority, old) = try sending()
        #expect(try report(authority, old, 1 << 31, 3) == .noted)
        _ = try authority.register(try authority.join("s1.senders.example", senderIDs: 1), at: seconds(60))
        #expect(try report(authority, try current(authority), 2, 1, at: seconds(61)) == .noted)
    }

    /// 32-bit numbers end after 2^32 packets: at the rate that was seen, the SA is replaced before that, and not much earlier.
    @Test(arguments: [1_000_000.0, 10_000_000, 3000])
    func theSAIsRolledOverBeforeItsNumbersEnd(_ perSecond: Double) throws {
        let (authority, spi) = try sending()
        var (counter, second, reported) = (UInt32(0), Int64(0), 0.0)
        // TEKs live an hour here: the slow sender does not get near.
        while try current(authority) == spi, second < 4000 {
            second += 1
            let next = Double(second) * perSecond
            guard next < Double(UInt32.max) else {
                Issue.record("the numbers ended")
                return
            }
            if next - reported >= Double(1 << 30) || (second % 60 == 0 && next - reported > Double(1 << 24)) {
                counter += 1
                reported = next
                #expect(try report(authority, spi, UInt64(next), counter, at: seconds(second)) == .noted)
            }
            try authority.decide([.timer], at: seconds(second))
        }
        let cause = try #require(authority.state.rekeyHistory.last).cause
        guard perSecond > 1_000_000 else {
            #expect(cause == "lifetime")
            return
        }
        #expect(cause == "sequence")
        #expect(Double(second) * perSecond > Double(UInt32.max) * 0.6)
    }

    @Test func aSenderThatLiesCostsOneRekeyInAPause() throws {
        let (authority, _) = try sending()
        for second in 0..<180 {
            let lie = try report(authority, try current(authority), 1 << 32, 1, at: seconds(Int64(second)))
            #expect(lie == .noted)
            try authority.decide([.timer], at: seconds(Int64(second)))
        }
        #expect(authority.state.rekeyHistory.count { $0.cause == "sequence" } == 3)
    }
}
