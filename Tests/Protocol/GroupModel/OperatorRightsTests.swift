import GroupModel
import IKEVocabulary
import Testing

@Suite struct OperatorRightsTests {
    private let mandate = Mandate(
        operation: OperationID(
            initiator: IKESPI(rawValue: 1), responder: IKESPI(rawValue: 2), messageID: MessageID(rawValue: 3)))

    private func actor(_ roles: OperatorRole...) -> OperatorActor {
        OperatorActor(name: "alice", roles: Set(roles), source: "authority-1")
    }

    @Test(arguments: [
        "", " ", "  \u{a0} ", "two\nlines", "bell\u{7}", "\u{202e}turned", "a\u{2028}b",
        String(repeating: "x", count: 257),
    ])
    func whatIsNoReason(_ text: String) { #expect(Reason(text) == nil) }

    @Test(arguments: ["ticket 4711", "ausgeschieden: Müller", "x", String(repeating: "x", count: 256)])
    func whatIsAReason(_ text: String) { #expect(Reason(text)?.text == text) }

    @Test func eachRoleMayDoWhatThoseBelowItMay() throws {
        let group = try #require(GroupName("market-data"))
        let requests: [(OperatorRequest, OperatorRole)] = [
            (.groupList, .viewer), (.rekeyNow(group, scope: .tek, mandate), .operator),
            (.rekeyNow(group, scope: .authKey, mandate), .cryptoOfficer),
        ]
        for (request, least) in requests {
            for role in OperatorRole.allCases {
                let refusal = request.refusal(to: actor(role))
                #expect((refusal == nil) == (role >= least), "\(request.action) by \(role)")
                if let refusal {
                    guard case .notAuthorised(let why) = refusal else {
                        Issue.record("\(refusal)")
                        continue
                    }
                    #expect(why.contains(least.rawValue) && why.contains(role.rawValue))
                }
            }
            #expect(request.refusal(to: actor()) != nil, "nobody without a role")
        }
    }

    @Test func rolesAreOrderedByTrust() {
        #expect(OperatorRole.allCases.sorted() == OperatorRole.allCases)
        #expect(actor(.viewer, .cryptoOfficer, .auditor).role == .cryptoOfficer)
        #expect(DangerLevel.allCases.sorted().map(\.label) == ["L0", "L1", "L2", "L3"])
    }
}
