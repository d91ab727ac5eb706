import GroupModel

/// What scripts rely on.
enum CommandCode: Int32 {
    case failed = 1
    case usage = 2
    case notFound = 3
    case notAuthorised = 4
    case conflict = 5
    case unavailable = 6
    case unknownOutcome = 7
    /// Some items were done and some were not; both are listed.
    case partial = 8
    /// A second person must approve; the proposal is named.
    case approvalRequired = 9
    /// What was compared differs.
    case differences = 10
    /// `status --check`.
    case unhealthy = 11

    /// As the help and the tests tell it.
    static let table: [(code: Int32, meaning: String)] = [
        (0, "success"), (1, "failed"), (2, "usage or invalid file"), (3, "not found"), (4, "not authorised"),
        (5, "conflict or unmet precondition"), (6, "no quorum or unavailable"),
        (7, "timed out with an unknown outcome (repeat with the printed --request-id)"),
        (8, "partial success"), (9, "approval required"), (10, "differences found"), (11, "unhealthy (status --check)"),
    ]
}

/// A command that did not succeed: what stderr says, one line each, the exit code, and the command that helps on.
struct CommandEnd: Error {
    let code: CommandCode
    let lines: [String]
    let next: String?

    init(_ code: CommandCode, _ lines: [String], next: String? = nil) {
        self.code = code
        self.lines = lines
        self.next = next
    }

    /// The authority answered something else than was asked.
    static let odd = CommandEnd(.failed, ["the authority gave an answer of another kind"], next: "gcksctl version")

    /// `file` is the group file a definition came from.
    init(_ failure: OperatorFailure, file: String? = nil) {
        switch failure {
        case .notFound(let text): self.init(.notFound, [text], next: "gcksctl status")
        case .invalid(let faults):
            let place = file.map { "\($0): " } ?? ""
            self.init(.usage, faults.map { "\(place)\($0.path): \($0.problem) (valid: \($0.valid))" })
        case .conflict(let text): self.init(.conflict, [text], next: "gcksctl status")
        case .notAuthorised(let text): self.init(.notAuthorised, [text], next: "gcksctl role whoami")
        case .notLeader(let leader):
            let line = leader.map { "the leader is \($0)" } ?? "no authority leads at present"
            self.init(.unavailable, [line], next: "gcksctl status")
        case .unavailable(let text): self.init(.unavailable, [text], next: "gcksctl doctor")
        case .unknownOutcome(let operation):
            let line = "no answer in time; whether it happened is not known: repeat with --request-id \(operation)"
            self.init(.unknownOutcome, [line])
        }
    }
}
