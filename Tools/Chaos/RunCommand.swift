import ArgumentParser
import Foundation

/// `gcks-chaos run`: plays a plan on a cluster in namespaces of its own. `Tools/chaos` makes settings and starts it.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Plays a plan and checks the promises.")

    @Option(help: "The folder with settings and certificates.") var folder: String
    @Option(help: "The folder of the programs.") var bin: String
    @Option(help: "How long faults and load go on.") var minutes: Double = 3
    @Option(help: "The same seed makes the same plan.") var seed: UInt64 = 1
    @Option(help: "Kinds of faults, separated by commas; all when left out.") var faults: String?
    @Option(help: "A plan from a file, in place of a seeded one.") var plan: String?
    @Option(help: "A promise to break.") var canary: Canary?
    @Option(help: "Members.") var members = 12
    @Option(help: "Seconds in which members must agree when all is healed.") var settle = 240
    @Flag(help: "Show the plan and end.") var dryRun = false

    func validate() throws {
        guard (0.1...1440).contains(minutes) else { throw ValidationError("--minutes: 0.1 to 1440") }
        guard (1...48).contains(members) else { throw ValidationError("--members: 1 to 48") }
        guard (1...3600).contains(settle) else { throw ValidationError("--settle: 1 to 3600") }
    }

    func run() throws {
        let milliseconds = Int(minutes * 60_000)
        let plan = possible(try makePlan(milliseconds))
        Progress.plain("plan (seed \(seed)):\n" + PlanFile.text(plan))
        guard !dryRun else { return }
        let lab: Lab
        let conductor: Conductor
        do {
            lab = try Lab(folder: folder, bin: bin, topology: Topology(members: members), seed: seed)
            let preload = plan.acts.contains { $0.kind == .clock } ? MachineAbilities.clockLibrary : nil
            let fleet = Fleet(lab: lab, clockLibrary: preload)
            conductor = try Conductor(lab: lab, plan: plan, canary: canary, fleet: fleet, seed: seed)
            try conductor.play(milliseconds: milliseconds)
        } catch let failure as LabFailure {
            Progress.plain("chaos: \(failure)")
            throw ExitCode(3)
        }
        conductor.settle(atMost: settle * 1000)
        conductor.finish()
        try judge(conductor)
    }

    private func judge(_ conductor: Conductor) throws {
        let report = Report(
            evidence: conductor.evidence, played: conductor.played, leaderFaults: conductor.leaderFaults,
            settledAfter: conductor.settledAfter)
        Progress.plain("")
        for line in report.lines() { Progress.plain(line) }
        let findings = Promises.check(conductor.evidence)
        if let canary {
            let caught = canary.isCaught(findings)
            Progress.plain("canary \(canary.rawValue): " + (caught ? "caught" : "NOT CAUGHT, or not alone"))
            throw ExitCode(caught ? 0 : 1)
        }
        guard findings.allSatisfy(\.broken.isEmpty) else { throw ExitCode(1) }
    }

    /// The plan without the acts that this machine cannot make.
    private func possible(_ plan: FaultPlan) -> FaultPlan {
        let lacking = MachineAbilities.lacking
        for (kind, what) in lacking where plan.acts.contains(where: { $0.kind == kind }) {
            Progress.plain("without \(kind.rawValue): \(what)")
        }
        return FaultPlan(plan.acts.filter { act in !lacking.contains { $0.kind == act.kind } })
    }

    private func makePlan(_ milliseconds: Int) throws -> FaultPlan {
        if let plan {
            let text: String
            do { text = try String(contentsOfFile: plan, encoding: .utf8) } catch {
                throw ValidationError("\(plan) cannot be read")
            }
            do throws(PlanFile.Fault) { return try PlanFile.parse(text) } catch {
                throw ValidationError("\(plan): \(error)")
            }
        }
        var kinds = Set(FaultKind.allCases)
        if let faults {
            kinds = []
            for name in faults.split(separator: ",").map(String.init) {
                guard let kind = FaultKind(rawValue: name) else {
                    let valid = FaultKind.allCases.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("--faults: \(name); valid: \(valid)")
                }
                kinds.insert(kind)
            }
        }
        return FaultPlan.make(seed: seed, milliseconds: milliseconds, kinds: kinds, members: members)
    }
}
