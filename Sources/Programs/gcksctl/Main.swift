import ArgumentParser
import Glibc
import GroupModel

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
        } catch let failure as OperatorFailure {
            leave(CommandEnd(failure))
        } catch let end as CommandEnd {
            leave(end)
        } catch {
            // A request for help leaves with 0 and goes to stdout; everything else the parser says is a usage error.
            let isHelp = Gcksctl.exitCode(for: error).isSuccess
            let text = Gcksctl.fullMessage(for: error)
            if isHelp { Terminal.output(text) } else { Terminal.error(text) }
            exit(isHelp ? 0 : CommandCode.usage.rawValue)
        }
    }

    private static func leave(_ end: CommandEnd) -> Never {
        for line in end.lines { Terminal.error("error: \(line)") }
        if let next = end.next { Terminal.next(next) }
        exit(end.code.rawValue)
    }
}

/// `gcksctl groups list` works like `gcksctl group list`, without showing in the help.
enum Plurals {
    private static let nouns = [
        "groups": "group", "members": "member", "senders": "sender", "rekeys": "rekey", "frontends": "frontend",
        "nodes": "node",
    ]

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

            Exit codes: \(exitCodes).
            """,
        subcommands: [
            StatusCommand.self, TopCommand.self, DoctorCommand.self, GroupCommand.self, MemberCommand.self,
            RekeyCommand.self, SenderCommand.self, PolicyCommand.self, FrontendCommand.self, AuditCommand.self,
            BackupCommand.self, ConfigCommand.self, RoleCommand.self, ContextCommand.self, CompletionCommand.self,
            SchemaCommand.self, LeaderCommand.self, NodeCommand.self, RequestCommand.self, ClusterCommand.self,
            UpgradeCommand.self, KeyCommand.self, VersionCommand.self,
        ])

    private static let exitCodes = CommandCode.table.map { "\($0.code) \($0.meaning)" }.joined(separator: ", ")
}
