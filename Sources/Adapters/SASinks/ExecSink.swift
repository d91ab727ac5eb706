import Foundation
package import GroupModel
import KeyMaterial
import Octets

/// Runs a program for every change, one after the other. The change comes as one JSON object on standard input, with the key
/// in hex as `key` on install: never in arguments or environment, where others could see it.
package actor ExecSink: SASink {
    /// A run that takes longer is ended.
    static let runTime: TimeInterval = 5

    private let command: String
    private let arguments: [String]
    private let now: @Sendable () -> String

    package init(command: String, arguments: [String], now: @escaping @Sendable () -> String) throws {
        guard FileManager.default.isExecutableFile(atPath: command) else {
            throw SinkFailure("\(command) is not a program that can be run")
        }
        self.command = command
        self.arguments = arguments
        self.now = now
    }

    package func install(_ sa: InstalledGroupSA) throws {
        var record = SinkRecord("install", sa.reference, time: now())
        record.describe(sa)
        record.add("key", Hex.encode(sa.keyOctets))
        try run(record.line)
    }

    package func activate(_ sa: GroupSAReference, replacing old: [GroupSAReference]) throws {
        try run(SinkRecord("activate", sa, time: now()).line)
    }

    package func remove(_ sa: GroupSAReference) throws { try run(SinkRecord("remove", sa, time: now()).line) }

    private func run(_ line: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        let input = Pipe()
        process.standardInput = input
        let finished = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in finished.signal() }
        do {
            try process.run()
        } catch {
            throw SinkFailure("\(command): \(error.localizedDescription)")
        }
        try? input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
        try? input.fileHandleForWriting.close()
        guard finished.wait(timeout: .now() + Self.runTime) == .success else {
            kill(process.processIdentifier, SIGKILL)
            throw SinkFailure("\(command) took longer than \(Int(Self.runTime)) s and was ended")
        }
        guard process.terminationStatus == 0 else {
            throw SinkFailure("\(command) ended with \(process.terminationStatus)")
        }
    }
}
