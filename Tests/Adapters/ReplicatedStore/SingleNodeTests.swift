import Foundation
import GroupModel
import IKEVocabulary
import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import ReplicatedStore

/// One store beside one authority: restarts, deaths and things that are not in order.
@Suite struct SingleNodeTests {
    /// Runs `gcks-store` by itself with its input open, and waits for its end.
    private func run(_ arguments: [String]) async throws -> (status: Int32, said: String) {
        let process = Process()
        let said = Pipe()
        let input = Pipe()
        process.executableURL = URL(filePath: BuiltProducts.path("gcks-store"))
        process.arguments = arguments
        process.standardInput = input
        process.standardError = said
        process.standardOutput = said
        try process.run()
        let deadline = Task {
            try await Task.sleep(for: .seconds(10))
            process.terminate()
        }
        let output = try said.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        deadline.cancel()
        try input.fileHandleForWriting.close()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    private func flags(_ harness: StoreHarness, id: Int = 1, name: String = "authority-1", data: String) -> [String] {
        [
            "--name", name, "--id", "\(id)", "--data", data, "--socket", harness.folder.appending(path: "s").path,
            "--latency", "20",
        ]
    }

    @Test func `what was committed is there after a restart`() async throws {
        let harness = try StoreHarness()
        let first = harness.start(harness.settings(1))
        let term = try await first.leading().term
        _ = try await first.store.commit(StoreTransaction(term: term, mutations: Rows.registration(1)))
        await first.stop()
        #expect(!FileManager.default.fileExists(atPath: first.settings.socketPath))
        let second = harness.start(harness.settings(1))
        let state = try await second.leading()
        #expect(state.term > term)
        #expect(state.members == [Rows.member(1)])
        await second.stop()
    }

    @Test func `a killed store comes back with everything that was acknowledged`() async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        var term = try await node.leading().term
        var acknowledged: [Int] = []
        var failures: [StoreFailure] = []
        for number in 0..<120 {
            if number % 40 == 20 { node.killProcess() }
            do {
                let transaction = StoreTransaction(term: term, mutations: Rows.registration(number))
                _ = try await node.store.commit(transaction)
                acknowledged.append(number)
            } catch {
                failures.append(error)
                term = try await node.leading().term
            }
        }
        #expect(failures.count >= 3)
        for failure in failures {
            switch failure {
            case .unavailable, .unknownOutcome, .notLeader: continue
            default: Issue.record("a dead store looked like \(failure)")
            }
        }
        let operations = Set(try await node.leading().operations.map(\.operation))
        for number in acknowledged { #expect(operations.contains(Rows.operationID(number)), "operation \(number)") }
        #expect(harness.events.filter { $0.name == "store-died" }.count == 3)
        await node.stop()
    }

    /// The answer to COMMIT, or COMMIT itself, is lost on its way; afterwards the look-up knows.
    @Test(arguments: CuttingProxy.Cut.allCases) func `an unknown outcome can be asked about`(
        _ cut: CuttingProxy.Cut
    ) async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        let term = try await node.leading().term
        let proxy = try await CuttingProxy.start(
            at: harness.folder.appending(path: "proxy").path, before: node.settings.socketPath, cut: cut)
        let store = EngineStore(socketPath: proxy.path, id: 1)
        let transaction = StoreTransaction(term: term, mutations: Rows.registration(1))
        do throws(StoreFailure) {
            _ = try await store.commit(transaction)
            Issue.record("the answer was cut")
        } catch {
            guard case .unknownOutcome = error else {
                Issue.record("\(error)")
                return await node.stop()
            }
        }
        let wasApplied = cut == .answer
        #expect(try await store.outcome(of: Rows.operationID(1)) == (wasApplied ? Rows.join(1) : nil))
        // Asking again does it once, whatever happened before.
        if wasApplied {
            await #expect(throws: StoreFailure.self) { try await store.commit(transaction) }
        } else {
            _ = try await store.commit(transaction)
        }
        #expect(try await store.lead().members == [Rows.member(1)])
        await store.close()
        try await proxy.stop()
        await node.stop()
    }

