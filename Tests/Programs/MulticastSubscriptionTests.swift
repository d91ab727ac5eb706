import GroupModel
import IKEVocabulary
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import gcks_member

private final class FakeGroup: JoinedGroup {
    private let state = Mutex(false)
    var wasLeft: Bool { state.withLock { $0 } }
    func leave() async { state.withLock { $0 = true } }
}

private struct NoDevice: Error {}

/// Joins as it is told: each attempt waits for its answer.
private final class FakeNetwork: Sendable {
    typealias Answer = Result<FakeGroup, NoDevice>
    private let waiting = Mutex<[CheckedContinuation<Answer, Never>]>([])
    private let total = Mutex(0)
    let events = Mutex<[String]>([])

    var attempts: Int { total.withLock { $0 } }
    var open: Int { waiting.withLock { $0.count } }

    func join() async throws -> any JoinedGroup {
        total.withLock { $0 += 1 }
        return try await withCheckedContinuation { continuation in waiting.withLock { $0.append(continuation) } }.get()
    }

    /// Answers the oldest attempt that waits.
    func answer(_ answer: Answer) async throws {
        try await until { self.open > 0 }
        waiting.withLock { $0.removeFirst() }.resume(returning: answer)
    }
}

private func until(_ condition: @escaping @Sendable () -> Bool) async throws {
    for _ in 0..<2000 where !condition() { try await Task.sleep(for: .milliseconds(5)) }
    try #require(condition())
}

@Suite struct MulticastSubscriptionTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let network = FakeNetwork()

    private func subscriptions() -> MulticastSubscriptions {
        let network = network
        return MulticastSubscriptions(
            on: loop, pauseLeast: .milliseconds(1), pauseMost: .milliseconds(4),
            record: { event in network.events.withLock { $0.append(event.name) } },
            join: { _ in try await network.join() })
    }

    private func endpoint() throws -> Endpoint { try #require(Endpoint("239.1.1.1:848")) }

    private func onLoop(_ work: @escaping @Sendable () -> Void) async throws { try await loop.submit(work).get() }

    @Test func aJoinThatFailsIsTriedAgain() async throws {
        let (subscriptions, endpoint, group) = (subscriptions(), try endpoint(), FakeGroup())
        try await onLoop { subscriptions.want(endpoint) }
        for _ in 0..<3 { try await network.answer(.failure(NoDevice())) }
        try await network.answer(.success(group))
        let network = network
        try await until { network.events.withLock { $0.last } == "multicast-joined" }
        #expect(network.events.withLock { $0 } == Array(repeating: "multicast-failed", count: 3) + ["multicast-joined"])
        try await onLoop { subscriptions.drop(endpoint) }
        try await until { group.wasLeft }
        #expect(network.attempts == 4)
    }

    @Test func nobodyJoinsWhatIsNotWantedAnyMore() async throws {
        let (subscriptions, endpoint) = (subscriptions(), try endpoint())
        try await onLoop { subscriptions.want(endpoint) }
        let network = network
        try await until { network.open == 1 }
        try await onLoop { subscriptions.drop(endpoint) }
        try await network.answer(.failure(NoDevice()))
        try await Task.sleep(for: .milliseconds(50))
        #expect(network.attempts == 1)
    }

    @Test func aJoinThatComesTooLateIsUndone() async throws {
        let (subscriptions, endpoint) = (subscriptions(), try endpoint())
        let (late, fresh) = (FakeGroup(), FakeGroup())
        try await onLoop { subscriptions.want(endpoint) }
        let network = network
        try await until { network.open == 1 }
        try await onLoop { subscriptions.drop(endpoint) }
        try await onLoop { subscriptions.want(endpoint) }
        try await until { network.open == 2 }
        try await network.answer(.success(late))
        try await until { late.wasLeft }
        try await network.answer(.success(fresh))
        try await Task.sleep(for: .milliseconds(50))
        #expect(!fresh.wasLeft)
        let open = try await loop.submit { subscriptions.dropAll() }.get()
        #expect(open.count == 1)
        for group in open { await group.leave() }
        #expect(fresh.wasLeft)
    }

    @Test func afterTheEndALateJoinIsUndone() async throws {
        let (subscriptions, endpoint, late) = (subscriptions(), try endpoint(), FakeGroup())
        try await onLoop { subscriptions.want(endpoint) }
        let network = network
        try await until { network.open == 1 }
        #expect(try await loop.submit { subscriptions.dropAll().count }.get() == 0)
        try await network.answer(.success(late))
        try await until { late.wasLeft }
    }
}
