import ArgumentParser

struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Prints a completion script for a shell.",
        discussion: """
            Names of groups, members, authorities and contexts are asked of the cluster that the command line names, for at most a
            second.

            Examples:
              source <(gcksctl completion bash)
              gcksctl completion zsh > "${fpath[1]}/_gcksctl"
              gcksctl completion fish > ~/.config/fish/completions/gcksctl.fish
            """)

    enum Shell: String, ExpressibleByArgument, CaseIterable { case bash, zsh, fish }

    @Argument(help: "The shell.") var shell: Shell

    func run() {
        let kind: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        Terminal.output(Gcksctl.completionScript(for: kind))
    }
}