    @Test func `closing lets the commit under way end, and nothing after it begin`() async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        let term = try await node.leading().term
        let proxy = try await SlowProxy.start(
            at: harness.folder.appending(path: "proxy").path, before: node.settings.socketPath,
            delay: .milliseconds(100))
        let store = EngineStore(socketPath: proxy.path, id: 1)
        let committing = Task {
            try await store.commit(StoreTransaction(term: term, mutations: Rows.registration(1)))
        }
        let waiting = Task {
            try await Task.sleep(for: .milliseconds(100))
            return try await store.commit(StoreTransaction(term: term, mutations: Rows.registration(2)))
        }
        try await Task.sleep(for: .milliseconds(300))
        await store.close()
        #expect(try await committing.value.term == term)
        await #expect(throws: StoreFailure.self) { try await waiting.value }
        #expect(try await node.store.lead().members == [Rows.member(1)])
        try await proxy.stop()
        await node.stop()
    }

    @Test func `closing does not wait for ever`() async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        let term = try await node.leading().term
        let proxy = try await SlowProxy.start(
            at: harness.folder.appending(path: "proxy").path, before: node.settings.socketPath,
            delay: .milliseconds(900))
        let store = EngineStore(socketPath: proxy.path, id: 1)
        let committing = Task {
            try await store.commit(StoreTransaction(term: term, mutations: Rows.registration(1)))
        }
        try await Task.sleep(for: .milliseconds(100))
        let begin = ContinuousClock.now
        await store.close()
        #expect(begin.duration(to: .now) < StoreLimits.farewell + .seconds(1))
        await #expect(throws: StoreFailure.self) { try await committing.value }
        try await proxy.stop()
        await node.stop()
    }

    /// A frozen authority keeps the write lock for five seconds at most; and a connection that was dropped for its silence is
    /// made again without a word.
    @Test func `a silent transaction is dropped`() async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        let term = try await node.leading().term
        let frozen = try await EngineConnection.open(
            socketPath: node.settings.socketPath, on: MultiThreadedEventLoopGroup.singleton)
        _ = try await frozen.perform(.open(database: DatabaseSession.database), within: .seconds(2))
        _ = try await frozen.perform(.execSQL("BEGIN IMMEDIATE"), within: .seconds(2))
        let started = ContinuousClock.now
        let transaction = StoreTransaction(term: term, mutations: Rows.registration(1))
        await #expect(throws: StoreFailure.unavailable("the write lock is taken")) {
            try await node.store.commit(transaction)
        }
        _ = try await eventually("the lock") { try await node.store.commit(transaction) }
        #expect(started.duration(to: .now) > .seconds(4))
        #expect(started.duration(to: .now) < .seconds(8))
        #expect(!frozen.isActive)
        try await Task.sleep(for: .seconds(6))
        _ = try await node.store.commit(StoreTransaction(term: term, mutations: Rows.registration(2)))
        await node.stop()
    }

    @Test func `the store ends with its authority`() async throws {
        let harness = try StoreHarness()
        let data = harness.folder.appending(path: "data").path
        let process = Process()
        let input = Pipe()
        process.executableURL = URL(filePath: BuiltProducts.path("gcks-store"))
        process.arguments = flags(harness, data: data)
        process.standardInput = input
        process.standardError = FileHandle.nullDevice
        try process.run()
        let store = EngineStore(socketPath: harness.folder.appending(path: "s").path, id: 1)
        _ = try await eventually("a leader") { try await store.leader() }
        try input.fileHandleForWriting.close()
        let deadline = ContinuousClock.now + .seconds(5)
        while process.isRunning, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        #expect(!process.isRunning)
        if process.isRunning { process.terminate() }
        await store.close()
    }

    @Test func `the socket is for this user only`() async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        _ = try await node.leading()
        var status = stat()
        #expect(stat(node.settings.socketPath, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(stat(node.settings.dataDirectory, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
        await node.stop()
    }

    @Test func `a folder that is not a store's is refused in one line`() async throws {
        let harness = try StoreHarness()
        let data = harness.folder.appending(path: "data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        try "something".write(to: data.appending(path: "other"), atomically: true, encoding: .utf8)
        let result = try await run(flags(harness, data: data.path))
        #expect(result.status == 1)
        #expect(result.said.contains("holds other files and is not a store's"))
        #expect(result.said.split(separator: "\n").count == 1, "\(result.said)")
    }

    @Test func `a missing parent folder is refused in one line`() async throws {
        let harness = try StoreHarness()
        let result = try await run(flags(harness, data: harness.folder.appending(path: "no/such").path))
        #expect(result.status == 1)
        #expect(result.said.contains("No such file or directory"))
        #expect(result.said.split(separator: "\n").count == 1, "\(result.said)")
    }

    @Test func `another node's folder, and one in use, are refused`() async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        _ = try await node.leading()
        let inUse = try await run(flags(harness, data: node.settings.dataDirectory))
        #expect(inUse.status == 1)
        #expect(inUse.said.contains("used by another process"))
        await node.stop()
        let other = try await run(flags(harness, id: 2, name: "authority-2", data: node.settings.dataDirectory))
        #expect(other.status == 1)
        #expect(other.said.contains("belongs to another node (id 1, name authority-1)"))
    }

    @Test func `a damaged log is refused and left alone`() async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        let term = try await node.leading().term
        _ = try await node.store.commit(StoreTransaction(term: term, mutations: Rows.registration(1)))
        await node.stop()
        let data = URL(filePath: node.settings.dataDirectory)
        let before = try FileManager.default.contentsOfDirectory(atPath: data.path).sorted()
        let metadata = before.filter { $0.hasPrefix("metadata") }
        try #require(!metadata.isEmpty)
        for name in metadata {
            let file = data.appending(path: name)
            var octets = try Data(contentsOf: file)
            octets[0] ^= 0xff
            try octets.write(to: file)
        }
        let result = try await run(flags(harness, data: data.path))
        #expect(result.status == 1)
        #expect(result.said.contains("store-cannot-run"))
        #expect(result.said.split(separator: "\n").count == 1, "\(result.said)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: data.path).sorted() == before)
    }

    @Test(arguments: [
        (["--id", "0"], "0 is no node id"), (["--latency", "0"], "--latency 0 is out of range"),
        (["--peers", "authority-2"], "cannot be read"), (["--peers", "authority-2=2@127.0.0.1:1"], "needs --listen"),
        (["--listen", "127.0.0.1:1"], "needs --ca, --cert and --key"), (["--listen", "1"], "cannot be read"),
    ])
    func `a wrong flag is refused`(_ flags: [String], _ says: String) async throws {
        let rest = [("--name", "a"), ("--id", "1"), ("--data", "/nowhere/at/all"), ("--socket", "/nowhere/s")]
        let arguments = rest.filter { !flags.contains($0.0) }.flatMap { [$0.0, $0.1] } + flags
        let result = try await run(arguments)
        #expect(result.status != 0)
        #expect(result.said.contains(says), "\(result.said)")
    }

    @Test func `the supervisor gives up nothing but the process when it stops`() async throws {
        let harness = try StoreHarness()
        let supervisor = StoreSupervisor(
            executable: "/nowhere/gcks-store", settings: harness.settings(1), events: { _ in })
        let running = Task { await supervisor.run() }
        try await Task.sleep(for: .milliseconds(50))
        #expect(supervisor.processID == nil)
        supervisor.stop()
        await running.value
    }
}
