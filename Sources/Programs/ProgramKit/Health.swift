/// One thing a program needs to do its work, and whether it has it now.
package struct HealthCheck: Hashable, Sendable {
    package let name: String
    package let isGood: Bool
    /// For people: what stands, or what is missing.
    package let detail: String

    package init(_ name: String, _ isGood: Bool, _ detail: String = "") {
        self.name = name
        self.isGood = isGood
        self.detail = detail
    }
}

/// The answer of a probe: every check, or only what is wrong.
package enum HealthText {
    package static func text(_ checks: [HealthCheck], isVerbose: Bool) -> String {
        let bad = checks.filter { !$0.isGood }
        let shown = isVerbose ? checks : bad
        let lines = shown.map { check in
            let detail = check.detail.isEmpty ? "" : ": \(check.detail)"
            return "[\(check.isGood ? "+" : "-")] \(check.name)\(detail)\n"
        }
        return lines.joined() + (bad.isEmpty ? "ok\n" : "not ready\n")
    }
}
