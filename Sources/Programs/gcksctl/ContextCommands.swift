import ArgumentParser
import AuthorityRPC
import Settings

struct ContextCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "context", abstract: "Keeps the clusters you work with, one of them in use.",
        discussion: """
            Contexts stand in ~/.config/gcks/gcksctl.yaml, or in the file that --config or GCKSCTL_CONFIG names.

            Examples:
              gcksctl context set prod --authority a-1=192.0.2.1:7701 --ca ca.pem --certificate me.pem --key me.key
              gcksctl context use prod
            """,
        subcommands: [ContextDelete.self, ContextList.self, ContextSet.self, ContextUse.self])
}

/// The file the contexts are kept in.
struct ContextFileOptions: ParsableArguments {
    @Option(help: "The file that holds the contexts.", completion: .file(extensions: ["yaml"])) var config: String?

    /// What is in it; nothing when it is not there yet.
    func load() throws(CommandEnd) -> (file: String, known: ControlContexts) {
        guard let file = config ?? ControlFile.named ?? ControlFile.ownPath else {
            throw CommandEnd(.usage, ["no home folder: name the file with --config"])
        }
        guard ControlFile.exists(file) else { return (file, ControlContexts()) }
        guard let known = try ControlFile.contexts(file) else {
            throw CommandEnd(
                .conflict, ["\(file) is for one cluster; contexts need a file of their own"],
                next: "gcksctl context set NAME --from \(file) --config ~/.config/gcks/gcksctl.yaml")
        }
        return (file, known)
    }

    func save(_ contexts: ControlContexts, _ file: String) throws(CommandEnd) {
        do throws(SettingsFaults) {
            try contexts.save(file: file)
        } catch {
            throw CommandEnd(.failed, error.faults.map(\.description))
        }
    }
}

struct ContextList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the contexts.", discussion: "Example: gcksctl context list")

    @OptionGroup var place: ContextFileOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let (_, known) = try place.load()
        var table = TextTable(["IN USE", "NAME", "AUTHORITIES", "CERTIFICATE"])
        for context in known.contexts {
            let authorities = context.settings.authorities.map { "\($0.name)=\($0.address)" }
            table.add([
                context.name == known.inUse ? "*" : "-", context.name, authorities.joined(separator: ", "),
                context.settings.tls?.certificate ?? "-",
            ])
        }
        output.show(
            table.rendered(),
            .document(kind: "Context", items: known.contexts.map { Self.json($0, inUse: $0.name == known.inUse) }))
        let other = known.contexts.first { $0.name != known.inUse }?.name
        Terminal.next(
            known.contexts.isEmpty
                ? "gcksctl context set NAME --authority NAME=HOST:PORT"
                : other.map { "gcksctl context use \($0)" } ?? "gcksctl status")
    }

    static func json(_ context: ControlContexts.Context, inUse: Bool) -> JSONValue {
        let authorities = context.settings.authorities.map { authority in
            JSONValue.object([("name", .text(authority.name)), ("address", .text(authority.address))])
        }
        let (seconds, attoseconds) = context.settings.timeout.components
        return .object([
            ("name", .text(context.name)), ("in_use", .bool(inUse)), ("authorities", .list(authorities)),
            ("certificate", .optional(context.settings.tls?.certificate)),
            ("timeout_seconds", .number(Double(seconds) + Double(attoseconds) / 1e18)),
        ])
    }
}

struct ContextUse: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "use", abstract: "Makes a context the one that commands speak to.",
        discussion: "Example: gcksctl context use prod")

    @Argument(help: "The context.", completion: .custom(Completions.contexts)) var name: String
    @OptionGroup var place: ContextFileOptions

    func run() throws {
        var (file, known) = try place.load()
        guard known[name] != nil else { throw CommandEnd.noContext(name, known) }
        known.inUse = name
        try place.save(known, file)
        Terminal.output("\(name) is in use")
        Terminal.next("gcksctl status")
    }
}

