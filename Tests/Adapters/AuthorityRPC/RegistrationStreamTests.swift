import AuthorityRPC
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GroupModel
import IKEVocabulary
import KeyMaterial
import Testing

@Suite(.timeLimit(.minutes(2))) struct RegistrationStreamTests {
    @Test func tenThousandRegistrationsAreAnsweredEachOnceAndRight() async throws {
        let (path, authority) = (freshSocketPath(), FakeAuthority(.leader))
        let link = AuthorityLink(targets: [unixTarget("auth-1", path)], name: "frontend-1")
        try await withServer([unixListener(path)], authority) { _, _ in
            try await withRegistrationClient(link) { client, answers, states in
                for first in stride(from: 0, to: 10_000, by: 50) {
                    client.submit(try (first..<first + 50).map { try Samples.join(UInt64($0)) })
                }
                try await expectEventually { answers.all.count >= 10_000 }
                #expect(client.outstandingCount == 0)
                #expect(states.all == [.connected("auth-1")])
                let grants = answers.all.compactMap { answer -> RegistrationGrant? in
                    guard case .granted(let grant) = answer.outcome else { return nil }
                    return grant.groupSecurityAssociation == answer.operation.octets ? grant : nil
                }
                #expect(grants.count == 10_000)
                let operations = Set(answers.all.map(\.operation))
                #expect(operations == Set((0..<10_000).map { Samples.operation(UInt64($0)) }))
                #expect(authority.seen.frontends == ["frontend-1"])
                #expect(authority.seen.batches < 1000, "requests travel in batches")
            }
        }
    }

    @Test func theClientMovesToTheHintedLeaderAndResubmitsWhatIsOutstanding() async throws {
        let paths = [freshSocketPath(), freshSocketPath()]
        let first = FakeAuthority(.silent)
        let second = FakeAuthority(.leader)
        let link = AuthorityLink(
            targets: [unixTarget("auth-1", paths[0]), unixTarget("auth-2", paths[1])], name: "frontend-1")
        try await withServer([unixListener(paths[0])], first) { _, _ in
            try await withServer([unixListener(paths[1])], second) { _, _ in
                try await withRegistrationClient(link) { client, answers, states in
                    client.submit([try Samples.join(1), try Samples.leave(2)])
                    try await expectEventually { first.seen.operations.count == 2 }
                    #expect(answers.all.isEmpty)
                    first.become(.follower("auth-2"), hint: "auth-2")
                    try await expectEventually { answers.all.count == 2 }
                    #expect(Set(second.seen.operations) == [Samples.operation(1), Samples.operation(2)])
                    #expect(states.all.first == .connected("auth-1"))
                    #expect(states.all.last == .connected("auth-2"))
                    try await expectEventually { first.seen.closed == 1 }
                }
            }
        }
    }

    @Test func aFollowerSendsTheClientToItsLeader() async throws {
        let paths = [freshSocketPath(), freshSocketPath()]
        let (follower, leader) = (FakeAuthority(.follower("auth-2")), FakeAuthority(.leader))
        let link = AuthorityLink(
            targets: [unixTarget("auth-1", paths[0]), unixTarget("auth-2", paths[1])], name: "frontend-1")
        try await withServer([unixListener(paths[0])], follower) { _, _ in
            try await withServer([unixListener(paths[1])], leader) { _, _ in
                try await withRegistrationClient(link) { client, answers, _ in
                    client.submit([try Samples.join(1)])
                    try await expectEventually { answers.all.count == 1 }
                    #expect(follower.seen.operations.isEmpty, "no request goes to an authority before its welcome")
                }
            }
        }
    }

    @Test func aRestartedAuthorityGetsTheOutstandingRequestsAgain() async throws {
        let path = freshSocketPath()
        let link = AuthorityLink(targets: [unixTarget("auth-1", path)], name: "frontend-1")
        let (before, after) = (FakeAuthority(.silent), FakeAuthority(.leader))
        try await withRegistrationClient(link) { client, answers, states in
            try await withServer([unixListener(path)], before) { _, _ in
                client.submit([try Samples.join(1)])
                client.heartbeat(["half-open": 3])
                try await expectEventually { before.seen.operations.count == 1 }
            }
            try await expectEventually { states.all.count > 1 }
            #expect(answers.all.isEmpty)
            try await withServer([unixListener(path)], after) { _, _ in
                try await expectEventually { answers.all.count == 1 }
                #expect(after.seen.operations == [Samples.operation(1)])
                try await expectEventually { after.seen.counters == ["half-open": 3] }
            }
        }
    }

    @Test func withoutAnAuthorityEachRequestIsAnsweredUnavailableAtItsDeadline() async throws {
        let link = AuthorityLink(targets: [unixTarget("auth-1", freshSocketPath())], name: "frontend-1")
        try await withRegistrationClient(link, answerWait: .milliseconds(300)) { client, answers, states in
            let start = ContinuousClock.now
            client.submit([try Samples.join(1)])
            try await expectEventually { answers.all.count == 1 }
            #expect(ContinuousClock.now - start >= .milliseconds(300))
            #expect(answers.all.first?.outcome == .unavailable("no authority answered in time"))
            try await expectEventually {
                if case .lost? = states.all.first { true } else { false }
            }
        }
    }

    @Test func anAuthorityThatHangsDoesNotHoldTheClient() async throws {
        let (hung, path) = (freshSocketPath(), freshSocketPath())
        let socket = try DeafSocket(hung)
        let link = AuthorityLink(targets: [unixTarget("auth-1", hung), unixTarget("auth-2", path)], name: "frontend-1")
        let authority = FakeAuthority(.leader)
        try await withServer([unixListener(path)], authority) { _, _ in
            try await withRegistrationClient(link) { client, answers, states in
                client.submit([try Samples.join(1)])
                try await expectEventually { answers.all.count == 1 }
                #expect(states.all.last == .connected("auth-2"))
                #expect(authority.seen.operations == [Samples.operation(1)])
            }
        }
        withExtendedLifetime(socket) {}
    }

    @Test func aFrontendWithTooMuchUnansweredLosesItsStream() async throws {
        let (path, authority) = (freshSocketPath(), FakeAuthority(.silent))
        let wire = Gcks_V1_RegistrationRequest(try Samples.leave(1))
        try await withServer([unixListener(path)], authority) { _, _ in
            let transport = try HTTP2ClientTransport.Posix(
                target: .unixDomainSocket(path: path, authority: "localhost"), transportSecurity: .plaintext)
            let error = try await withGRPCClient(transport: transport) { client in
                let stub = Gcks_V1_Registration.Client(wrapping: client)
                return await #expect(throws: RPCError.self) {
                    try await stub.register { writer in
                        var batch = Gcks_V1_RegistrationBatch()
                        batch.hello.name = "frontend-1"
                        batch.requests = Array(repeating: wire, count: Limits.batchItems)
                        for _ in 0...64 { try await writer.write(batch) }
                        try await Task.sleep(for: .seconds(60))
                    } onResponse: { response in
                        for try await _ in response.messages {}
                    }
                }
            }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message == "RegistrationBatch.requests: longer than 65536")
            #expect(authority.seen.operations.count == Limits.outstandingRegistrations)
            try await expectEventually { authority.seen.closed == 1 }
        }
    }

    @Test func anOperationIsAskedOnceWhileItIsOutstanding() async throws {
        let (path, authority) = (freshSocketPath(), FakeAuthority(.silent))
        let link = AuthorityLink(targets: [unixTarget("auth-1", path)], name: "frontend-1")
        try await withServer([unixListener(path)], authority) { _, _ in
            try await withRegistrationClient(link) { client, _, _ in
                for _ in 0..<5 { client.submit([try Samples.join(1)]) }
                try await expectEventually { authority.seen.operations.count == 1 }
                for _ in 0..<5 { client.submit([try Samples.join(1)]) }
                client.submit([try Samples.join(2)])
                try await expectEventually { authority.seen.operations.count > 1 }
                #expect(authority.seen.operations == [Samples.operation(1), Samples.operation(2)])
            }
        }
    }

    @Test func aRequestOutsideTheContractCostsOnlyItself() async throws {
        let (path, authority) = (freshSocketPath(), FakeAuthority(.leader))
        let link = AuthorityLink(targets: [unixTarget("auth-1", path)], name: "frontend-1")
        try await withServer([unixListener(path)], authority) { _, _ in
            try await withRegistrationClient(link) { client, answers, states in
                let good = try Samples.join(1)
                let bad = RegistrationRequest(
                    operation: Samples.operation(2),
                    member: Identity(type: .keyID, octets: Array(repeating: 1, count: 5000)),
                    authentication: .sharedKey, group: good.group, action: good.action, remote: good.remote,
                    frontend: good.frontend)
                client.submit([bad, good])
                try await expectEventually { answers.all.count == 2 }
                let outcome = answers.all.first { $0.operation == bad.operation }?.outcome
                #expect(outcome == .unavailable("Identity.octets: longer than 4096"))
                #expect(authority.seen.operations == [good.operation])
                #expect(states.all == [.connected("auth-1")])
            }
        }
    }

    @Test func countersReachTheAuthority() async throws {
        let (path, authority) = (freshSocketPath(), FakeAuthority(.leader))
        let link = AuthorityLink(targets: [unixTarget("auth-1", path)], name: "frontend-1")
        try await withServer([unixListener(path)], authority) { _, _ in
            try await withRegistrationClient(link) { client, _, _ in
                client.heartbeat(["registrations": 212, "half-open": 61])
                try await expectEventually { authority.seen.counters == ["registrations": 212, "half-open": 61] }
            }
            try await expectEventually { authority.seen.closed == 1 }
        }
    }

    @Test func whoDidNotProveItselfIsReportedAsFarAsABatchHolds() async throws {
        let (path, authority) = (freshSocketPath(), FakeAuthority(.leader))
        let link = AuthorityLink(targets: [unixTarget("auth-1", path)], name: "frontend-1")
        let remote = Endpoint(try #require(IPAddress("192.0.2.9")), port: 500)
        let long = Identity(type: .keyID, octets: [UInt8](repeating: 7, count: 60_000))
        @Sendable func failed(_ member: Identity, _ group: Identity? = nil) -> FailedAuthentication {
            FailedAuthentication(
                member: member, group: group, remote: remote, reason: String(repeating: "é", count: 9000))
        }
        // Before there is an authority they are kept, as many as one batch holds.
        try await withRegistrationClient(link) { client, _, _ in
            client.report(failed(.fqdn("gm1.example"), .keyID("market-data")))
            client.report(failed(long, long))
            for index in 0..<200 { client.report(failed(.fqdn("x\(index)"))) }
            try await withServer([unixListener(path)], authority) { _, _ in
                client.heartbeat(["half-open": 3])
                try await expectEventually { authority.seen.counters == ["half-open": 3] }
                let seen = authority.seen.failures
                #expect(seen.count == 64)
                guard seen.count > 2 else { return }
                #expect(seen[0].member == .fqdn("gm1.example") && seen[0].group == .keyID("market-data"))
                #expect(seen[0].remote == remote && seen[0].reason.hasPrefix("éé"))
                #expect(seen[1].member.octets.count == 255 && seen[2].group == nil)
            }
        }
    }
}
