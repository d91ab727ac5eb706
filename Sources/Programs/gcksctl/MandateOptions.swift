import ArgumentParser
import GroupModel
import IKEVocabulary

/// What stands behind a change on the command line: its id, its reason, dry run, and the confirmation that dangerous ones need.
struct MandateOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Why; kept in the audit trail. Needed from L2 on.", valueName: "text"))
    var reason: ReasonArgument?
    @Flag(help: "Tell what would happen, and change nothing.") var dryRun = false
    @Flag(help: "Do not ask; needs --confirm too.") var yes = false
    @Option(help: ArgumentHelp("The name of what is changed, as a second look.", valueName: "name"))
    var confirm: String?
    @OptionGroup var request: RequestOptions

    func mandate() throws(CommandEnd) -> Mandate {
        Mandate(operation: try request.operation(), reason: reason?.reason, isDryRun: dryRun)
    }
}

struct ReasonArgument: ExpressibleByArgument {
    let reason: Reason

    init?(argument: String) {
        guard let reason = Reason(argument) else { return nil }
        self.reason = reason
    }
}

extension ConnectionOptions {
    /// Makes a change, or tells what it would do. From L2 on the plan is shown first, on stderr, and the change is made when the
    /// name of what it touches was typed, or given with `--yes --confirm NAME`.
    ///
    /// - Parameters:
    ///   - name: what must be confirmed.
    ///   - file: the group file a refused definition came from.
    ///   - next: the useful command after it, or after its dry run.
    func change(
        _ options: MandateOptions, of name: String, file: String? = nil, next: String,
        _ make: (Mandate) -> OperatorRequest
    ) async throws {
        let mandate = try options.mandate()
        let asked = make(mandate)
        if asked.dangerLevel >= .disruptive, !mandate.isDryRun {
            try await confirm(asked.dangerLevel, mandate, options, of: name, make)
        }
        guard case .done(let lines) = try await perform(asked, file: file) else { return }
        let view = ChangeView(lines: lines, operation: mandate.operation, isDryRun: mandate.isDryRun)
        show(view.text(), view.json())
        Terminal.next(next)
    }

    private func confirm(
        _ level: DangerLevel, _ mandate: Mandate, _ options: MandateOptions, of name: String,
        _ make: (Mandate) -> OperatorRequest
    ) async throws {
        guard mandate.reason != nil else {
            throw CommandEnd(.usage, ["this is \(level.label): say why with --reason TEXT"])
        }
        if options.yes || options.confirm != nil {
            guard options.yes, options.confirm == name else {
                throw CommandEnd(.usage, ["this is \(level.label): confirm it with --yes --confirm=\(name)"])
            }
            return
        }
        let trial = Mandate(operation: mandate.operation, reason: mandate.reason, isDryRun: true)
        guard case .done(let plan) = try await perform(make(trial)) else { return }
        for line in plan { Terminal.error("plan: \(TextTable.printable(line))") }
        guard Terminal.isInteractive else {
            throw CommandEnd(
                .usage, ["this is \(level.label) and nothing was changed: repeat with --yes --confirm=\(name)"])
        }
        let context = try reach().context
        Terminal.error("\(level.label)\(context.map { " in \($0)" } ?? ""): type \(name) to go on")
        guard readLine() == name else { throw CommandEnd(.failed, ["not confirmed: nothing was changed"]) }
    }
}
