import ArgumentParser

struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "Adds authorities to the cluster and takes them out.",
        discussion: "Example: gcksctl cluster token create --node authority-4",
        subcommands: MembershipCommands.all)
}
