import ArgumentParser

struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "Shows the authorities' log, adds authorities to it and takes them out.",
        discussion: "Example: gcksctl cluster token create --node authority-4",
        subcommands: [ClusterPeers.self] + MembershipCommands.all)
}
