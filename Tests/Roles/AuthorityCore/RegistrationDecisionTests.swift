import AuthorityCore
import GroupModel
import IKEVocabulary
import TestKit
import Testing

@Suite struct RegistrationDecisionTests {
    @Test func eachRefusalHasItsNotifyAndAllocatesNothing() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup(memberLimit: 1))
        #expect(try authority.register(try authority.join("gm1.example")).grant != nil)
        let before = authority.state
        let cases: [(RegistrationRequest, RegistrationRefusal.Kind, NotifyType)] = [
            (try authority.join("gm1.example", group: "nowhere"), .unknownGroup, .invalidGroupID),
            (try authority.join("mallory.example"), .notAuthorised, .authorizationFailed),
            (try authority.join("gm1.elsewhere"), .notAuthorised, .authorizationFailed),
            (try authority.join("gm1.example", senderIDs: 1), .notASender, .authorizationFailed),
            (try authority.join("gm2.example"), .groupFull, .registrationFailed),
            (try authority.join("gm1.example", keyWrap: .kw5649_128), .noAcceptableTransforms, .noProposalChosen),
        ]
        for (request, kind, notify) in cases {
            let outcome = try authority.register(request)
            #expect(outcome.refusal == kind)
            guard case .refused(let refusal) = outcome else { continue }
            #expect(refusal.notify == notify)
            #expect(!refusal.reason.isEmpty)
        }
        #expect(authority.state.members == before.members)
        #expect(authority.state.groups == before.groups)
        #expect(authority.state.operations == before.operations)
    }

    @Test func refusalsAreListedWithTheirReason() throws {
        let authority = try Authority()
        let group = try exampleGroup()
        try authority.apply(group)
        _ = try authority.register(try authority.join("mallory.example"))
        guard case .members(let members) = try authority.operate(.memberList(group.name)).get() else {
            Issue.record("no listing")
            return
        }
        #expect(members.map(\.state) == ["refused"])
        #expect(members.first?.reason.contains("fqdn:mallory.example") == true)
    }

    @Test func senderIDsAreNeverGivenTwice() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        var given: [SenderID] = []
        for round in 0..<20 {
            // The same sender comes again: RFC 9838 gives it a fresh Sender-ID each time.
            let name = "s\(round % 3).senders.example"
            #expect(try authority.register(try authority.join(name, senderIDs: 2)).grant != nil)
            given += try #require(authority.state.members.first { $0.identity == .fqdn(name) }).senderIDs
            if round % 5 == 4 { try authority.restart() }
        }
        #expect(Set(given).count == 40)
        #expect(given.min() == SenderID(rawValue: 0))
        #expect(given.max() == SenderID(rawValue: 39))
    }

    @Test func aLostCommitGivesNothingAway() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let request = try authority.join("s1.senders.example", senderIDs: 1)
        // Decided, but the commit never happened: the decision and the core are dropped.
        _ = authority.core.decide([.registration(request, session: 1)], at: morning)
        try authority.restart()
        #expect(authority.state.members.isEmpty)
        #expect(try authority.register(request).grant != nil)
        #expect(authority.state.members.first?.senderIDs == [SenderID(rawValue: 0)])
    }

    @Test func aRepeatedOperationReturnsItsFirstResult() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let request = try authority.join("s1.senders.example", senderIDs: 3)
        #expect(try authority.register(request).grant != nil)
        let rows = authority.state.members
        try authority.restart()
        #expect(try authority.register(request).grant != nil)
        #expect(authority.state.members == rows)
        #expect(authority.state.groups.first?.nextSenderID == 3)
    }

    @Test func anOvertakenOperationIsNotGrantedAgain() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let old = try authority.join("gm1.example")
        _ = try authority.register(old)
        _ = try authority.register(try authority.join("gm1.example"))
        guard case .unavailable = try authority.register(old) else {
            Issue.record("an old operation was granted again")
            return
        }
    }

    @Test func senderIDsEndWithTheirWidth() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup(width: 2))
        #expect(try authority.register(try authority.join("s1.senders.example", senderIDs: 4)).grant != nil)
        #expect(
            try authority.register(try authority.join("s2.senders.example", senderIDs: 1)).refusal
                == .senderIDsExhausted)
        #expect(
            try authority.register(try authority.join("s3.senders.example", senderIDs: 5)).refusal == .tooManySenderIDs)
        #expect(try authority.register(try authority.join("gm1.example")).grant != nil)
    }

    @Test func aSingleSenderGroupHasOneSender() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup(senders: .single))
        #expect(try authority.register(try authority.join("s1.senders.example", senderIDs: 1)).grant != nil)
        #expect(try authority.register(try authority.join("s2.senders.example", senderIDs: 1)).refusal == .notASender)
        #expect(try authority.register(try authority.join("s1.senders.example", senderIDs: 1)).grant != nil)
    }

    @Test func leavingTwiceIsLeavingOnce() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let join = try authority.join("gm1.example")
        _ = try authority.register(join)
        for _ in 0..<2 {
            let leave = RegistrationRequest(
                operation: try authority.operationID(), member: join.member, authentication: .signature,
                group: join.group,
                action: .leave(.noProposalChosen), remote: join.remote, frontend: "frontend-2")
            #expect(try authority.register(leave) == .left)
        }
        #expect(authority.state.members.isEmpty)
    }

    /// An answer that was lost, asked for again after the member has come back: the newer registration stays.
    @Test func aRepeatedLeaveDoesNotEndALaterRegistration() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        let join = try authority.join("gm1.example")
        _ = try authority.register(join)
        let leave = RegistrationRequest(
            operation: try authority.operationID(), member: join.member, authentication: .signature, group: join.group,
            action: .leave(.registrationFailed), remote: join.remote, frontend: "frontend-1")
        #expect(try authority.register(leave) == .left)
        _ = try authority.register(try authority.join("gm1.example"))
        try authority.restart()
        #expect(try authority.register(leave) == .left)
        #expect(authority.state.members.count == 1)
    }

    @Test func rulesMatchNamesWithoutCase() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        for name in ["MALLORY.example", "mallory.EXAMPLE", "Mallory.Example"] {
            #expect(try authority.register(try authority.join(name)).refusal == .notAuthorised)
        }
    }

    @Test func strangersAreListedApartAndBounded() throws {
        let authority = try Authority()
        let group = try exampleGroup()
        try authority.apply(group)
        _ = try authority.register(try authority.join("mallory.example"))
        let remote = Endpoint(try #require(IPAddress("192.0.2.9")), port: 500)
        let long = Identity(type: .keyID, octets: [UInt8](repeating: 0, count: 1000))
        let failures = (0..<1000).map {
            FailedAuthentication(member: .fqdn("x\($0)"), group: .keyID("market-data"), remote: remote, reason: "wrong")
        }
        authority.core.note(
            failures + [FailedAuthentication(member: .fqdn("y"), group: long, remote: remote, reason: "wrong")],
            from: "frontend-1", at: morning)
        guard case .members(let ours) = try authority.operate(.memberList(group.name)).get(),
            case .members(let all) = try authority.operate(.memberList(nil)).get()
        else { return }
        #expect(ours.contains { $0.identity == .fqdn("mallory.example") && $0.authentication == .signature })
        #expect(ours.contains { $0.identity == .fqdn("x999") && $0.authentication == nil && $0.reason == "wrong" })
        #expect(all.count <= 1 + 256)
        #expect(all.allSatisfy { $0.group.utf8.count <= 255 })
    }

    @Test func longNamesAreCutInReasons() throws {
        let authority = try Authority()
        let request = try authority.join("gm1.example", group: String(repeating: "g", count: 5000))
        guard case .refused(let refusal) = try authority.register(request) else { return }
        #expect(refusal.kind == .unknownGroup && refusal.reason.utf8.count <= 256)
    }

    @Test func oldOperationsAreForgottenInParts() throws {
        let authority = try Authority()
        try authority.apply(try exampleGroup(memberLimit: 10_000))
        let joins = try (0..<5000).map { try authority.join("gm\($0).example") }
        for (index, start) in stride(from: 0, to: joins.count, by: 250).enumerated() {
            try authority.decide(
                joins[start..<start + 250].map { .registration($0, session: 1) }, at: seconds(Int64(index)))
        }
        #expect(authority.state.operations.count == 5001)
        try authority.decide([.timer], at: seconds(3600 + 30))
        let left = authority.state.operations.count
        #expect((1..<5001).contains(left))
        for _ in 0..<3 { try authority.decide([.timer], at: seconds(3600 + 30)) }
        #expect(authority.state.operations.isEmpty)
        // Forgotten by the core as well as by the store: the same operation is a new one.
        #expect(try authority.register(joins[0], at: seconds(3700)).grant != nil)
    }
}
