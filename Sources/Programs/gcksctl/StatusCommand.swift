import ArgumentParser
import AuthorityRPC
import GroupModel
import IKEVocabulary

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows authorities, frontends, broadcasters and groups on one screen.",
        discussion: """
            Answers within a second, without a quorum too: an authority that says nothing in that time is shown as unreachable.
            Ends with 6 when no authority leads, and with --check with 11 when anything is not as it should be.

            Examples:
              gcksctl status
              gcksctl status --check && echo healthy
              gcksctl status --watch -o json
            """)

    @Flag(help: "End with 11 unless everything is healthy.") var check = false
    @OptionGroup var watching: WatchOptions
    @OptionGroup var connection: ConnectionOptions

    /// Leaves time for the start of the program.
    private static let patience = Duration.milliseconds(750)

    func run() async throws {
        let reach = try connection.reach()
        let patience = connection.timeout?.duration ?? Self.patience
        var last: StatusView?
        try await connection.show(watching: watching) {
            let status = try await OperatorClient(link: reach.link, timeout: patience).statusOfAll(within: patience)
            let view = StatusView(status: status, now: TimeText.now(), context: reach.context)
            last = view
            return View(table: view.table(), json: view.json(), wide: view.table(isWide: true))
        }
        guard let last else { return }
        if last.status.leader == nil {
            let line = last.health == "no-answer" ? "no authority answers" : "no authority leads at present"
            throw CommandEnd(check ? .unhealthy : .unavailable, [line], next: "gcksctl doctor")
        }
        if check, last.health != "healthy" || !last.warnings.isEmpty {
            let lines = last.warnings.map(\.text)
            throw CommandEnd(
                .unhealthy, lines.isEmpty ? ["the cluster is \(last.health)"] : lines,
                next: last.warnings.first?.next ?? "gcksctl doctor")
        }
        let group = last.status.groups.first?.definition.name.text
        Terminal.next(
            last.warnings.first?.next ?? group.map { "gcksctl group show \($0)" } ?? "gcksctl group apply -f FILE")
    }
}
