import AuthorityRPC
import Foundation
import Glibc
import GroupModel
import IKEVocabulary
import Synchronization
import Testing

/// A path for a Unix socket that no other test uses.
func freshSocketPath() -> String {
    FileManager.default.temporaryDirectory.appending(path: "gcks-\(UUID().uuidString.prefix(8)).sock").path
}

let everyRole: Set<PeerRole> = [.frontend, .broadcaster, .operator]

func unixListener(_ path: String, users: Set<UInt32>? = nil, roles: Set<PeerRole> = everyRole) -> AuthorityListener {
    AuthorityListener(.unix(path: path, users: users ?? [getuid()], roles: roles))
}

func unixTarget(_ name: String, _ path: String) -> AuthorityTarget {
    AuthorityTarget(name: name, address: .unix(path: path))
}

/// Runs a server around a test and shuts it down gracefully.
func withServer<Result: Sendable>(
    _ listeners: [AuthorityListener], _ service: any AuthorityService,
    _ body: @Sendable (AuthorityServer, [Endpoint]) async throws -> Result
) async throws -> Result {
    let server = AuthorityServer(listeners: listeners, service: service)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await server.run() }
        defer { server.beginGracefulShutdown() }
        return try await body(server, try await server.boundEndpoints())
    }
}

/// Collects what callbacks bring.
final class Collected<Item: Sendable>: Sendable {
    private let items = Mutex<[Item]>([])
    var all: [Item] { items.withLock { $0 } }
    func add(_ more: [Item]) { items.withLock { $0 += more } }
}

/// Polls until the condition holds; an expectation fails when the time is up.
func expectEventually(
    within limit: Duration = .seconds(10), _ condition: @Sendable () async throws -> Bool,
    at location: SourceLocation = #_sourceLocation
) async throws {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    let holds = try await condition()
    #expect(holds, sourceLocation: location)
}

/// A registration client with its callbacks collected, running while `body` does.
func withRegistrationClient<Result: Sendable>(
    _ link: AuthorityLink, answerWait: Duration = .seconds(10),
    _ body: @Sendable (RegistrationClient, Collected<RegistrationAnswer>, Collected<LinkState>) async throws -> Result
) async throws -> Result {
    let (answers, states) = (Collected<RegistrationAnswer>(), Collected<LinkState>())
    let client = RegistrationClient(link: link, answerWait: answerWait) {
        answers.add($0)
    } onState: {
        states.add([$0])
    }
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await client.run() }
        defer { group.cancelAll() }
        return try await body(client, answers, states)
    }
}

/// A Unix socket whose connections are taken by the kernel and answered by nobody.
final class DeafSocket: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        }
        try #require(bound == 0 && listen(descriptor, 8) == 0)
    }

    deinit { close(descriptor) }
}
