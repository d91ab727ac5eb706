import Glibc
package import GroupModel
package import IKEVocabulary
import NIOPosix
import Synchronization

/// Watches the own node's copy of the state: how old it is, and whether it is what the leader has.
///
/// The leader's heart beats once a second through the log. At a checkpoint the leader looks at its own pages before anything else
/// is written, and the beats tell what it saw; every other node finds the same commit in its own copy and compares.
package final class CopyWatch: Sendable {
    package struct Pace: Sendable {
        package var beat: Duration = .seconds(1)
        package var beatsPerCheckpoint: Int64 = 30
        /// How old the last beat may be while a leader is known.
        package var patience: Duration = .seconds(10)
        package var restartPauseMax: Duration = .seconds(600)

        package init() {}
    }

    private struct State {
        var newest: PulseRecord?
        var seenAt: ContinuousClock.Instant?
        var comparison: CopyReport.Comparison?
        /// The checkpoint that was looked at last, by term and number.
        var compared: (Int64, Int64)?
        var fault: String?
        var nextCheckpoint: Int64?
        var own: PulseRecord?
        var restartPause: Duration?
        var restartAt: ContinuousClock.Instant?
    }

    private static let marker = "copy-differs"
    private static let tries = 8
    private static let tryPause = Duration.milliseconds(120)

    private let store: EngineStore
    private let id: UInt64
    private let folder: String
    private let pace: Pace
    private let line: PulseLine
    private let wall: @Sendable () -> WallTime
    private let events: @Sendable (Event) -> Void
    private let restart: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - folder: the store's own; what was found against the copy stays there, and leaves with it.
    ///   - restart: starts the store afresh.
    package init(
        _ store: EngineStore, id: UInt64, folder: String, pace: Pace = Pace(), wall: @escaping @Sendable () -> WallTime,
        events: @escaping @Sendable (Event) -> Void, restart: @escaping @Sendable (String) -> Void
    ) {
        self.store = store
        self.id = id
        self.folder = folder
        self.pace = pace
        self.wall = wall
        self.events = events
        self.restart = restart
        line = PulseLine(socketPath: store.socketPath, group: MultiThreadedEventLoopGroup.singleton)
        if access(folder + "/" + Self.marker, F_OK) == 0 {
            let fault = self.wording("was found to differ from the leader's")
            state.withLock { $0.fault = fault }
        }
    }

    package var report: CopyReport {
        state.withLock { state in
            CopyReport(
                beat: state.newest?.beat, beatAge: state.seenAt.map { $0.duration(to: .now) },
                comparison: state.comparison)
        }
    }

    /// Why nobody should lead from this copy; nil while nothing is known against it.
    package var fault: String? { state.withLock { $0.fault } }

    /// - Parameter leads: the term in which the own authority leads, nil while it does not.
    package func run(leads: @Sendable () async -> LeadershipTerm?) async {
        while !Task.isCancelled {
            await look(leads: await leads())
            try? await Task.sleep(for: pace.beat)
        }
        await line.close()
    }

    /// One round.
    package func look(leads term: LeadershipTerm?) async {
        if let term, fault == nil { await beat(term) } else { state.withLock { $0.own = nil } }
        await readPulse()
        await compare()
        await tendLag()
    }

    // MARK: The leader's part

    private func beat(_ term: LeadershipTerm) async {
        var record = state.withLock { state in
            var record = state.own ?? PulseRecord(term: term, beat: state.newest?.beat ?? 0, leader: id)
            if record.term != term.rawValue || state.own == nil {
                record = PulseRecord(term: term, beat: state.newest?.beat ?? record.beat, leader: id)
                record.checkpoint = state.newest?.checkpoint ?? 0
                // The first one soon, when everybody has found the new leader.
                state.nextCheckpoint = record.beat + 3
            }
            record.beat += 1
            return record
        }
        do throws(StoreFailure) {
            if record.beat >= state.withLock({ $0.nextCheckpoint }) ?? .max {
                if let seen = try await store.checkpoint(term) {
                    record.checkpoint += 1
                    (record.commit, record.digest) = (seen.hash, seen.digest)
                }
                state.withLock { $0.nextCheckpoint = record.beat + pace.beatsPerCheckpoint }
            }
            try await line.write(record)
            let made = record
            state.withLock { $0.own = made }
        } catch {
            events(Event("pulse-failed", .warning, limitedBy: "pulse", [("why", "\(error)")]))
        }
    }

    // MARK: Every node's part

    private func readPulse() async {
        guard let files = try? await store.dump(of: PulseLine.database) else { return }
        guard let found = DatabaseImage(files).newestPage(PulseRecord.newest) else { return }
        state.withLock { state in
            guard state.newest.map({ found.isNewer(than: $0) }) ?? true else { return }
            state.newest = found
            state.seenAt = .now
        }
    }

    private func compare() async {
        let record = state.withLock { state -> PulseRecord? in
            guard let newest = state.newest, newest.checkpoint > 0, newest.commit.contains(where: { $0 != 0 }) else {
                return nil
            }
            return state.compared.map { $0 == (newest.term, newest.checkpoint) } == true ? nil : newest
        }
        guard let record else { return }
        let verdict = record.leader == id ? CopyReport.Verdict.leader : await verdict(on: record)
        let comparison = CopyReport.Comparison(checkpoint: record.checkpoint, verdict: verdict, at: wall())
        state.withLock { state in
            state.compared = (record.term, record.checkpoint)
            state.comparison = comparison
        }
        if verdict == .differs { fenceOff(record) }
    }

    /// Looks again for a moment when the commit is not there: the copy may be a little behind.
    private func verdict(on record: PulseRecord) async -> CopyReport.Verdict {
        for _ in 0..<Self.tries {
            if let files = try? await store.dump(), let digest = DatabaseImage(files).digest(after: record.commit) {
                return digest == record.digest ? .equal : .differs
            }
            try? await Task.sleep(for: Self.tryPause)
        }
        return .missed
    }

    private func fenceOff(_ record: PulseRecord) {
        let why = wording("differs from the leader's at checkpoint \(record.checkpoint)")
        let isNew = state.withLock { state in
            defer { state.fault = why }
            return state.fault == nil
        }
        let descriptor = open(folder + "/" + Self.marker, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        if descriptor >= 0 {
            fsync(descriptor)
            close(descriptor)
        }
        if isNew { events(Event("copy-differs", .error, [("node", "\(id)"), ("why", why)])) }
    }

    private func wording(_ what: String) -> String {
        "its copy of the state \(what): take this node out of the cluster, empty \(folder) and let it join under a new id"
    }

    // MARK: Behind

    /// A leader is known and its beats do not come: the engine is known to get stuck so, and a new start helps.
    private func tendLag() async {
        let (age, record) = state.withLock { ($0.seenAt.map { $0.duration(to: .now) }, $0.newest) }
        guard let age, let record, age > pace.patience else {
            if age != nil { state.withLock { ($0.restartPause, $0.restartAt) = (nil, nil) } }
            return
        }
        // Only the leader that made those beats is expected to go on with them.
        guard let leader = try? await store.leader(), !leader.isOurs, leader.id == record.leader else { return }
        let isDue = state.withLock { state in
            guard state.restartAt.map({ $0 <= .now }) ?? true else { return false }
            let pause = min((state.restartPause ?? pace.patience) * 2, pace.restartPauseMax)
            (state.restartPause, state.restartAt) = (pause, .now + pause)
            return true
        }
        guard isDue else { return }
        events(
            Event(
                "copy-behind", .warning,
                [("node", "\(id)"), ("seconds", "\(age.components.seconds)"), ("leader", leader.name)]))
        restart("its copy is \(age.components.seconds) s behind \(leader.name)")
    }
}
