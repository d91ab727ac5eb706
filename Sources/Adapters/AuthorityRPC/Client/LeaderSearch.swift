/// Decides which authority to try next, and after what delay: hints first, then in rotation; 50 ms … 2 s with jitter
/// after each full round without success. Where a stream was lost the authorities are likely choosing their next leader, which
/// takes them a second or two: so long the delay stays at 200 ms.
struct LeaderSearch {
    enum Outcome: Equatable {
        /// The stream worked for a while and was lost, or the authority gave this hint.
        case notLeader(String?)
        case failed
        /// A stream was open; now it is not.
        case lost(hint: String?)
    }

    static let delayMin = Duration.milliseconds(50)
    static let delayMax = Duration.seconds(2)
    /// Rounds after a loss in which it doubles twice only.
    static let electionRounds = 12

    private let names: [String]
    private(set) var current = 0
    private var attempts = 0
    private var hintsFollowed = 0
    private var rounds = 0
    private var hasWorked = false

    init(names: [String]) { self.names = names }

    /// Moves to the next target and says how long to wait before. `jitter` is 0 … 1.
    mutating func advance(after outcome: Outcome, jitter: Double) -> Duration {
        if case .lost = outcome { (attempts, hintsFollowed, rounds, hasWorked) = (0, 0, 0, true) }
        attempts += 1
        switch outcome {
        case .notLeader(let hint?), .lost(let hint?):
            // Hints may chase each other during an election: no more of them per round than there are targets.
            if let index = names.firstIndex(of: hint), index != current, hintsFollowed < names.count {
                hintsFollowed += 1
                current = index
                return .zero
            }
        case .notLeader(nil), .failed, .lost(nil): break
        }
        current = names.isEmpty ? 0 : (current + 1) % names.count
        guard attempts >= names.count else { return .zero }
        (attempts, hintsFollowed) = (0, 0)
        let doublings = hasWorked ? min(rounds, 2) + max(rounds - LeaderSearch.electionRounds, 0) : rounds
        let scale = min(Double(1 << min(doublings, 6)), LeaderSearch.delayMax / LeaderSearch.delayMin)
        rounds += 1
        return LeaderSearch.delayMin * scale * (0.5 + jitter / 2)
    }
}
