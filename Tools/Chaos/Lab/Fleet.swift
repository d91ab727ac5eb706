import Foundation
import Glibc
import Synchronization

/// Every program of the cluster: starts, stops, kills it, and knows how each ended.
final class Fleet: Sendable {
    private struct Unit {
        var child: Child?
        /// We sent what ends it.
        var isAsked = false
        var isStopped = false
    }

    private struct State {
        var units: [String: Unit] = [:]
        var endings: [ProcessEnding] = []
        var resident: [String: Int] = [:]
        /// Where each life of a member begins in its `sas.jsonl`.
        var lives: [String: [(startedAt: Int, offset: Int)]] = [:]
    }

    private let lab: Lab
    /// Preloaded into authorities, so that their wall clock can be moved; nil where it is not installed.
    private let clockLibrary: String?
    private let state = Mutex(State())

    init(lab: Lab, clockLibrary: String?) { (self.lab, self.clockLibrary) = (lab, clockLibrary) }

    static func memberName(_ number: Int) -> String { "gm\(number).demo" }
    static func memberFolder(_ lab: Lab, _ number: Int) -> String { "\(lab.folder)/var/\(memberName(number))" }

    func start(_ name: String) throws {
        guard pid(name) == nil else { return }
        let parts = name.split(separator: "-")
        let number = parts.count == 2 ? Int(parts[1]) ?? 0 : 0
        let isMember = parts.first == "member"
        let settings = isMember ? Self.memberName(number) : name
        var environment: [String: String] = [:]
        if parts.first == "authority", let clockLibrary {
            environment = [
                "LD_PRELOAD": clockLibrary, "FAKETIME_TIMESTAMP_FILE": "\(lab.folder)/clock/\(name)",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            ]
        }
        let program = "\(lab.bin)/gcks-\(parts.first ?? "")"
        let command = [program] + (isMember ? ["run"] : []) + ["--config", "\(lab.folder)/etc/\(settings).yaml"]
        let trace = "\(Self.memberFolder(lab, number))/sas.jsonl"
        let offset = isMember ? Self.size(trace) : 0
        let child = try lab.start(
            command, on: lab.topology.node(of: name), environment: environment, output: "\(lab.folder)/log/\(name).out",
            errors: "\(lab.folder)/log/\(name).log")
        state.withLock { state in
            state.units[name] = Unit(child: child)
            if isMember { state.lives[name, default: []].append((Clock.wallMilliseconds(), offset)) }
        }
    }

    func pid(_ name: String) -> pid_t? { state.withLock { $0.units[name]?.child?.pid } }

    var running: [String] {
        state.withLock { state in
            state.units.filter { $0.value.child != nil && !$0.value.isStopped }.map(\.key).sorted()
        }
    }

    /// Asks it to end; `end` waits for that.
    func ask(_ name: String) { mark(name)?.signal(SIGTERM) }

    /// Ends it with a signal and waits. An authority that is killed takes its store with it.
    func end(_ name: String, _ signal: Int32, atMost milliseconds: Int = 10_000) {
        guard let child = mark(name) else { return }
        let stores = signal == SIGKILL ? child.children : []
        child.signal(SIGCONT)
        child.signal(signal)
        for store in stores { kill(store, signal) }
        let how = child.wait(atMost: milliseconds)
        let inTime = signal == SIGKILL || how != .signal(SIGKILL)
        state.withLock { state in
            state.units[name] = nil
            state.endings.append(ProcessEnding(name: name, how: how, wasAsked: inTime))
        }
    }

    /// SIGSTOP to it and to what it started.
    func pause(_ name: String) {
        guard let child = child(name) else { return }
        state.withLock { $0.units[name]?.isStopped = true }
        for pid in child.children + [child.pid] { kill(pid, SIGSTOP) }
    }

    func resume(_ name: String) {
        guard let child = child(name) else { return }
        for pid in child.children + [child.pid] { kill(pid, SIGCONT) }
        state.withLock { $0.units[name]?.isStopped = false }
    }

    func stores(of name: String) -> [pid_t] { child(name)?.children ?? [] }

    /// Looks who ended by himself and how much memory each has.
    func look() -> [ProcessEnding] {
        let units = state.withLock { $0.units }
        var found: [ProcessEnding] = []
        for (name, unit) in units {
            guard let child = unit.child else { continue }
            let octets = ([child.pid] + child.children).map(Child.peakResident).max() ?? 0
            state.withLock { $0.resident[name] = max($0.resident[name] ?? 0, octets) }
            guard !unit.isAsked, let how = child.ending() else { continue }
            found.append(ProcessEnding(name: name, how: how, wasAsked: false))
        }
        state.withLock { state in
            for ending in found { state.units[ending.name] = nil }
            state.endings += found
        }
        return found
    }

    var endings: [ProcessEnding] { state.withLock { $0.endings } }
    var resident: [String: Int] { state.withLock { $0.resident } }

    /// What members wrote so far, life by life, under their identities.
    func traces() -> [MemberTrace] {
        let lives = state.withLock { $0.lives }
        var traces: [MemberTrace] = []
        for (name, starts) in lives {
            guard let number = Int(name.dropFirst(7)) else { continue }
            let path = "\(Self.memberFolder(lab, number))/sas.jsonl"
            let octets = [UInt8](FileManager.default.contents(atPath: path) ?? Data())
            for (index, start) in starts.enumerated() {
                let end = index + 1 < starts.count ? starts[index + 1].offset : octets.count
                guard start.offset <= end, end <= octets.count else { continue }
                traces.append(
                    MemberTrace(
                        member: "fqdn:\(Self.memberName(number))", life: index + 1, startedAt: start.startedAt,
                        records: MemberTrace.records(octets[start.offset..<end])))
            }
        }
        return traces.sorted { ($0.startedAt, $0.member) < ($1.startedAt, $1.member) }
    }

    private func child(_ name: String) -> Child? { state.withLock { $0.units[name]?.child } }

    private func mark(_ name: String) -> Child? {
        state.withLock { state in
            state.units[name]?.isAsked = true
            return state.units[name]?.child
        }
    }

    private static func size(_ path: String) -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? NSNumber)?.intValue ?? 0
    }
}
