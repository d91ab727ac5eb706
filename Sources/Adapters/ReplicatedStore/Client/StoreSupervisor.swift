import CCowsql
import Dispatch
import Glibc
package import GroupModel
import Synchronization

/// Keeps one `gcks-store` process running beside the authority: starts it, starts it again when it dies, ends it.
///
/// The child's standard input is a pipe that we hold: when this process dies, however it dies, the child reads the end and goes.
/// Standard error is inherited.
package final class StoreSupervisor: Sendable {
    /// Between a death and the next start; doubles up to the maximum while the process does not stay.
    static let restartDelayMin: Duration = .milliseconds(100)
    static let restartDelayMax: Duration = .seconds(2)
    /// A process that lived so long starts with the least delay again.
    static let stays: Duration = .seconds(10)
    /// How long it may take to leave before it is killed.
    static let farewell: Duration = .seconds(3)

    private let executable: String
    private let arguments: [String]
    private let events: @Sendable (Event) -> Void
    private let state = Mutex(State())

    private struct State {
        var child: Child?
        var isStopping = false
        var wake: CheckedContinuation<Void, Never>?
    }

    private struct Child {
        let pid: pid_t
        /// Our end of its standard input.
        let lifeline: CInt
    }

    /// - Parameters:
    ///   - executable: path of `gcks-store`.
    ///   - settings: what it is told as flags.
    package init(
        executable: String, settings: StoreNodeSettings, events: @escaping @Sendable (Event) -> Void
    ) {
        self.executable = executable
        self.arguments = settings.arguments
        self.events = events
    }

    /// The running process, if there is one.
    package var processID: Int32? { state.withLock { $0.child?.pid } }

    /// Returns after `stop()`, when the process is gone.
    package func run() async {
        var delay = Self.restartDelayMin
        while !state.withLock({ $0.isStopping }) {
            let start = ContinuousClock.now
            if let child = startChild() {
                events(Event("store-started", .info, [("pid", "\(child.pid)")]))
                await Self.end(of: child.pid)
                let (isStopping, status) = state.withLock { state in
                    state.child = nil
                    var status: CInt = 0
                    waitpid(child.pid, &status, 0)
                    return (state.isStopping, status)
                }
                close(child.lifeline)
                if isStopping { return }
                events(
                    Event(
                        "store-died", .error, limitedBy: "store",
                        [("pid", "\(child.pid)"), ("how", Self.wording(status))]))
            }
            if start.duration(to: .now) >= Self.stays { delay = Self.restartDelayMin }
            await pause(delay)
            delay = min(delay * 2, Self.restartDelayMax)
        }
    }

    /// Lets the process end by itself, then kills it. `run()` returns soon after.
    package func stop() {
        let (child, wake) = state.withLock { state in
            state.isStopping = true
            defer { state.wake = nil }
            return (state.child, state.wake)
        }
        wake?.resume()
        if let child { end(child) }
    }

    /// Ends the process, so that it is started afresh.
    package func restart(because why: String) {
        guard let child = state.withLock({ $0.child }) else { return }
        events(Event("store-restarted", .warning, [("pid", "\(child.pid)"), ("why", why)]))
        end(child)
    }

    private func end(_ child: Child) {
        state.withLock { state in
            if state.child?.pid == child.pid { _ = kill(child.pid, SIGTERM) }
        }
        Task {
            try? await Task.sleep(for: Self.farewell)
            // Only while it is ours: `run()` forgets it before its number can name another process.
            state.withLock { state in
                if state.child?.pid == child.pid { kill(child.pid, SIGKILL) }
            }
        }
    }

    private func pause(_ delay: Duration) async {
        let alarm = Task {
            guard (try? await Task.sleep(for: delay)) != nil else { return }
            wakeUp()
        }
        await withCheckedContinuation { continuation in
            let isStopping = state.withLock { state in
                if !state.isStopping { state.wake = continuation }
                return state.isStopping
            }
            if isStopping { continuation.resume() }
        }
        alarm.cancel()
    }

    private func wakeUp() {
        let wake = state.withLock { state in
            defer { state.wake = nil }
            return state.wake
        }
        wake?.resume()
    }

    private func startChild() -> Child? {
        let result = state.withLock { state -> Result<Child, StoreNodeFault> in
            guard !state.isStopping else { return .failure(StoreNodeFault("stopping")) }
            do throws(StoreNodeFault) {
                let child = try spawn()
                state.child = child
                return .success(child)
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success(let child): return child
        case .failure(let fault):
            events(Event("store-not-started", .error, limitedBy: "store", [("why", fault.description)]))
            return nil
        }
    }

    private func spawn() throws(StoreNodeFault) -> Child {
        let words = ([executable] + arguments).map { strdup($0) }
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        var lifeline: CInt = -1
        let result = gcks_spawn_with_lifeline(executable, words + [nil], &pid, &lifeline)
        guard result == 0 else {
            throw StoreNodeFault("\(executable) cannot be started: \(String(cString: strerror(result)))")
        }
        return Child(pid: pid, lifeline: lifeline)
    }

    /// Waits for the end of the process on a thread of its own.
    private static func end(of pid: pid_t) async {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "gcks-store \(pid)").async {
                _ = gcks_wait_without_reaping(pid)
                continuation.resume()
            }
        }
    }

    private static func wording(_ status: CInt) -> String {
        let signal = status & 0x7f
        return signal == 0 ? "exit \((status >> 8) & 0xff)" : "signal \(signal)"
    }
}

extension StoreNodeSettings {
    /// As the flags of `gcks-store`.
    var arguments: [String] {
        var words = [
            "--name", name, "--id", "\(id)", "--data", dataDirectory, "--socket", socketPath, "--latency",
            "\(latencyMilliseconds)",
        ]
        guard let cluster else { return words }
        let host = cluster.listenHost.contains(":") ? "[\(cluster.listenHost)]" : cluster.listenHost
        words += ["--listen", "\(host):\(cluster.listenPort)"]
        words += ["--ca", cluster.trustRootsFile, "--cert", cluster.certificateFile, "--key", cluster.privateKeyFile]
        if !cluster.peers.isEmpty { words += ["--peers", cluster.peers.map(\.description).joined(separator: ",")] }
        return words
    }
}
