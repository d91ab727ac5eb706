import AuditTrail
import AuthorityCore
import GroupModel
import IKECrypto
import IKEVocabulary
import TestKit
import Testing

@Suite struct AuditTests {
    private func verify(_ authority: Authority) throws {
        let key = try #require(authority.state.audit.key).key
        var verifier = try AuditVerifier(key, engine: CryptoEngine())
        var anchors = authority.anchors[...]
        for record in authority.trail {
            try verifier.take(record)
            while let anchor = anchors.first, anchor.place.seq == record.seq {
                try verifier.take(anchor)
                anchors.removeFirst()
            }
        }
        #expect(anchors.isEmpty && verifier.records == authority.trail.count)
    }

    private func actions(_ authority: Authority) -> [String] { authority.trail.map(\.entry.action) }

    @Test func everyChangeOfAKeyAMemberOrAPolicyHasItsRecord() throws {
        let authority = try Authority()
        var group = try exampleGroup()
        try authority.apply(group)
        #expect(actions(authority) == ["group-created", "rekey-sa-made", "data-sa-made"])
        _ = try authority.register(try authority.join("s1.senders.example", senderIDs: 2))
        #expect(authority.trail.last?.entry.action == "member-joined")
        #expect(authority.trail.last?.entry.actor == "fqdn:s1.senders.example")
        #expect(authority.trail.last?.entry.source == "frontend-1 192.0.2.7:500")
        #expect(authority.trail.last?.entry.result == "done: sender, Sender-IDs 0,1")
        group.data[0].suite = .chacha20Poly1305
        try authority.apply(group)
        #expect(
            actions(authority).suffix(5) == [
                "rekey-sa-retired", "rekey-sa-made", "data-sa-retired", "data-sa-made", "group-changed",
            ])
        #expect(authority.trail.last?.entry.generationBefore == GSAGeneration(rawValue: 1))
        #expect(authority.trail.last?.entry.generationAfter == GSAGeneration(rawValue: 2))
        try authority.restart()
        try authority.decide([.timer], at: seconds(11))
        #expect(Set(actions(authority).suffix(2)) == ["rekey-sa-destroyed", "data-sa-destroyed"])
        #expect(authority.trail.last?.entry.actorRole == "authority")
        try authority.decide([.timer], at: seconds(3240))
        #expect(actions(authority).suffix(2) == ["data-sa-retired", "data-sa-made"])
        try verify(authority)
    }

    /// The change and its record are one transaction: neither without the other.
    @Test func theRecordIsInTheTransactionOfTheChange() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let request = OperatorRequest.rekeyNow(
            try #require(GroupName("market-data")), scope: .all, try authority.mandate("quarterly"))
        let decision = authority.core.decide([.operation(request, by: alice, token: 1)], at: morning)
        let records = decision.transaction.mutations.compactMap {
            if case .appendAudit(let record) = $0 { record } else { nil }
        }
        #expect(
            records.map(\.entry.action) == ["rekey-sa-retired", "rekey-sa-made", "data-sa-retired", "data-sa-made"])
        #expect(records.allSatisfy { $0.entry.actor == "alice" && $0.entry.actorRole == "crypto-officer" })
        #expect(records.allSatisfy { $0.entry.reason == "quarterly" && $0.node == "authority-1" })
        #expect(records.allSatisfy { $0.entry.request == request.mandate?.operation.description })
        _ = decision.committed(CommitReceipt(term: LeadershipTerm(rawValue: 99), index: 1))
    }

    @Test func dangerousRequestsLeaveTheirTraceAlsoInVain() throws {
        let authority = try Authority()
        let group = try exampleGroup()
        try authority.apply(group)
        _ = try authority.register(try authority.join("gm1.example"))
        let before = authority.trail.count
        let victim = Identity.fqdn("gm1.example")
        let viewer = OperatorActor(name: "bob", roles: [.viewer], source: "authority-3")
        func ask(_ request: OperatorRequest, by actor: OperatorActor) throws -> OperatorFailure? {
            for effect in try authority.decide([.operation(request, by: actor, token: 1)]) {
                if case .reply(.failure(let failure), _) = effect { return failure }
            }
            return nil
        }
        let evict = { (mandate: Mandate) in OperatorRequest.control(.evict([victim], group: group.name, mandate)) }
        guard case .notAuthorised? = try ask(evict(try authority.mandate("x")), by: viewer) else {
            Issue.record("a viewer may exclude")
            return
        }
        guard case .invalid(let faults)? = try ask(evict(try authority.mandate()), by: alice) else {
            Issue.record("an exclusion without a reason")
            return
        }
        #expect(faults.map(\.path) == ["reason"])
        #expect(try ask(evict(try authority.mandate(isDryRun: true)), by: alice) == nil)
        guard case .notAuthorised? = try ask(.groupApply(group, try authority.mandate()), by: viewer) else { return }
        // Reading is not recorded, neither done nor refused.
        #expect(try ask(.groupList, by: OperatorActor(name: "eve", roles: [.auditor], source: "a")) != nil)
        let fresh = authority.trail.dropFirst(before).map(\.entry)
        #expect(fresh.map(\.action) == ["member-evict", "member-evict", "member-evict", "group-apply"])
        #expect(fresh.map(\.actor) == ["bob", "alice", "alice", "bob"])
        #expect(fresh.map { String($0.result.prefix(7)) } == ["refused", "refused", "dry-run", "refused"])
        #expect(authority.state.members.count == 1 && authority.state.exclusions.isEmpty)
        try verify(authority)
    }

    /// Who may not change anything must not fill the trail either, under one name or under many.
    @Test func attemptsAreRecordedAFewTimesAnHourAndCounted() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let before = authority.trail.count
        func ask(_ name: String, _ request: OperatorRequest, at second: Int64) throws {
            let viewer = OperatorActor(name: name, roles: [.viewer], source: "authority-3")
            try authority.decide([.operation(request, by: viewer, token: 1)], at: seconds(second))
        }
        func apply() throws -> OperatorRequest { .groupApply(try exampleGroup(), try authority.mandate()) }
        let node = OperatorRequest.fleet(.undrain("frontend-1", try authority.mandate()))
        for second in 0..<1000 { try ask("bob", try apply(), at: Int64(second)) }
        #expect(authority.trail.count == before + 4)
        // Another kind of his and the same of another are seen all the same.
        try ask("bob", node, at: 1000)
        try ask("eve", try apply(), at: 1000)
        #expect(authority.trail.suffix(2).map(\.entry.actor) == ["bob", "eve"])
        try authority.decide([.timer], at: seconds(3600))
        let last = try #require(authority.trail.last?.entry)
        #expect(last.actor == "bob" && last.action == "group-apply")
        #expect(last.result.hasPrefix("refused: 995 more of this kind were not recorded; "))
        try ask("bob", try apply(), at: 3601)
        #expect(authority.trail.last?.entry.result.contains("more of this kind") == false)
        let many = authority.trail.count
        for number in 0..<2000 { try ask("bob-\(number)", try apply(), at: 3602) }
        #expect(authority.trail.count <= many + 256 + 4)
        try verify(authority)
    }

    @Test func dryRunsAreCountedToo() throws {
        let authority = try Authority()
        let group = try exampleGroup()
        try authority.apply(group)
        let before = authority.trail.count
        for _ in 0..<10 {
            let mandate = try authority.mandate(isDryRun: true)
            _ = try authority.operate(.control(.evict([.fqdn("gm1.example")], group: group.name, mandate)))
        }
        #expect(authority.trail.dropFirst(before).map(\.entry.result) == ["dry-run", "dry-run", "dry-run", "dry-run"])
        try authority.decide([.timer], at: seconds(3600))
        let last = authority.trail.last { $0.entry.action == "member-evict" }
        #expect(last?.entry.result == "dry-run: 5 more of this kind were not recorded")
    }

    @Test func whatIsYoungIsNotForgottenForItsNumber() throws {
        let authority = try Authority()
        authority.core.limits.auditRecordsKept = 10
        authority.core.limits.auditRecordsFactor = 100
        try authority.apply(try exampleGroup())
        for hour in 0..<26 {
            for number in 0..<8 {
                let entry = AuditEntry(
                    actor: "alice", actorRole: "operator", source: "a", action: "noted", object: "node/\(number)")
                try authority.decide([.audit(entry)], at: seconds(Int64(hour) * 3600))
            }
            try authority.decide([.timer], at: seconds(Int64(hour) * 3600 + 1))
            try authority.decide([.timer], at: seconds(Int64(hour) * 3600 + 2))
            if hour == 23 { #expect(authority.state.audit.floor == .start) }
        }
        let floor = authority.state.audit.floor
        let oldest = try #require(authority.trail.first { $0.seq == floor.seq + 1 })
        #expect(floor != .start)
        #expect(seconds(25 * 3600).milliseconds - oldest.at.milliseconds <= 86_400_000)
    }

    /// Who may register can do so without end, and the disk is finite.
    @Test func whatIsYoungIsForgottenWhenItIsTooMuch() throws {
        let authority = try Authority()
        authority.core.limits.auditRecordsKept = 10
        authority.core.limits.auditAnchorRecords = 10
        try authority.apply(try exampleGroup())
        for second in 0..<20 {
            let entry = AuditEntry(
                actor: "gm1.example", actorRole: "member", source: "a", action: "noted", object: "node/1")
            let inputs = [AuthorityInput](repeating: .audit(entry), count: 10)
            try authority.decide(inputs + [.timer], at: seconds(Int64(second)))
        }
        let kept = try #require(authority.trail.last).seq - authority.state.audit.floor.seq
        // The anchors stand some ten records apart, and one is looked at in the transaction after its own.
        #expect(kept <= 10 * authority.core.limits.auditRecordsFactor + 40)
    }

    @Test func whoIsDeniedIsRecordedOnceAnHour() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        for second in [0, 1, 3599] {
            _ = try authority.register(try authority.join("mallory.example"), at: seconds(Int64(second)))
        }
        #expect(actions(authority).count { $0 == "member-refused" } == 1)
        _ = try authority.register(try authority.join("mallory.example"), at: seconds(3600))
        // No rule matches: nobody decided against it by name.
        _ = try authority.register(try authority.join("gm1.elsewhere"), at: seconds(3600))
        #expect(actions(authority).count { $0 == "member-refused" } == 2)
        // So many names at once: the trail does not grow with them.
        for number in 0..<2000 {
            _ = try authority.register(try authority.join("mallory.\(number)"), at: seconds(3700))
        }
        #expect(actions(authority).count { $0 == "member-refused" } <= 1025)
        try verify(authority)
    }

    @Test func theHeadIsSignedEveryHourAndOnDemand() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        try authority.decide([.timer], at: seconds(3599))
        #expect(authority.anchors.isEmpty)
        try authority.decide([.timer], at: seconds(3600))
        #expect(authority.anchors.map(\.place.seq) == [Int64(authority.trail.count)])
        try authority.restart()
        try authority.decide([.timer], at: seconds(7300))
        guard
            case .done(let lines) = try authority.operate(.audit(.anchor(try authority.mandate())), at: seconds(7301))
                .get()
        else { return }
        #expect(lines.count == 1)
        let signed = authority.anchors.count
        // Nothing new, nothing to sign.
        _ = try authority.operate(.audit(.anchor(try authority.mandate())), at: seconds(7302)).get()
        #expect(authority.anchors.count == signed)
        #expect(authority.anchors.last?.place.seq == authority.trail.last?.seq)
        try verify(authority)
    }

    @Test func theKeyOutlivesLeadersAndOldRecordsGoBehindAnAnchor() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let key = try #require(authority.state.audit.key)
        try authority.decide([.timer], at: seconds(3600))
        try authority.restart()
        #expect(authority.state.audit.key == key)
        let day: Int64 = 86_400
        let first = try #require(authority.anchors.first).place
        try authority.decide([.timer], at: seconds(3600 + 400 * day))
        #expect(authority.state.audit.floor == .start)
        try authority.decide([.timer], at: seconds(3601 + 400 * day))
        #expect(authority.state.audit.floor == first)
        #expect(authority.trail.last?.entry.action == "audit-forgotten")
        #expect(authority.state.audit.anchors.first?.place == first)
        try verify(authority)
    }

    @Test func whatTheProgramReportsIsRecorded() throws {
        let authority = try Authority()
        let entry = AuditEntry(
            actor: "alice", actorRole: "operator", source: "authority-2", action: "node-drained",
            object: "node/frontend-2")
        try authority.decide([.audit(entry)])
        #expect(authority.trail.map(\.entry) == [entry])
        try verify(authority)
    }
}
