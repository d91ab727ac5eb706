/// What a check found: how many things it looked at, and which of them break the promise.
struct Finding: Hashable, Sendable {
    let promise: String
    let looked: Int
    let broken: [String]

    var line: String { "\(broken.isEmpty ? "holds " : "BROKEN") \(promise): \(broken.count) of \(looked)" }
}

/// All promises, in the order of the report.
enum Promises {
    static func check(_ evidence: Evidence) -> [Finding] {
        [
            LostChanges.check(evidence), SenderIDReuse.check(evidence), RekeyOctets.check(evidence),
            Exclusions.check(evidence), OneGSA.check(evidence), Registrations.check(evidence),
            Crashes.check(evidence), Memory.check(evidence), UnknownOutcomes.check(evidence),
            DoubledRequests.check(evidence), MinorityCommits.check(evidence),
        ]
    }
}
