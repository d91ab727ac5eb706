import Foundation
import Glibc

/// One run: starts the cluster, plays the plan under load, heals everything, gathers what was seen from outside.
final class Conductor {
    private let lab: Lab
    private let plan: FaultPlan
    private let canary: Canary?
    private let fleet: Fleet
    private let control: ControlClient
    private let load: OperatorLoad
    private let leaders: LeaderWatch
    private let actor: FaultActor
    private(set) var evidence = Evidence()
    /// Acts that were played, by kind.
    private(set) var played: [FaultKind: Int] = [:]
    private(set) var settledAfter: Int?

    init(lab: Lab, plan: FaultPlan, canary: Canary?, fleet: Fleet, seed: UInt64) throws {
        (self.lab, self.plan, self.canary, self.fleet) = (lab, plan, canary, fleet)
        control = ControlClient(lab: lab)
        let watch = LeaderWatch(control: ControlClient(lab: lab))
        leaders = watch
        actor = FaultActor(lab: lab, fleet: fleet, leader: { watch.leader })
        for number in 1...Topology.authorities {
            ClockFile.write("\(lab.folder)/clock/authority-\(number)", seconds: 0)
            try fleet.start("authority-\(number)")
        }
        leaders.start()
        guard Self.wait(30_000, { [leaders] in leaders.leader != nil }) else { throw LabFailure("no authority leads") }
        for number in 1...Topology.frontends { try fleet.start("frontend-\(number)") }
        for number in 1...Topology.broadcasters { try fleet.start("broadcaster-\(number)") }
        let applied = control.run(["group", "apply", "-f", "\(lab.folder)/etc/market-data.yaml"], timeout: 15)
        guard applied.code == 0 else { throw LabFailure("group apply: \(applied.errors)") }
        load = OperatorLoad(control: control, members: lab.topology.members)
        guard let first = load.look() else { throw LabFailure("the group is not shown") }
        evidence.firstGeneration = first.generation
        for number in 1...max(1, lab.topology.members) { try fleet.start("member-\(number)") }
        let members = lab.topology.members
        let registered = Self.wait(40_000) { [fleet] in
            Set(fleet.traces().filter { !$0.records.isEmpty }.map(\.member)).count == members
        }
        guard registered else { throw LabFailure("not all members registered before the first act") }
        Progress.say("3 authorities, 2 frontends, 2 broadcasters, \(members) members; load: \(load.abilities)")
        load.start(seed: seed)
    }

    /// Plays the plan to its end.
    func play(milliseconds: Int) throws {
        let forger = try startCanary()
        let start = Clock.monotonicMilliseconds()
        var waiting = plan.acts[...]
        var open: [Act] = []
        var nextLine = 1000
        while true {
            let now = Clock.monotonicMilliseconds() - start
            for act in open where act.end <= now { end(act) }
            open.removeAll { $0.end <= now }
            while let act = waiting.first, act.start <= now {
                waiting.removeFirst()
                open.append(act)
                begin(act)
            }
            for ending in fleet.look() { Progress.say("!! \(ending.name) ended by itself: \(ending.how)") }
            if now >= nextLine {
                nextLine += 5000
                let (changes, views) = (load.ledger, load.views)
                let generation = views.last.map { "\($0.generation)" } ?? "-"
                Progress.say(
                    "   \(changes.count(where: \.isAcknowledged)) changes acknowledged, generation \(generation), leader \(leaders.leader ?? "none")"
                )
            }
            if now >= milliseconds, waiting.isEmpty, open.isEmpty { break }
            Clock.pause(milliseconds: 20)
        }
        _ = forger?.wait(atMost: 1000)
    }

    private func begin(_ act: Act) {
        let note = actor.begin(act)
        if !note.hasSuffix("left out") { played[act.kind, default: 0] += 1 }
        let level = act.level == 0 ? "" : " \(act.level)"
        Progress.say(
            "\(act.kind.rawValue) \(act.target)\(level) for \(Act.seconds(act.duration)) s\(note.isEmpty ? "" : " (\(note))")"
        )
    }

    private func end(_ act: Act) { actor.end(act) }

