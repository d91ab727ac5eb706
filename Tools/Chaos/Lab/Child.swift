import Foundation
import Glibc

/// A process of ours.
struct Child: Sendable {
    let pid: pid_t

    /// - Parameters:
    ///   - namespace: the process whose network the new one shares; nil for ours.
    ///   - errors: where standard error goes; nil: where ours goes.
    init(
        _ command: [String], namespace: pid_t? = nil, environment: [String: String] = [:], output: String = "/dev/null",
        errors: String? = "/dev/null"
    ) throws {
        let entry = namespace.map { ["nsenter", "-t", "\($0)", "-n", "--"] } ?? []
        var variables = ProcessInfo.processInfo.environment
        variables.merge(environment) { $1 }
        var arguments = (entry + command).map { strdup($0) } + [nil]
        var block = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + block { free(text) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        if let errors { posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600) }
        var pid = pid_t()
        let code = posix_spawnp(&pid, (entry + command)[0], &actions, nil, &arguments, &block)
        guard code == 0 else { throw LabFailure("\(command[0]): \(String(cString: strerror(code)))") }
        self.pid = pid
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// How it ended; nil while it runs. Asked once more after that, it has no answer.
    func ending() -> ProcessEnding.How? {
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
        return status & 0x7f == 0 ? .exit(status >> 8 & 0xff) : .signal(status & 0x7f)
    }

    /// Waits for the end; a process that takes longer is killed.
    func wait(atMost milliseconds: Int) -> ProcessEnding.How {
        let end = Clock.monotonicMilliseconds() + milliseconds
        while Clock.monotonicMilliseconds() < end {
            if let ending = ending() { return ending }
            Clock.pause(milliseconds: 5)
        }
        signal(SIGKILL)
        while true {
            if let ending = ending() { return ending }
            Clock.pause(milliseconds: 5)
        }
    }

    /// Processes that this one started.
    var children: [pid_t] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { pid_t($0) }.filter { Self.parent(of: $0) == pid }
    }

    /// Peak resident memory, octets.
    static func peakResident(_ pid: pid_t) -> Int {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
    }

    private static func parent(of pid: pid_t) -> pid_t? {
        // pid (name) state ppid ...: the name may hold anything, so from its last bracket on.
        let text = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
        guard let end = text.lastIndex(of: ")") else { return nil }
        return text[end...].split(separator: " ").dropFirst(2).first.flatMap { pid_t($0) }
    }
}

/// Short commands of the lab itself.
enum Shell {
    static func run(_ command: [String]) throws {
        let child = try Child(command, errors: nil)
        let ending = child.wait(atMost: 10_000)
        guard ending == .exit(0) else { throw LabFailure("\(command.joined(separator: " ")): \(ending)") }
    }
}