struct ContextDelete: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Forgets a context. The cluster is not touched.",
        discussion: "Example: gcksctl context delete lab")

    @Argument(help: "The context.", completion: .custom(Completions.contexts)) var name: String
    @OptionGroup var place: ContextFileOptions

    func run() throws {
        var (file, known) = try place.load()
        guard known[name] != nil else { throw CommandEnd.noContext(name, known) }
        known.contexts.removeAll { $0.name == name }
        if known.inUse == name { known.inUse = nil }
        try place.save(known, file)
        Terminal.output("\(name) is forgotten")
        Terminal.next("gcksctl context list")
    }
}

struct ContextSet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Makes a context, or changes what is named of it.",
        discussion: """
            The first context is used at once.

            Examples:
              gcksctl context set lab --authority a-1=/run/gcks/authority.sock
              gcksctl context set prod --from /etc/gcks/gcksctl.yaml
            """)

    @Argument(help: "The context.", completion: .custom(Completions.contexts)) var name: String
    @Option(
        help: ArgumentHelp("An authority: NAME=/path/of.sock or NAME=host:port. Repeatable.", valueName: "name=address")
    )
    var authority: [TargetArgument] = []
    @Option(help: "Who signed the authorities' certificates, PEM.", completion: .file()) var ca: String?
    @Option(help: "Your certificate, PEM.", completion: .file()) var certificate: String?
    @Option(help: "Its key, PEM, mode 0600.", completion: .file()) var key: String?
    @Option(help: "The trust domain of the cluster's certificates.") var trustDomain: String?
    @Option(help: "How long commands wait for an answer, 1s or more.") var timeout: Interval?
    @Option(help: "A settings file for one cluster to begin with.", completion: .file(extensions: ["yaml"]))
    var from: String?
    @OptionGroup var place: ContextFileOptions

    func run() throws {
        guard ControlContexts.isName(name) else {
            throw CommandEnd(.usage, ["\"\(name)\" is no name (valid: \(ControlContexts.nameForm))"])
        }
        var (file, known) = try place.load()
        let index = known.contexts.firstIndex { $0.name == name }
        let settings = try changed(index.map { known.contexts[$0].settings })
        let context = ControlContexts.Context(name: name, settings: settings)
        if let index { known.contexts[index] = context } else { known.contexts.append(context) }
        known.inUse = known.inUse ?? name
        try place.save(known, file)
        Terminal.output("\(name) is \(index == nil ? "added" : "changed") in \(file)")
        Terminal.next(known.inUse == name ? "gcksctl status" : "gcksctl context use \(name)")
    }

    private func changed(_ earlier: ControlSettings?) throws(CommandEnd) -> ControlSettings {
        var settings = earlier
        if let from { settings = try ControlFile.settings(from, context: nil).0 }
        let named = authority.map { AuthorityAddress(name: $0.target.name, address: $0.address) }
        if !named.isEmpty {
            settings = ControlSettings(
                authorities: named, tls: settings?.tls, timeout: settings?.timeout ?? ControlSettings.usualTimeout)
        }
        guard var settings else {
            throw CommandEnd(.usage, ["a new context needs --authority NAME=ADDRESS or --from FILE"])
        }
        if ca != nil || certificate != nil || key != nil || trustDomain != nil {
            let old = settings.tls
            guard let ca = ca ?? old?.authority, let certificate = certificate ?? old?.certificate,
                let key = key ?? old?.key
            else { throw CommandEnd(.usage, ["--ca, --certificate and --key belong together"]) }
            settings.tls = TLSFiles(
                authority: ControlFile.absolute(ca), certificate: ControlFile.absolute(certificate),
                key: ControlFile.absolute(key), trustDomain: trustDomain ?? old?.trustDomain ?? "gcks")
        }
        if let key = settings.tls?.key, let fault = SecretFile.fault(key) { throw CommandEnd(.usage, [fault]) }
        if let timeout {
            guard timeout.duration >= .seconds(1) else {
                throw CommandEnd(.usage, ["a timeout below 1s"])
            }
            settings.timeout = timeout.duration
        }
        return settings
    }
}

extension CommandEnd {
    static func noContext(_ name: String, _ known: ControlContexts) -> CommandEnd {
        let names = known.contexts.map(\.name).joined(separator: ", ")
        return CommandEnd(
            .notFound, ["there is no context \(name) (valid: \(names.isEmpty ? "none so far" : names))"],
            next: "gcksctl context list")
    }
}