    /// Undoes every fault, starts whoever is down, lets the operator finish, and waits until all members agree.
    func settle(atMost milliseconds: Int) {
        Progress.say("healing: no more faults, the operator finishes")
        actor.endAll()
        load.stop()
        for name in names { try? fleet.start(name) }
        let start = Clock.monotonicMilliseconds()
        _ = Self.wait(60_000) { [load] in load.isDone }
        _ = Self.wait(30_000) { [leaders] in leaders.reachable == Topology.authorities }
        // A member that was refused asks again after minutes only; started anew it asks at once.
        for member in load.askedBack { restart(member) }
        // Members that missed a change of the Rekey SA learn so from a message they cannot read.
        if canary == .deafMember { fleet.pause("member-2") }
        _ = control.run(["rekey", "now", "market-data", "--all"])
        let settled = Self.wait(milliseconds) { [self] in
            for ending in fleet.look() { Progress.say("!! \(ending.name) ended by itself: \(ending.how)") }
            return load.look() != nil && hasSettled()
        }
        settledAfter = settled ? Clock.monotonicMilliseconds() - start : nil
        Progress.say(settled ? "one GSA everywhere" : "members did not agree in time")
        gather()
        if canary == .deafMember { fleet.resume("member-2") }
    }

    private func restart(_ identity: String) {
        let numbers = 1...max(1, lab.topology.members)
        guard let number = numbers.first(where: { "fqdn:\(Fleet.memberName($0))" == identity }) else { return }
        fleet.end("member-\(number)", SIGTERM)
        try? fleet.start("member-\(number)")
    }

    private func hasSettled() -> Bool {
        gather()
        return OneGSA.deviations(evidence).isEmpty && Registrations.check(evidence).broken.isEmpty
    }

    private func gather() {
        evidence.ledger = load.ledger
        evidence.views = load.views
        evidence.doubled = load.doubled
        evidence.traces = fleet.traces()
        evidence.excluded = load.excluded
        evidence.minorities = actor.minorities
        let members = (1...max(1, lab.topology.members)).filter { fleet.pid("member-\($0)") != nil }
        evidence.running = Set(members.map { "fqdn:\(Fleet.memberName($0))" })
        if let shown = control.items(["member", "list", "market-data"], ShownMember.self) {
            evidence.finalMembers = Dictionary(
                shown.filter { $0.state == "member" }.map { ($0.identity, $0.sender_ids) }, uniquingKeysWith: +)
        }
    }

    /// Ends every program and reads what is left behind.
    func finish() {
        if let groups = control.items(["group", "list"], ShownGroup.self) {
            evidence.finalGroups = Set(groups.map(\.name))
        }
        for name in names.reversed() where fleet.pid(name) != nil { fleet.ask(name) }
        for name in names.reversed() { fleet.end(name, SIGTERM, atMost: 15_000) }
        evidence.endings = fleet.endings
        evidence.resident = fleet.resident
        evidence.rekeys = CapturedRekey.all(in: [UInt8](FileManager.default.contents(atPath: lab.capture) ?? Data()))
        for number in 1...max(1, lab.topology.members) {
            let path = "\(Fleet.memberFolder(lab, number))/ikev2_decryption_table"
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            evidence.keyRows["fqdn:\(Fleet.memberName(number))"] = text.split(separator: "\n").map(String.init)
        }
        if canary == .leakedKey {
            evidence.keyRows["fqdn:\(Fleet.memberName(1))", default: []] +=
                evidence.keyRows["fqdn:\(Fleet.memberName(2))"] ?? []
        }
        if canary == .lostChange {
            let attempt = LedgerEntry.Attempt(sent: 0, answered: 0, code: 0)
            evidence.ledger.append(
                LedgerEntry(requestID: "canary", change: .createGroup("never-made"), attempts: [attempt]))
        }
    }

    var leaderFaults: [Int] { actor.leaderFaults }

    private var names: [String] {
        (1...Topology.authorities).map { "authority-\($0)" } + (1...Topology.frontends).map { "frontend-\($0)" }
            + (1...Topology.broadcasters).map { "broadcaster-\($0)" }
            + (1...max(1, lab.topology.members)).map { "member-\($0)" }
    }

    private func startCanary() throws -> Child? {
        guard canary == .forgedRekey else { return nil }
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return try lab.start(
            [own, "forge", "--capture", lab.capture, "--source", "10.77.9.1"], on: "operator",
            output: "\(lab.folder)/log/forger.out", errors: "\(lab.folder)/log/forger.log")
    }

    private static func wait(_ milliseconds: Int, _ condition: () -> Bool) -> Bool {
        let end = Clock.monotonicMilliseconds() + milliseconds
        while Clock.monotonicMilliseconds() < end {
            if condition() { return true }
            Clock.pause(milliseconds: 200)
        }
        return condition()
    }
}
