import ArgumentParser

/// What `Tools/chaos` runs.
@main
struct Chaos: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gcks-chaos", abstract: "A cluster under load and faults, looked at from outside.",
        subcommands: [RunCommand.self, ForgeCommand.self])
}
