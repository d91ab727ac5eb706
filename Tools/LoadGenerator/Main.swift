import ArgumentParser

/// What `Tools/bench` runs: many light group members in one process, and the bare cryptography to compare with.
@main
struct LoadGenerator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gcks-loadgen", abstract: "Registers many light group members and measures what they cost.",
        subcommands: [
            RegisterCommand.self, StreamCommand.self, HoldCommand.self, BareCommand.self, RekeyCommand.self,
        ])
}
