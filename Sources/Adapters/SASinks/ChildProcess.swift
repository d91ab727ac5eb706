import Dispatch
import Glibc
import KeyMaterial
import Synchronization

/// One run of a program: input on a pipe, a process group of its own, an end to its time.
enum ChildProcess {
    enum Outcome: Sendable {
        case ended(Int32)
        case signalled(Int32)
        case tookTooLong
        case notStarted(String)
    }

    private static let environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]

    /// Returns when the program has ended and was reaped; blocks its thread that long.
    static func run(
        _ command: String, _ arguments: [String], input: borrowing SecretOctets, atMost limit: Duration
    ) -> Outcome {
        guard let reading = filledPipe(input) else { return .notStarted("its input does not fit a pipe") }
        let started = spawn(command, arguments, reading)
        close(reading)
        switch started {
        case .failure(let failure): return .notStarted(failure.description)
        case .success(let child): return wait(for: child, atMost: limit)
        }
    }

    /// The reading end of a pipe that holds the whole input: nobody has to write while the program runs.
    private static func filledPipe(_ input: borrowing SecretOctets) -> Int32? {
        guard let ends = closedOnExec() else { return nil }
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        defer { close(ends[1]) }
        guard input.withUnsafeOctets({ write(ends[1], $0.baseAddress, $0.count) }) == input.count else {
            close(ends[0])
            return nil
        }
        return ends[0]
    }

    /// Held while a pipe is made and while a program is started: one that started in between would keep the input of another
    /// from ending.
    private static let starting = Mutex(())

    private static func closedOnExec() -> [Int32]? {
        starting.withLock { _ in
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { return nil }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return ends
        }
    }

    private static func spawn(
        _ command: String, _ arguments: [String], _ input: Int32
    ) -> Result<pid_t, SinkFailure> {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals that we ignore or block are no business of the program.
        var (all, none) = (sigset_t(), sigset_t())
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var child: pid_t = 0
        let code = withCStrings([command] + arguments) { arguments in
            withCStrings(environment) { environment in
                starting.withLock { _ in posix_spawn(&child, command, &actions, &attributes, arguments, environment) }
            }
        }
        return code == 0 ? .success(child) : .failure(SinkFailure(String(cString: strerror(code))))
    }

    private static func withCStrings<Result>(
        _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let strings = texts.map { strdup($0) } + [nil]
        defer { for string in strings { free(string) } }
        return strings.withUnsafeBufferPointer { buffer in
            // It holds the closing nil at least.
            withUnsafePointer(to: nil as UnsafeMutablePointer<CChar>?) { body(buffer.baseAddress ?? $0) }
        }
    }

    private static func wait(for child: pid_t, atMost limit: Duration) -> Outcome {
        let state = WaitState()
        let timer = DispatchWorkItem { state.end(child) }
        let (seconds, attoseconds) = limit.components
        let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
        DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(nanoseconds), execute: timer)
        // It stays a zombie until the timer can no longer hit a stranger under its number.
        var information = siginfo_t()
        while waitid(P_PID, id_t(child), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let wasEnded = state.close()
        timer.cancel()
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        if wasEnded { return .tookTooLong }
        let signal = status & 0x7f
        return signal == 0 ? .ended(status >> 8 & 0xff) : .signalled(signal)
    }

    private final class WaitState: Sendable {
        private let state = Mutex((isOver: false, wasEnded: false))

        func end(_ child: pid_t) {
            state.withLock { state in
                guard !state.isOver else { return }
                state.wasEnded = true
                kill(-child, SIGKILL)
            }
        }

        func close() -> Bool {
            state.withLock { state in
                state.isOver = true
                return state.wasEnded
            }
        }
    }
}
