import AuthorityRPC
import GroupModel
import IKEVocabulary
import Testing

@Suite(.timeLimit(.minutes(2))) struct OperatorTests {
    private func withOperator(
        _ authority: FakeAuthority, timeout: Duration = .seconds(10),
        _ body: @Sendable (OperatorClient) async throws -> Void
    ) async throws {
        let path = freshSocketPath()
        let link = AuthorityLink(targets: [unixTarget("auth-1", path)], name: "alice")
        try await withServer([unixListener(path)], authority) { _, _ in
            try await body(OperatorClient(link: link, timeout: timeout))
        }
    }

    @Test func everyRequestArrivesWithItsArguments() async throws {
        let name = try #require(GroupName("market-data"))
        let operation = Samples.operation(9)
        let member = Identity.fqdn("gm1.example")
        let authority = FakeAuthority(.leader) { request in
            switch request {
            case .groupList, .groupShow: .success(.groups([]))
            case .memberList, .memberShow: .success(.members([]))
            case .senderList: .success(.senders([Samples.sender]))
            case .senderSequences: .success(.sequences(Samples.sequences))
            case .whoAmI: .success(.identity(Samples.identity))
            case .fleet(.list): .success(.frontends([]))
            case .status, .groupApply, .rekeyNow, .control, .audit, .fleet, .upkeep, .cluster, .backup:
                .success(.done(["a", "b"]))
            }
        }
        let requests: [OperatorRequest] = [
            .groupApply(
                try Samples.definition(), Mandate(operation: operation, reason: Reason("new feed"), isDryRun: true)),
            .whoAmI, .groupList, .groupShow(name),
            .memberList(nil), .memberList(name), .memberShow(member, group: nil), .memberShow(member, group: name),
            .senderList(name), .senderSequences(name), .rekeyNow(name, scope: .kek, Mandate(operation: operation)),
            .fleet(.list(nil)), .fleet(.list("frontend-1")),
            .fleet(
                .drain(
                    "frontend-1", redirectTo: "frontend-2", deadline: Lifetime(seconds: 60),
                    Mandate(operation: operation, reason: Reason("kernel"), isDryRun: true))),
            .fleet(.drain("frontend-1", redirectTo: nil, deadline: nil, Mandate(operation: operation))),
            .fleet(.undrain("frontend-1", Mandate(operation: operation))),
        ]
        try await withOperator(authority) { client in
            for request in requests { _ = try await client.perform(request) }
            #expect(authority.seen.asked == requests.map { "\($0)" })
            #expect(Set(authority.seen.peers.map(\.description)) == ["operator/alice"])
            guard case .done(let lines) = try await client.perform(requests[0]),
                case .senders(let senders) = try await client.perform(.senderList(name)),
                case .sequences(let sequences) = try await client.perform(.senderSequences(name))
            else {
                Issue.record("replies of another kind")
                return
            }
            #expect(lines == ["a", "b"])
            #expect(try await client.whoAmI() == Samples.identity)
            #expect(senders == [Samples.sender])
            #expect(sequences == Samples.sequences)
        }
    }

    @Test func failuresComeBackAsTheyWereThrown() async throws {
        let failures: [OperatorFailure] = [
            .notFound("no group x"), .conflict("busy"), .notAuthorised("not you"),
            .invalid([DefinitionFault(path: "data[0].suite", problem: "unknown", valid: "aes-gcm-128")]),
            .unknownOutcome(Samples.operation(1)),
        ]
        for failure in failures {
            try await withOperator(FakeAuthority(.leader) { _ in .failure(failure) }) { client in
                await #expect(throws: failure) { try await client.perform(.groupList) }
            }
        }
    }

    @Test func theHintLeadsToTheLeader() async throws {
        let paths = [freshSocketPath(), freshSocketPath(), freshSocketPath()]
        let link = AuthorityLink(
            targets: [
                unixTarget("auth-1", paths[0]), unixTarget("auth-2", paths[1]), unixTarget("auth-3", paths[2]),
            ], name: "alice")
        let (follower, leader) = (FakeAuthority(.follower("auth-3")), FakeAuthority(.leader))
        try await withServer([unixListener(paths[0])], follower) { _, _ in
            try await withServer([unixListener(paths[2])], leader) { _, _ in
                let name = try #require(GroupName("market-data"))
                let request = OperatorRequest.rekeyNow(name, scope: .all, Mandate(operation: Samples.operation(1)))
                guard case .done = try await OperatorClient(link: link).perform(request) else {
                    Issue.record("no answer")
                    return
                }
                #expect(follower.seen.asked.count == 1 && leader.seen.asked.count == 1)
            }
        }
    }

    @Test func anElectionIsWaitedFor() async throws {
        let authority = FakeAuthority(.follower(nil))
        try await withOperator(authority) { client in
            let name = try #require(GroupName("market-data"))
            async let reply = client.perform(.rekeyNow(name, scope: .tek, Mandate(operation: Samples.operation(1))))
            try await expectEventually { authority.seen.asked.count > 2 }
            authority.become(.leader, hint: nil)
            guard case .done = try await reply else {
                Issue.record("no answer")
                return
            }
        }
    }

    @Test func nothingListeningIsUnavailableAtOnce() async throws {
        let link = AuthorityLink(
            targets: [unixTarget("auth-1", freshSocketPath()), unixTarget("auth-2", freshSocketPath())], name: "alice")
        let start = ContinuousClock.now
        for request in [.status, .groupList] as [OperatorRequest] {
            let failure = await #expect(throws: OperatorFailure.self) {
                try await OperatorClient(link: link).perform(request)
            }
            guard case .unavailable(let reason)? = failure else {
                Issue.record("\(String(describing: failure))")
                continue
            }
            #expect(reason.contains("auth-1: ") && reason.contains("auth-2: "))
        }
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test func aChangeWithoutAnAnswerHasAnUnknownOutcome() async throws {
        let authority = FakeAuthority(.leader) { _ in
            try? await Task.sleep(for: .seconds(3))
            return .success(.done([]))
        }
        try await withOperator(authority, timeout: .seconds(2)) { client in
            let name = try #require(GroupName("g"))
            let operation = Samples.operation(5)
            await #expect(throws: OperatorFailure.unknownOutcome(operation)) {
                try await client.perform(.rekeyNow(name, scope: .tek, Mandate(operation: operation)))
            }
            let failure = await #expect(throws: OperatorFailure.self) { try await client.perform(.groupList) }
            guard case .unavailable? = failure else {
                Issue.record("a question without an answer is only unavailable")
                return
            }
        }
    }

    @Test func statusTellsWhichAuthoritiesAnswer() async throws {
        let paths = [freshSocketPath(), freshSocketPath()]
        let link = AuthorityLink(
            targets: [
                unixTarget("auth-1", paths[0]), unixTarget("auth-2", paths[1]),
                unixTarget("auth-3", freshSocketPath()),
            ], name: "alice")
        let cluster = try Samples.cluster()
        let leader = FakeAuthority(.leader) { _ in .success(.status(cluster)) }
        try await withServer([unixListener(paths[0])], FakeAuthority(.follower("auth-2"))) { _, _ in
            try await withServer([unixListener(paths[1])], leader) { _, _ in
                let status = try await OperatorClient(link: link).status()
                #expect(status.leader == "auth-2")
                #expect(status.nodes.map(\.name) == ["auth-1", "auth-2", "auth-3"])
                #expect(status.nodes.map(\.state) == ["follower", "leader", "unreachable"])
                #expect(status.groups.count == 1)
            }
        }
    }
}
