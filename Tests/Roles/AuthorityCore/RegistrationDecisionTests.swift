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
}
