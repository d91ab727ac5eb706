import AuthorityRPC
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Glibc
import GroupModel
import IKEVocabulary
import ProgramKit
import Settings
import Testing

/// Who gets in, and who does not: sockets, certificates, roles.
@Suite(.timeLimit(.minutes(2))) struct AdmissionTests {
    private func link(
        _ endpoint: IKEVocabulary.Endpoint, _ credentials: TLSCredentials?, name: String, authority: String = "auth-1"
    ) -> AuthorityLink {
        let address = AuthorityTarget.Address.tcp(host: "127.0.0.1", port: endpoint.port)
        return AuthorityLink(
            targets: [AuthorityTarget(name: authority, address: address)], name: name, credentials: credentials)
    }

    private func withTLSServer(
        _ authority: FakeAuthority, _ pki: TestCertificates,
        _ body: @Sendable (IKEVocabulary.Endpoint) async throws -> Void
    ) async throws {
        let local = IKEVocabulary.Endpoint(try Samples.address("127.0.0.1"), port: 0)
        let listener = AuthorityListener(.tls(local, try pki.credentials(.authority, "auth-1")))
        try await withServer([listener], authority) { _, endpoints in
            try await body(try #require(endpoints.first))
        }
    }

    private func refusal(_ link: AuthorityLink) async -> OperatorFailure? {
        await #expect(throws: OperatorFailure.self) {
            try await OperatorClient(link: link, timeout: .seconds(2)).perform(.groupList)
        }
    }

    @Test func allRolesWorkOverMutualTLS() async throws {
        let pki = try TestCertificates()
        let authority = FakeAuthority(.leader, orders: [try Samples.order(1)]) { _ in .success(.groups([])) }
        try await withTLSServer(authority, pki) { endpoint in
            let frontend = link(endpoint, try pki.credentials(.frontend, "fe-1"), name: "fe-1")
            try await withRegistrationClient(frontend) { client, answers, states in
                client.submit(try (0..<2000).map { try Samples.join($0) })
                try await expectEventually { answers.all.count == 2000 }
                #expect(states.all == [.connected("auth-1")])
            }
            let broadcaster = BroadcastClient(
                link: link(endpoint, try pki.credentials(.broadcaster, "bc-1"), name: "bc-1")
            ) { _ in }
            let running = Task { await broadcaster.run() }
            for await case .orders(let orders) in broadcaster.orders {
                #expect(orders.map(\.number) == [1])
                break
            }
            running.cancel()
            let operating = link(endpoint, try pki.credentials(.operator, "alice"), name: "alice")
            _ = try await OperatorClient(link: operating).perform(.groupList)
            let names = authority.seen.peers.map(\.description)
            #expect(Set(names) == ["frontend/fe-1", "broadcaster/bc-1", "operator/alice"])
            #expect(authority.seen.frontends == ["fe-1"])
            // A certificate proves the name: nothing beside it is needed.
            #expect(authority.seen.peers.allSatisfy { $0.proof == nil })
        }
    }

    @Test func aFrontendsCertificateCannotCallOperatorMethods() async throws {
        let (pki, authority) = (try TestCertificates(), FakeAuthority(.leader))
        try await withTLSServer(authority, pki) { endpoint in
            let credentials = try pki.credentials(.frontend, "fe-1")
            guard case .notAuthorised? = await refusal(link(endpoint, credentials, name: "fe-1")) else {
                Issue.record("not refused")
                return
            }
            #expect(authority.seen.asked.isEmpty && authority.seen.peers.isEmpty)
        }
    }

    @Test func anOperatorsCertificateCannotRegister() async throws {
        let (pki, authority) = (try TestCertificates(), FakeAuthority(.leader))
        try await withTLSServer(authority, pki) { endpoint in
            let credentials = try pki.credentials(.operator, "alice")
            try await withRegistrationClient(
                link(endpoint, credentials, name: "alice"), answerWait: .milliseconds(400)
            ) { client, answers, states in
                client.submit([try Samples.join(1)])
                try await expectEventually { answers.all.count == 1 }
                try await expectEventually {
                    states.all.contains(.lost("auth-1: operator/alice may not act as frontend"))
                }
            }
            #expect(authority.seen.operations.isEmpty)
        }
    }

    @Test func aPeerCannotTakeAnotherName() async throws {
        let (pki, authority) = (try TestCertificates(), FakeAuthority(.leader))
        try await withTLSServer(authority, pki) { endpoint in
            let credentials = try pki.credentials(.operator, "alice")
            guard case .notAuthorised? = await refusal(link(endpoint, credentials, name: "bob")) else {
                Issue.record("not refused")
                return
            }
        }
    }

    @Test func certificatesThatProveNothingAreRefused() async throws {
        let (pki, stranger) = (try TestCertificates(), try TestCertificates())
        let authority = FakeAuthority(.leader) { _ in .success(.groups([])) }
        let uri = TestCertificates.uri
        let bad: [TLSCredentials] = [
            try pki.credentials("two-uris", sans: [uri(.operator, "alice"), uri(.operator, "bob")]),
            try pki.credentials("no-san", sans: []),
            try pki.credentials("dns-only", sans: ["DNS:alice.example"]),
            try pki.credentials("other-domain", sans: ["URI:spiffe://other.example/gcks/operator/alice"]),
            try pki.credentials("unknown-role", sans: ["URI:spiffe://lab.example/gcks/root/alice"]),
            // A certificate of another CA, whose holder trusts ours.
            try stranger.credentials("foreign", sans: [uri(.operator, "alice")], trusting: pki),
        ]
        try await withTLSServer(authority, pki) { endpoint in
            for credentials in bad {
                let failure = await refusal(link(endpoint, credentials, name: "alice"))
                #expect(failure != nil, "\(credentials.certificateChainFile)")
            }
            #expect(authority.seen.peers.isEmpty)
            let good = link(endpoint, try pki.credentials(.operator, "alice"), name: "alice")
            _ = try await OperatorClient(link: good).perform(.groupList)
            #expect(authority.seen.peers.count == 1, "the same call with a good certificate arrives")
        }
    }

    @Test func withoutAClientCertificateNothingArrives() async throws {
        let (pki, authority) = (try TestCertificates(), FakeAuthority(.leader))
        try await withTLSServer(authority, pki) { endpoint in
            let transport = try HTTP2ClientTransport.Posix(
                target: .ipv4(address: "127.0.0.1", port: Int(endpoint.port)),
                transportSecurity: .tls { tls in
                    tls.trustRoots = .certificates([.file(path: pki.path("ca.pem"), format: .pem)])
                    tls.serverCertificateVerification = .noHostnameVerification
                })
            var options = CallOptions.defaults
            options.waitForReady = false
            options.timeout = .seconds(2)
            let limits = options
            await #expect(throws: (any Error).self) {
                try await withGRPCClient(transport: transport) { client in
                    let stub = Gcks_V1_Operator.Client(wrapping: client)
                    _ = try await stub.groupList(Gcks_V1_GroupListRequest(), options: limits)
                }
            }
            #expect(authority.seen.peers.isEmpty)
            guard case .unavailable? = await refusal(link(endpoint, nil, name: "alice")) else {
                Issue.record("a TCP target without credentials is told as such")
                return
            }
        }
    }

    @Test func aClientRefusesAnAuthorityThatIsNotTheOneItNamed() async throws {
        let (pki, stranger) = (try TestCertificates(), try TestCertificates())
        let authority = FakeAuthority(.leader)
        try await withTLSServer(authority, pki) { endpoint in
            let credentials = try pki.credentials(.operator, "alice")
            // Another name, another CA.
            let wrong = [
                link(endpoint, credentials, name: "alice", authority: "auth-2"),
                link(
                    endpoint,
                    try pki.credentials(
                        "distrusting", sans: [TestCertificates.uri(.operator, "alice")], trusting: stranger),
                    name: "alice"),
            ]
            for link in wrong {
                guard case .unavailable? = await refusal(link) else {
                    Issue.record("not refused")
                    continue
                }
            }
            #expect(authority.seen.peers.isEmpty)
        }
    }

    @Test func aUnixSocketServesItsRolesToItsUsersOnly() async throws {
        let paths = [freshSocketPath(), freshSocketPath()]
        let authority = FakeAuthority(.leader)
        let listeners = [
            unixListener(paths[0], roles: [.frontend]), unixListener(paths[1], users: [getuid() &+ 1]),
        ]
        try await withServer(listeners, authority) { _, _ in
            let wrongRole = AuthorityLink(targets: [unixTarget("auth-1", paths[0])], name: "alice")
            guard case .notAuthorised? = await refusal(wrongRole) else {
                Issue.record("the role was admitted")
                return
            }
            let wrongUser = AuthorityLink(targets: [unixTarget("auth-1", paths[1])], name: "alice")
            guard case .unavailable? = await refusal(wrongUser) else {
                Issue.record("the user was admitted")
                return
            }
            #expect(authority.seen.peers.isEmpty)
            var information = stat()
            let found = stat(paths[0], &information)
            #expect(found == 0 && information.st_mode & 0o777 == 0o660)
        }
    }

    /// As the programs make them from settings: one socket for each role, and no other role behind it.
    @Test func eachUnixSocketIsOfItsRoleOnly() async throws {
        let paths = Dictionary(uniqueKeysWithValues: everyRole.map { ($0, freshSocketPath()) })
        @Sendable func path(_ role: PeerRole) throws -> String { try #require(paths[role]) }
        let folder = FileManager.default.temporaryDirectory.appending(path: "rpc-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = """
            name: auth-1
            data: /tmp/x
            root_key: { file: r }
            rpc:
              unix: \(try path(.operator))
              unix_frontend: \(try path(.frontend))
              unix_frontend_uids: [\(getuid())]
              unix_broadcaster: \(try path(.broadcaster))
              unix_broadcaster_uids: [\(getuid() &+ 1)]
            """
        let file = folder.appending(path: "authority.yaml").path
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let listeners = AuthorityListener.make(try AuthoritySettings.load(file: file).rpcUnix)
        let authority = FakeAuthority(.leader) { _ in .success(.groups([])) }
        try await withServer(listeners, authority) { _, _ in
            @Sendable func link(_ role: PeerRole) throws -> AuthorityLink {
                AuthorityLink(targets: [unixTarget("auth-1", try path(role))], name: "p-1")
            }
            _ = try await OperatorClient(link: try link(.operator)).perform(.groupList)
            guard case .notAuthorised? = await refusal(try link(.frontend)) else {
                Issue.record("a frontend is an operator")
                return
            }
            // The broadcasters' user is another one: the door stays shut for us.
            guard case .unavailable? = await refusal(try link(.broadcaster)) else {
                Issue.record("the user was admitted")
                return
            }
            try await withRegistrationClient(try link(.frontend)) { client, answers, _ in
                client.submit([try Samples.join(1)])
                try await expectEventually { answers.all.count == 1 }
            }
            try await withRegistrationClient(try link(.operator), answerWait: .milliseconds(400)) { _, _, states in
                try await expectEventually {
                    states.all.contains(.lost("auth-1: this socket does not serve the role frontend"))
                }
            }
            #expect(Set(authority.seen.peers.map(\.description)) == ["operator/p-1", "frontend/p-1"])
        }
    }

    /// Whoever may connect can say any name; whose process it is comes from the kernel, whatever the call says.
    @Test func overAUnixSocketTheUserIsTheKernels() async throws {
        let (path, authority) = (freshSocketPath(), FakeAuthority(.leader) { _ in .success(.groups([])) })
        let user = try #require(getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) })
        try await withServer([unixListener(path)], authority) { _, _ in
            let transport = try HTTP2ClientTransport.Posix(
                target: .unixDomainSocket(path: path, authority: "localhost"), transportSecurity: .plaintext)
            try await withGRPCClient(transport: transport) { client in
                let stub = Gcks_V1_Operator.Client(wrapping: client)
                for claimed in [[:], ["gcks-unix-user": "4242", "gcks-operator": "root"]] as [Metadata] {
                    _ = try await stub.groupList(Gcks_V1_GroupListRequest(), metadata: claimed)
                }
            }
            #expect(authority.seen.peers.map(\.name) == ["local", "root"])
            #expect(authority.seen.peers.allSatisfy { $0.proof == "unix uid=\(getuid()) (\(user))" })
        }
    }

    @Test func namesOnUnixSocketsArePlain() async throws {
        let (path, authority) = (freshSocketPath(), FakeAuthority(.leader))
        try await withServer([unixListener(path)], authority) { _, _ in
            let link = AuthorityLink(targets: [unixTarget("auth-1", path)], name: "not a name")
            #expect(await refusal(link) != nil)
            #expect(authority.seen.peers.isEmpty)
        }
    }

    @Test func theHealthServiceAnswers() async throws {
        let path = freshSocketPath()
        try await withServer([unixListener(path)], FakeAuthority(.leader)) { _, _ in
            let transport = try HTTP2ClientTransport.Posix(
                target: .unixDomainSocket(path: path, authority: "localhost"), transportSecurity: .plaintext)
            try await withGRPCClient(transport: transport) { client in
                let stub = Grpc_Health_V1_Health.Client(wrapping: client)
                for name in ["", "gcks.v1.Registration"] {
                    var request = Grpc_Health_V1_HealthCheckRequest()
                    request.service = name
                    let reply = try await stub.check(request)
                    #expect(reply.status == .serving)
                }
                var unknown = Grpc_Health_V1_HealthCheckRequest()
                unknown.service = "gcks.v1.Other"
                let asked = unknown
                let error = await #expect(throws: RPCError.self) { try await stub.check(asked) }
                #expect(error?.code == .notFound)
            }
        }
    }
}
