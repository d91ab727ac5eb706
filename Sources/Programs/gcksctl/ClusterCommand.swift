import ArgumentParser

struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "Adds authorities to the cluster and takes them out.",
        subcommands: MembershipCommands.all)
}
