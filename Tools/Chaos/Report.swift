/// What a run shows at its end.
struct Report {
    let evidence: Evidence
    let played: [FaultKind: Int]
    let leaderFaults: [Int]
    let settledAfter: Int?

    func lines() -> [String] {
        let findings = Promises.check(evidence)
        return table() + [""] + findings.map(\.line)
            + findings.flatMap { finding in finding.broken.prefix(20).map { "   \(finding.promise): \($0)" } }
    }

    private func table() -> [String] {
        let acts = FaultKind.allCases.compactMap { kind in played[kind].map { "\(kind.rawValue) \($0)" } }
        let places = Set(evidence.rekeys.map(\.place))
        let registrations = evidence.traces.reduce(0) { sum, trace in
            sum + trace.records.count { $0.action == "install" && $0.kind == "rekey" }
        }
        let recovery = recoveryTimes().sorted()
        let attempts = evidence.ledger.reduce(0) { $0 + $1.attempts.count }
        return [
            "acts                      \(acts.isEmpty ? "none" : acts.joined(separator: ", "))",
            "changes acknowledged      \(evidence.ledger.count(where: \.isAcknowledged)) of \(evidence.ledger.count), asked \(attempts) times",
            "unknown, then resolved    \(evidence.ledger.count { $0.wasUnknown && $0.isResolved })",
            "rekey messages            \(places.count), datagrams \(evidence.rekeys.count)",
            "lives of members          \(evidence.traces.count), Rekey SAs installed \(registrations)",
            "after a fault of a leader, to the next acknowledgement: " + Self.quantiles(recovery),
            "all members on one GSA    \(settledAfter.map { "\(Act.seconds($0)) s after the last fault" } ?? "never")",
        ]
    }

    /// From each act on a leader to the first change asked for and acknowledged, or Rekey SA installed, afterwards.
    private func recoveryTimes() -> [Int] {
        let attempts = evidence.ledger.flatMap(\.attempts).filter { $0.code == 0 }
        return leaderFaults.compactMap { fault in
            attempts.filter { $0.answered >= fault + 20 }.map(\.answered).min().map { $0 - fault }
        }
    }

    static func quantiles(_ sorted: [Int]) -> String {
        guard let last = sorted.last else { return "none" }
        let at = { (part: Double) in sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))] }
        return
            "p50 \(Act.seconds(at(0.5))) s, p99 \(Act.seconds(at(0.99))) s, max \(Act.seconds(last)) s (\(sorted.count))"
    }
}
