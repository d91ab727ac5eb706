import Foundation
package import GroupModel
package import IKEVocabulary
import KeyMaterial

/// Runs a program for every change, one after the other. The change comes as one JSON object on standard input, with the key
/// in hex as `key` on install: never in arguments or environment, where others could see it.
package actor ExecSink: SASink {
    private let command: String
    private let arguments: [String]
    private let runTime: Duration
    private let now: @Sendable () -> String
    /// Waits for children; tasks are suspended meanwhile.
    private let waiting = DispatchQueue(label: "gcks.exec-sink")

    /// - Parameter runTime: a run that takes longer is ended, with all the program started.
    package init(
        command: String, arguments: [String], runTime: Duration = .seconds(5), now: @escaping @Sendable () -> String
    ) throws {
        guard FileManager.default.isExecutableFile(atPath: command) else {
            throw SinkFailure("\(command) is not a program that can be run")
        }
        self.command = command
        self.arguments = arguments
        self.runTime = runTime
        self.now = now
    }

    package func install(_ sa: InstalledGroupSA) async throws {
        var record = SinkRecord("install", sa.reference, time: now())
        record.describe(sa)
        try await run(record.text(key: sa.key))
    }

    package func activate(_ sa: GroupSAReference, replacing old: [GroupSAReference]) async throws {
        try await run(SinkRecord.activate(sa, replacing: old, time: now()).text())
    }

    package func sendAs(_ senderIDs: [SenderID], _ sa: GroupSAReference) async throws {
        try await run(SinkRecord.sendAs(senderIDs, sa, time: now()).text())
    }

    package func stop(_ sa: GroupSAReference) async throws {
        try await run(SinkRecord("stop", sa, time: now()).text())
    }

    package func remove(_ sa: GroupSAReference) async throws {
        try await run(SinkRecord("remove", sa, time: now()).text())
    }

    private func run(_ text: SecretText) async throws {
        let (command, arguments, runTime) = (command, arguments, runTime)
        let outcome = await withCheckedContinuation { continuation in
            waiting.async {
                continuation.resume(
                    returning: ChildProcess.run(command, arguments, input: text.octets(), atMost: runTime))
            }
        }
        switch outcome {
        case .ended(0): return
        case .ended(let status): throw SinkFailure("\(command) ended with \(status)")
        case .signalled(let signal): throw SinkFailure("\(command) was ended by signal \(signal)")
        case .tookTooLong: throw SinkFailure("\(command) took longer than \(runTime) and was ended")
        case .notStarted(let why): throw SinkFailure("\(command): \(why)")
        }
    }
}
