import DatagramIO
import GroupModel
import IKEVocabulary
import NIOCore

/// A multicast group that was joined.
protocol JoinedGroup: Sendable {
    func leave() async
}

extension MulticastReceiver: JoinedGroup {}

/// The multicast groups a member wants to hear. A join that fails is tried again while it is wanted; one that comes through
/// after nobody wants it any more is undone. Everything here runs on one event loop.
final class MulticastSubscriptions: @unchecked Sendable {
    typealias Join = @Sendable (Endpoint) async throws -> any JoinedGroup

    private let eventLoop: any EventLoop
    private let pauseLeast: TimeAmount
    private let pauseMost: TimeAmount
    private let join: Join
    private let record: @Sendable (Event) -> Void
    /// A wish by its number, so that an old attempt is not taken for the answer to a newer wish.
    private var wanted: [Endpoint: Int] = [:]
    private var joined: [Endpoint: any JoinedGroup] = [:]
    private var wishes = 0

    init(
        on eventLoop: any EventLoop, pauseLeast: TimeAmount = .milliseconds(500), pauseMost: TimeAmount = .seconds(30),
        record: @escaping @Sendable (Event) -> Void, join: @escaping Join
    ) {
        self.eventLoop = eventLoop
        self.pauseLeast = pauseLeast
        self.pauseMost = pauseMost
        self.record = record
        self.join = join
    }

    func want(_ endpoint: Endpoint) {
        guard wanted[endpoint] == nil else { return }
        wishes += 1
        wanted[endpoint] = wishes
        attempt(endpoint, wish: wishes, failures: 0)
    }

    func drop(_ endpoint: Endpoint) {
        wanted[endpoint] = nil
        if let group = joined.removeValue(forKey: endpoint) { Task { await group.leave() } }
    }

    /// Wants nothing any more; the caller leaves what is returned.
    func dropAll() -> [any JoinedGroup] {
        defer { (wanted, joined) = ([:], [:]) }
        return Array(joined.values)
    }

    private func attempt(_ endpoint: Endpoint, wish: Int, failures: Int) {
        let (eventLoop, join) = (eventLoop, join)
        Task { [self] in
            let result: Result<any JoinedGroup, any Error>
            do { result = .success(try await join(endpoint)) } catch { result = .failure(error) }
            eventLoop.execute { [self] in
                switch result {
                case .success(let group): arrived(group, at: endpoint, wish, failures)
                case .failure(let error): failed(error, endpoint, wish, failures)
                }
            }
        }
    }

    private func arrived(_ group: any JoinedGroup, at endpoint: Endpoint, _ wish: Int, _ failures: Int) {
        guard wanted[endpoint] == wish else {
            Task { await group.leave() }
            return
        }
        joined[endpoint] = group
        if failures > 0 { record(Event("multicast-joined", .notice, [("group", endpoint.description)])) }
    }

    private func failed(_ error: any Error, _ endpoint: Endpoint, _ wish: Int, _ failures: Int) {
        guard wanted[endpoint] == wish else { return }
        record(
            Event(
                "multicast-failed", .error, limitedBy: endpoint.description,
                [("group", endpoint.description), ("why", "\(error)")]))
        let pause = min(pauseLeast * (1 << min(failures, 16)), pauseMost)
        eventLoop.scheduleTask(in: pause) { [self] in
            guard wanted[endpoint] == wish else { return }
            attempt(endpoint, wish: wish, failures: failures + 1)
        }
    }
}
