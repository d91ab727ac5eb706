import AuthorityRPC
import Foundation
import Glibc
import GroupModel
import IKEVocabulary
import Testing

/// What a run of gcksctl left behind.
struct Transcript: Sendable {
    let output: String
    let errors: String
    let code: Int32

    /// The items of `-o json`, with the envelope checked.
    func items(_ kind: String, at location: SourceLocation = #_sourceLocation) throws -> [[String: Any]] {
        let parsed = try JSONSerialization.jsonObject(with: Data(output.utf8))
        let document = try #require(parsed as? [String: Any], sourceLocation: location)
        #expect(document["apiVersion"] as? String == "gcks/v1", sourceLocation: location)
        #expect(document["kind"] as? String == kind, sourceLocation: location)
        return try #require(document["items"] as? [[String: Any]], sourceLocation: location)
    }
}

/// Runs the program that was built beside this test bundle, without blocking a thread of the server under test.
func gcksctl(_ arguments: [String], environment: [String: String] = [:]) async throws -> Transcript {
    let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    let program = tests.deletingLastPathComponent().appending(path: "gcksctl")
    try #require(FileManager.default.isExecutableFile(atPath: program.path), "gcksctl is not built beside the tests")
    let folder = FileManager.default.temporaryDirectory.appending(path: "ctl-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (output, errors) = (folder.appending(path: "out"), folder.appending(path: "err"))
    for file in [output, errors] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    process.standardInput = FileHandle.nullDevice
    let (ended, end) = AsyncStream<Int32>.makeStream()
    process.terminationHandler = { process in
        end.yield(process.terminationStatus)
        end.finish()
    }
    try process.run()
    var code: Int32 = -1
    for await status in ended { code = status }
    return Transcript(
        output: try String(contentsOf: output, encoding: .utf8),
        errors: try String(contentsOf: errors, encoding: .utf8),
        code: code)
}

/// gcksctl against an authority that answers so.
func gcksctl(
    _ arguments: [String],
    answered reply: @escaping @Sendable (OperatorRequest) async -> Result<OperatorReply, OperatorFailure>
) async throws -> Transcript {
    let path = freshSocketPath()
    let authority = FakeAuthority(.leader, reply: reply)
    return try await withServer([unixListener(path)], authority) { _, _ in
        try await gcksctl(arguments + ["--authority", "auth-1=\(path)"])
    }
}

/// The wall clock, moved.
func wallTime(movedBy seconds: Int64) -> WallTime {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return WallTime(milliseconds: (Int64(now.tv_sec) + seconds) * 1000)
}
