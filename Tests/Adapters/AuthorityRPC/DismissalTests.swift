import IKEVocabulary
import Testing

@testable import AuthorityRPC

/// Members that were taken out, as frontends hear of them.
@Suite struct DismissalTests {
    @Test func dismissalsReachTheFrontendInOrderHoweverMany() async throws {
        let (path, authority) = (freshSocketPath(), FakeAuthority(.leader))
        let members = (0..<2500).map { Identity.fqdn("gm\($0).example") }
        try await withServer([unixListener(path)], authority) { _, _ in
            let (dismissed, states) = (Collected<Identity>(), Collected<LinkState>())
            let client = RegistrationClient(
                link: AuthorityLink(targets: [unixTarget("auth-1", path)], name: "fe-1"),
                onDismissed: { dismissed.add($0) }, onAnswers: { _ in }, onState: { states.add([$0]) })
            let running = Task { await client.run() }
            defer { running.cancel() }
            try await expectEventually { states.all.contains(.connected("auth-1")) }
            authority.dismiss(members)
            try await expectEventually { dismissed.all.count == members.count }
            #expect(dismissed.all == members)
        }
    }
}
