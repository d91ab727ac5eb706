import Foundation

/// A TLS client outside of our own code: the openssl program, fed and watched through pipes.
final class TLSCaller: @unchecked Sendable {
    private let process = Process()
    private let input = Pipe()

    static func connect(port: Int, certificate: String, key: String, authority: String) throws -> TLSCaller {
        let caller = TLSCaller()
        caller.process.executableURL = URL(filePath: "/usr/bin/env")
        caller.process.arguments = [
            "openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-tls1_3", "-cert", certificate, "-key", key,
            "-CAfile", authority, "-quiet", "-no_ign_eof",
        ]
        caller.process.standardInput = caller.input
        caller.process.standardOutput = FileHandle.nullDevice
        caller.process.standardError = FileHandle.nullDevice
        try caller.process.run()
        return caller
    }

    func send(_ octets: [UInt8]) {
        signal(SIGPIPE, SIG_IGN)
        try? input.fileHandleForWriting.write(contentsOf: octets)
    }

    /// True when the other side hangs up in that time: the program ends then.
    func isCut(within limit: Duration) async -> Bool {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if !process.isRunning { return true }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    func close() {
        try? input.fileHandleForWriting.close()
        process.terminate()
    }
}

/// The first octets between nodes, written by hand from the wire format.
enum Greeting {
    static let version: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]

    /// CLUSTER, format 1.
    static let cluster: [UInt8] = version + [1, 0, 0, 0, 16, 0, 0, 0] + [1, 0, 0, 0, 0, 0, 0, 0]

    static func connect(id: UInt8, name: String) -> [UInt8] {
        var text = Array(name.utf8) + [0]
        while text.count % 8 != 0 { text.append(0) }
        let words = UInt8(1 + text.count / 8)
        return version + [words, 0, 0, 0, 11, 0, 0, 0] + [id, 0, 0, 0, 0, 0, 0, 0] + text
    }
}

/// The content of a dumped database, read by another SQLite (Python's), so that page order and log state do not matter.
enum Replica {
    static func content(of files: [(name: String, octets: [UInt8])]) async throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "gcks-dump-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for file in files where !file.octets.isEmpty {
            try Data(file.octets).write(to: folder.appending(path: file.name))
        }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            "import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); print(d.execute('pragma integrity_check').fetchall()); [print(l) for l in d.iterdump()]",
            folder.appending(path: "gcks").path,
        ]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }
}
