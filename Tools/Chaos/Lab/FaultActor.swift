import Foundation
import Glibc

/// Begins and ends acts. What began is ended exactly as it began, whoever leads by then.
final class FaultActor {
    private let lab: Lab
    private let fleet: Fleet
    private let leader: () -> String?
    private var undo: [Act: () -> Void] = [:]
    private(set) var minorities: [ClosedRange<Int>] = []
    /// When each act that hit a leader began.
    private(set) var leaderFaults: [Int] = []

    /// - Parameter leader: the leading authority's name, when there is one.
    init(lab: Lab, fleet: Fleet, leader: @escaping () -> String?) {
        (self.lab, self.fleet, self.leader) = (lab, fleet, leader)
    }

    /// - Returns: what it did, or why it did nothing.
    func begin(_ act: Act) -> String {
        guard let names = names(act.target), let name = names.first else { return "nobody leads: left out" }
        if let why = obstacle(act, name) { return "\(why): left out" }
        if act.target == .leader { leaderFaults.append(Clock.wallMilliseconds()) }
        undo[act] = perform(act, name)
        return name == act.target.description ? "" : name
    }

    func end(_ act: Act) {
        undo.removeValue(forKey: act)?()
    }

    func endAll() {
        for act in undo.keys.sorted(by: { $0.start < $1.start }) { end(act) }
        lab.rules.change { $0.mendAll() }
    }

    private func names(_ target: Target) -> [String]? {
        switch target {
        case .leader: leader().map { [$0] }
        case .follower:
            leader().map { leader in (1...Topology.authorities).map { "authority-\($0)" }.filter { $0 != leader } }
        default: [target.description]
        }
    }

    /// Never a second authority, whatever the plan says: one that did not come back counts too.
    private func obstacle(_ act: Act, _ name: String) -> String? {
        let running = Set(fleet.running)
        if act.threatensQuorum {
            let others = (1...Topology.authorities).map { "authority-\($0)" }.filter { $0 != name }
            if let down = others.first(where: { !running.contains($0) }) { return "\(down) is not running" }
        }
        switch act.kind {
        case .loss, .duplicate, .delay, .majority: return nil
        default: return running.contains(name) ? nil : "\(name) is not running"
        }
    }

    private func perform(_ act: Act, _ name: String) -> () -> Void {
        let (lab, fleet) = (lab, fleet)
        let node = lab.topology.node(of: name)
        switch act.kind {
        case .kill: return restarting(name, SIGKILL)
        case .leave:
            fleet.ask(name)
            return { [self] in restarting(name, SIGTERM)() }
        case .storeKill:
            for pid in fleet.stores(of: name) { Glibc.kill(pid, SIGKILL) }
            return {}
        case .stop:
            fleet.pause(name)
            return { fleet.resume(name) }
        case .isolate: return cutting(lab.topology.cutsBothWays([node], lab.topology.others(node)))
        case .mute: return cutting(lab.topology.cuts(from: [node], to: lab.topology.others(node)))
        case .splitFrontends:
            return cutting(lab.topology.cutsBothWays([node], (1...Topology.frontends).map { "frontend-\($0)" }))
        case .majority:
            let all = (1...Topology.authorities).map { "authority-\($0)" }
            let mend = cutting(lab.topology.cutsBothWays(all, all))
            // What was on its way when the cut came may still arrive.
            let from = Clock.wallMilliseconds() + 50
            return { [self] in
                minorities.append(from...max(from, Clock.wallMilliseconds()))
                mend()
            }
        case .loss: return weather({ $0.lossPercent = $1 }, act.level)
        case .duplicate: return weather({ $0.duplicatePercent = $1 }, act.level)
        case .delay: return weather({ $0.delayMilliseconds = $1 }, act.level)
        case .diskFull: return filling("\(lab.folder)/var/\(name)", fleet.stores(of: name))
        case .diskSlow: return slowing(fleet.stores(of: name), act.level)
        case .clock: return movingClock(name, act.level)
        case .answerLoss:
            guard let target = lab.topology.port(node), let control = lab.topology.port("operator") else { return {} }
            let rule = LinkRules.Cut(from: target, to: control)
            lab.rules.change { $0.losingAnswers.insert(rule) }
            return { lab.rules.change { $0.losingAnswers.remove(rule) } }
        }
    }

    private func restarting(_ name: String, _ signal: Int32) -> () -> Void {
        fleet.end(name, signal, atMost: 6000)
        return { [fleet] in
            do { try fleet.start(name) } catch { Progress.say("\(name) does not start: \(error)") }
        }
    }

    private func cutting(_ cuts: [LinkRules.Cut]) -> () -> Void {
        let rules = lab.rules
        rules.change { $0.cut(cuts) }
        return { rules.change { $0.mend(cuts) } }
    }

    private func weather(_ set: @escaping @Sendable (inout LinkRules, Int) -> Void, _ level: Int) -> () -> Void {
        let rules = lab.rules
        rules.change { set(&$0, level) }
        return { rules.change { set(&$0, 0) } }
    }

    private func filling(_ folder: String, _ stores: [pid_t]) -> () -> Void {
        let path = folder + "/filler"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while chunk.count >= 512 {
            if write(descriptor, chunk, chunk.count) < chunk.count { chunk.removeLast(chunk.count / 2) }
        }
        close(descriptor)
        // The log's segments are allocated ahead: a store that begins anew needs room at once.
        for pid in stores { Glibc.kill(pid, SIGKILL) }
        return { unlink(path) }
    }

    /// Every write and sync of the store's threads takes so long more.
    private func slowing(_ stores: [pid_t], _ milliseconds: Int) -> () -> Void {
        let calls = "io_submit,pwritev,pwritev2,pwrite64,fdatasync,fsync"
        let tracers = stores.compactMap { pid in
            try? Child([
                "strace", "-f", "-qq", "-o", "/dev/null", "-p", "\(pid)", "-e", "trace=\(calls)", "-e",
                "inject=\(calls):delay_exit=\(milliseconds * 1000)",
            ])
        }
        return {
            for tracer in tracers {
                tracer.signal(SIGTERM)
                _ = tracer.wait(atMost: 5000)
            }
        }
    }

    private func movingClock(_ name: String, _ seconds: Int) -> () -> Void {
        let path = "\(lab.folder)/clock/\(name)"
        ClockFile.write(path, seconds: seconds)
        return { ClockFile.write(path, seconds: 0) }
    }
}

/// What libfaketime reads: how far the wall clock is off.
enum ClockFile {
    static func write(_ path: String, seconds: Int) {
        let text = (seconds < 0 ? "\(seconds)" : "+\(seconds)") + "\n"
        let new = path + ".new"
        _ = FileManager.default.createFile(atPath: new, contents: Data(text.utf8))
        rename(new, path)
    }
}
