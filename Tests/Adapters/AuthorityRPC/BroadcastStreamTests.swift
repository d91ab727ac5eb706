import AuthorityRPC
import GroupModel
import Testing

@Suite(.timeLimit(.minutes(2))) struct BroadcastStreamTests {
    @Test func ordersComeAndAcknowledgementsAndCountersGo() async throws {
        let orders = try (1...2500).map { try Samples.order(Int64($0)) }
        let (path, authority) = (freshSocketPath(), FakeAuthority(.leader, orders: orders))
        let link = AuthorityLink(targets: [unixTarget("auth-1", path)], name: "broadcaster-1")
        try await withServer([unixListener(path)], authority) { _, _ in
            try await withBroadcastClient(link) { client, received, states, _ in
                try await expectEventually { received.all.count == 2500 }
                #expect(received.all == orders)
                client.acknowledge((1...2500).map { Int64($0) })
                client.heartbeat(["datagrams": 5])
                try await expectEventually { authority.seen.acknowledged.count == 2500 }
                #expect(authority.seen.acknowledged == (1...2500).map { Int64($0) })
                try await expectEventually { authority.seen.counters == ["datagrams": 5] }
                #expect(authority.seen.peers == [PeerIdentity(role: .broadcaster, name: "broadcaster-1")])
                #expect(states.all == [.connected("auth-1")])
            }
        }
    }

    @Test func afterALeaderChangeOrdersComeFromTheNewLeader() async throws {
        let paths = [freshSocketPath(), freshSocketPath()]
        let first = FakeAuthority(.leader, orders: [try Samples.order(1)])
        let second = FakeAuthority(.leader, orders: [try Samples.order(1), try Samples.order(2)])
        let link = AuthorityLink(
            targets: [unixTarget("auth-1", paths[0]), unixTarget("auth-2", paths[1])], name: "broadcaster-1")
        try await withServer([unixListener(paths[0])], first) { _, _ in
            try await withServer([unixListener(paths[1])], second) { _, _ in
                try await withBroadcastClient(link) { client, received, _, _ in
                    try await expectEventually { received.all.map(\.number) == [1] }
                    first.become(.follower("auth-2"), hint: "auth-2")
                    try await expectEventually { received.all.map(\.number) == [1, 1, 2] }
                    client.acknowledge([1, 2])
                    try await expectEventually { second.seen.acknowledged == [1, 2] }
                    #expect(first.seen.acknowledged.isEmpty)
                }
            }
        }
    }

    /// A broadcaster says what it cannot send, and hears what it need not send any more; an order may come back to it.
    @Test func ordersAreHandedBackWithdrawnAndGivenAgain() async throws {
        let (path, authority) = (freshSocketPath(), FakeAuthority(.leader, orders: [try Samples.order(1)]))
        let link = AuthorityLink(targets: [unixTarget("auth-1", path)], name: "broadcaster-1")
        try await withServer([unixListener(path)], authority) { _, _ in
            try await withBroadcastClient(link) { client, received, _, withdrawn in
                try await expectEventually { received.all.map(\.number) == [1] }
                client.cannotSend([1])
                try await expectEventually { authority.seen.unsendable == [1] }
                authority.hand([
                    .withdrawn(1), .order(try Samples.order(2)), .withdrawn(2), .order(try Samples.order(1)),
                ])
                try await expectEventually { received.all.map(\.number) == [1, 2, 1] }
                #expect(withdrawn.all == [1, 2])
                #expect(authority.seen.acknowledged.isEmpty)
            }
        }
    }

    /// Other authorities after a reload: the stream moves, and an acknowledgement that was not told is told there.
    @Test func aFollowedLinkIsConnectedAnew() async throws {
        let paths = [freshSocketPath(), freshSocketPath()]
        let first = FakeAuthority(.leader, orders: [try Samples.order(1)])
        let second = FakeAuthority(.leader, orders: [try Samples.order(2)])
        let link = AuthorityLink(targets: [unixTarget("auth-1", paths[0])], name: "broadcaster-1")
        try await withServer([unixListener(paths[0])], first) { _, _ in
            try await withServer([unixListener(paths[1])], second) { _, _ in
                try await withBroadcastClient(link) { client, received, states, _ in
                    try await expectEventually { received.all.map(\.number) == [1] }
                    client.follow(AuthorityLink(targets: [unixTarget("auth-2", paths[1])], name: "broadcaster-1"))
                    try await expectEventually { received.all.map(\.number) == [1, 2] }
                    #expect(states.all.last == .connected("auth-2"))
                    client.acknowledge([1])
                    try await expectEventually { second.seen.acknowledged == [1] }
                }
            }
        }
    }

    private func withBroadcastClient(
        _ link: AuthorityLink,
        _ body:
            @Sendable (
                BroadcastClient, Collected<RekeyOrder>, Collected<LinkState>, Collected<Int64>
            ) async throws -> Void
    ) async throws {
        let (received, states) = (Collected<RekeyOrder>(), Collected<LinkState>())
        let withdrawn = Collected<Int64>()
        let client = BroadcastClient(link: link) { states.add([$0]) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await client.run() }
            group.addTask {
                for await handed in client.orders {
                    switch handed {
                    case .orders(let orders): received.add(orders)
                    case .withdrawn(let numbers): withdrawn.add(numbers)
                    }
                }
            }
            defer { group.cancelAll() }
            try await body(client, received, states, withdrawn)
        }
    }
}
