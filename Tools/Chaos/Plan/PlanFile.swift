/// A plan as text: one act a line; `#` begins a comment.
enum PlanFile {
    struct Fault: Error, Hashable, CustomStringConvertible {
        let line: Int
        let problem: String
        var description: String { "line \(line): \(problem)" }
    }

    static func text(_ plan: FaultPlan) -> String { plan.acts.map { "\($0)\n" }.joined() }

    /// - Throws: the first fault. Two acts that could cost the quorum must not overlap: that is what `majority` is for.
    static func parse(_ text: String) throws(Fault) -> FaultPlan {
        var acts: [(act: Act, line: Int)] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
            guard !words.isEmpty else { continue }
            acts.append((try act(words, line: index + 1), index + 1))
        }
        acts.sort { $0.act.start < $1.act.start }
        let threats = acts.filter(\.act.threatensQuorum)
        for (earlier, later) in zip(threats, threats.dropFirst()) where later.act.start < earlier.act.end {
            throw Fault(
                line: later.line, problem: "begins before \"\(earlier.act)\" is over; both can cost the quorum")
        }
        return FaultPlan(acts.map(\.act))
    }

    private static func act(_ words: [String], line: Int) throws(Fault) -> Act {
        guard words.count == 4 || words.count == 5 else {
            throw Fault(line: line, problem: "\(words.count) words; valid: START KIND TARGET DURATION [LEVEL]")
        }
        guard let kind = FaultKind(rawValue: words[1]) else {
            let valid = FaultKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw Fault(line: line, problem: "unknown kind \(words[1]); valid: \(valid)")
        }
        guard let target = Target(words[2]) else {
            throw Fault(
                line: line, problem: "unknown target \(words[2]); valid: leader, follower, network, ROLE-NUMBER")
        }
        guard let start = milliseconds(words[0]), let duration = milliseconds(words[3]), duration > 0 else {
            throw Fault(line: line, problem: "START and DURATION are seconds such as 12.5, at most 86400")
        }
        guard let level = words.count == 5 ? Int(words[4]) : 0 else {
            throw Fault(line: line, problem: "LEVEL is a whole number, not \(words[4])")
        }
        return Act(start: start, kind: kind, target: target, duration: duration, level: level)
    }

    private static func milliseconds(_ text: String) -> Int? {
        guard let seconds = Double(text), seconds >= 0, seconds <= 86_400 else { return nil }
        return Int((seconds * 1000).rounded())
    }
}
