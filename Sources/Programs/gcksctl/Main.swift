import ArgumentParser
import Glibc

@main
struct Main {
    static func main() async {
        let arguments = Plurals.folded(Array(CommandLine.arguments.dropFirst()))
        do {
            var command = try Gcksctl.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let end as CommandEnd {
            for line in end.lines { Terminal.error("error: \(line)") }
            exit(end.code.rawValue)
        } catch {
            // A request for help leaves with 0 and goes to stdout; everything else the parser says is a usage error.
            let isHelp = Gcksctl.exitCode(for: error).isSuccess
            let text = Gcksctl.fullMessage(for: error)
            if isHelp { Terminal.output(text) } else { Terminal.error(text) }
            exit(isHelp ? 0 : CommandCode.usage.rawValue)
        }
    }
}

/// `gcksctl groups list` works like `gcksctl group list`, without showing in the help.
enum Plurals {
    private static let nouns = ["groups": "group", "members": "member", "senders": "sender", "rekeys": "rekey"]

    static func folded(_ arguments: [String]) -> [String] {
        guard let noun = arguments.first.flatMap({ nouns[$0] }) else { return arguments }
        return [noun] + arguments.dropFirst()
    }
}

struct Gcksctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gcksctl", abstract: "Operates a GCKS cluster.",
        discussion: """
            Examples:
              gcksctl status
              gcksctl group apply -f market-data.yaml --dry-run
              gcksctl rekey now market-data
              gcksctl member list market-data -o json

            Exit codes: 0 success, 1 failed, 2 usage or invalid file, 3 not found, 4 not authorised, 5 conflict,
            6 unavailable, 7 timed out with an unknown outcome (repeat with the printed --request-id).
            """,
        subcommands: [
            StatusCommand.self, GroupCommand.self, MemberCommand.self, RekeyCommand.self, SenderCommand.self,
            PolicyCommand.self, AuditCommand.self,
            VersionCommand.self,
            ClusterCommand.self, UpgradeCommand.self, KeyCommand.self, VersionCommand.self,
        ])
}
