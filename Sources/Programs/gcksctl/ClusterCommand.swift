import ArgumentParser

struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "Shows the authorities' log, adds authorities to it and takes them out.",
        subcommands: [ClusterPeers.self] + MembershipCommands.all)
}
