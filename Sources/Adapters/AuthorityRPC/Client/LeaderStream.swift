import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import GroupModel
import SwiftProtobuf
import Synchronization

/// Whether a client's stream to the leader stands.
package enum LinkState: Hashable, Sendable {
    /// The leader's name.
    case connected(String)
    /// Why it is gone, or why the last attempt failed.
    case lost(String)
}

/// What one kind of stream does; `LeaderStream` keeps it connected.
protocol LeaderStreamUser: AnyObject, Sendable {
    associatedtype Outbound: Message
    associatedtype Inbound: Message
    var method: MethodDescriptor { get }
    func hello() -> Outbound
    /// The authority welcomed this stream: what was outstanding must be sent again.
    func streamOpened(_ authority: String)
    func streamLost(_ reason: String)
    /// The next message to send; nil when there is none now.
    func nextMessage() -> Outbound?
    /// Its octets are written, or could not be.
    func written(_ message: Outbound)
    func received(_ message: Inbound) throws(ContractError)
}

extension LeaderStreamUser {
    func written(_ message: Outbound) {}
}

/// Keeps one stream to the leading authority: follows hints, rotates through the targets, backs off.
final class LeaderStream: Sendable {
    private let place: Mutex<Place>
    private let waker = Mutex<AsyncStream<Void>.Continuation?>(nil)

    /// From the start of an attempt to the welcome.
    static let welcomeWait = Duration.seconds(3)

    /// Where the authorities are now. Each change ends the attempt or stream that stands, and the search begins anew.
    private struct Place {
        var link: AuthorityLink
        var changes = 0
        var interrupt: AsyncStream<Void>.Continuation?
    }

    init(link: AuthorityLink) { place = Mutex(Place(link: link)) }

    /// Other authorities, or other certificates to show them: the stream is made anew.
    func follow(_ link: AuthorityLink) {
        place.withLock { place in
            place.link = link
            place.changes += 1
            place.interrupt?.yield()
        }
    }

    /// There may be something to send. Cheap, from any thread; many calls become one message.
    func wake() { _ = waker.withLock { $0?.yield() } }

    /// Runs until the task is cancelled.
    func run(_ user: some LeaderStreamUser) async {
        while !Task.isCancelled {
            let (link, changes) = place.withLock { ($0.link, $0.changes) }
            guard !link.targets.isEmpty else { return user.streamLost("no authority is configured") }
            await search(link, changes, user)
        }
    }

    /// Until the link changes.
    private func search(_ link: AuthorityLink, _ changes: Int, _ user: some LeaderStreamUser) async {
        var search = LeaderSearch(names: link.targets.map(\.name))
        while !Task.isCancelled, place.withLock({ $0.changes }) == changes {
            let target = link.targets[search.current]
            let outcome = await attempt(link, target, changes, user)
            guard place.withLock({ $0.changes }) == changes else { return }
            let delay = search.advance(after: outcome, jitter: Double.random(in: 0...1))
            if delay > .zero { try? await Task.sleep(for: delay) }
        }
    }

    private func attempt<User: LeaderStreamUser>(
        _ link: AuthorityLink, _ target: AuthorityTarget, _ changes: Int, _ user: User
    ) async -> LeaderSearch.Outcome {
        let (wakes, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        waker.withLock { $0 = continuation }
        let interrupted = interruption(of: changes)
        let isWelcomed = Flag()
        do {
            let client = GRPCClient(transport: try link.makeTransport(to: target) {})
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.runConnections() }
                group.addTask {
                    try await Task.sleep(for: Self.welcomeWait)
                    if !isWelcomed.isSet { throw RPCError(code: .deadlineExceeded, message: "no welcome in time") }
                    // Cancelled when the stream ends.
                    try await Task.sleep(for: .seconds(1 << 32))
                }
                group.addTask {
                    for await _ in interrupted { throw RPCError(code: .cancelled, message: "the settings changed") }
                }
                group.addTask { try await Self.stream(client, target, user, wakes, isWelcomed) }
                defer {
                    client.beginGracefulShutdown()
                    group.cancelAll()
                }
                try await group.next()
            }
            throw RPCError(code: .unavailable, message: "the stream ended")
        } catch {
            waker.withLock { $0 = nil }
            let hint = Self.hint(error)
            user.streamLost("\(target.name): \(Self.reason(error))")
            if isWelcomed.isSet { return .lost(hint: hint) }
            if case .notLeader? = (error as? RPCError).flatMap(OperatorFailure.init(attachedTo:)) {
                return .notLeader(hint)
            }
            return .failed
        }
    }

    private static func stream<User: LeaderStreamUser>(
        _ client: GRPCClient<HTTP2ClientTransport.Posix>, _ target: AuthorityTarget, _ user: User,
        _ wakes: AsyncStream<Void>, _ isWelcomed: Flag
    ) async throws {
        var options = CallOptions.defaults
        options.waitForReady = false
        options.maxResponseMessageBytes = Limits.messageOctets
        let request = StreamingClientRequest<User.Outbound> { writer in
            try await writer.write(user.hello())
            for await _ in wakes {
                guard isWelcomed.isSet else { continue }
                while let message = user.nextMessage() {
                    defer { user.written(message) }
                    try await writer.write(message)
                }
            }
        }
        try await client.bidirectionalStreaming(
            request: request, descriptor: user.method, serializer: ProtobufSerializer<User.Outbound>(),
            deserializer: ProtobufDeserializer<User.Inbound>(), options: options
        ) { response in
            for try await message in response.messages {
                if !isWelcomed.isSet {
                    isWelcomed.set()
                    user.streamOpened(target.name)
                }
                try user.received(message)
            }
        }
    }

    /// Yields when the link is no longer the one of that change.
    private func interruption(of changes: Int) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        place.withLock { place in
            place.interrupt = continuation
            if place.changes != changes { continuation.yield() }
        }
        return stream
    }

    private static func hint(_ error: any Error) -> String? {
        guard case .notLeader(let hint)? = (error as? RPCError).flatMap(OperatorFailure.init(attachedTo:)) else {
            return nil
        }
        return hint
    }

    /// One line for logs.
    static func reason(_ error: any Error) -> String {
        guard let error = error as? RPCError else { return "\(error)" }
        return error.message.isEmpty ? "\(error.code)" : error.message
    }
}

/// Set once, read from any thread.
final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
