import ArgumentParser

/// A promise that is broken on purpose: the run succeeds only when its check finds that out.
enum Canary: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// A process on the operator's node multicasts a rekey of the group with one octet changed.
    case forgedRekey = "forged-rekey"
    /// The ledger has a group that nobody made.
    case lostChange = "lost-change"
    /// A member hangs and stays so.
    case deafMember = "deaf-member"
    /// The keys of another member leak to one that was excluded.
    case leakedKey = "leaked-key"

    /// The promise whose check must find it.
    var promise: String {
        switch self {
        case .forgedRekey: RekeyOctets.promise
        case .lostChange: LostChanges.promise
        case .deafMember: OneGSA.promise
        case .leakedKey: Exclusions.promise
        }
    }

    /// Found, and nothing else was.
    func isCaught(_ findings: [Finding]) -> Bool {
        findings.allSatisfy { $0.broken.isEmpty == ($0.promise != promise) }
    }
}
