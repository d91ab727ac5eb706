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
}

/// A command that did not succeed: what stderr says, one line each, and the exit code.
struct CommandEnd: Error {
    let code: CommandCode
    let lines: [String]

    init(_ code: CommandCode, _ lines: [String]) {
        self.code = code
        self.lines = lines
    }

    /// `file` is the group file a definition came from.
    init(_ failure: OperatorFailure, file: String? = nil) {
        switch failure {
        case .notFound(let text): self.init(.notFound, [text])
        case .invalid(let faults):
            let place = file.map { "\($0): " } ?? ""
            self.init(.usage, faults.map { "\(place)\($0.path): \($0.problem) (valid: \($0.valid))" })
        case .conflict(let text): self.init(.conflict, [text])
        case .notAuthorised(let text): self.init(.notAuthorised, [text])
        case .notLeader(let leader):
            self.init(.unavailable, [leader.map { "the leader is \($0)" } ?? "no authority leads at present"])
        case .unavailable(let text): self.init(.unavailable, [text])
        case .unknownOutcome(let operation):
            let line = "no answer in time; whether it happened is not known: repeat with --request-id \(operation)"
            self.init(.unknownOutcome, [line])
        }
    }
}
