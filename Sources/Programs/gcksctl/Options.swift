package import ArgumentParser
import AuthorityRPC
import Glibc
import GroupModel
import IKEVocabulary
import KeyMaterial
import Octets

/// The id of a change: a retry with the same one returns the first result.
struct RequestOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Repeat an earlier request.", valueName: "hex"))
    var requestID: RequestID?

    func operation() throws(CommandEnd) -> OperationID {
        if let requestID { return requestID.operation }
        var entropy = SystemEntropy()
        guard let operation = OperationID(octets: entropy.octets(16)) else {
            throw CommandEnd(.failed, ["no request id can be made"])
        }
        return operation
    }
}

struct RequestID: ExpressibleByArgument {
    let operation: OperationID

    init?(argument: String) {
        guard let octets = Hex.decode(argument), let operation = OperationID(octets: octets) else { return nil }
        self.operation = operation
    }
}

/// Where the authorities are, and how long to wait.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "An authority: NAME=/path/of.sock or NAME=host:port. Repeatable; in place of the file's.",
            valueName: "name=address"))
    var authority: [TargetArgument] = []
    @Option(help: "The settings file.", completion: .file(extensions: ["yaml"])) var config: String?
    @Option(help: "The cluster to speak to, one of `gcksctl context list`.", completion: .custom(Completions.contexts))
    var context: String?
    @Option(
        help: ArgumentHelp(
            "How long to wait for an answer (default: the settings file's, or 10).", valueName: "seconds"))
    var timeout: Interval?
    @OptionGroup var output: OutputOptions

    func show(_ table: String, _ json: JSONValue, wide: String? = nil) { output.show(table, json, wide: wide) }

    /// The settings with what the command line says in their place.
    func reach() throws(CommandEnd) -> Reach {
        var reach = try ControlFile.reach(config, context: context, needed: authority.isEmpty)
        if !authority.isEmpty { reach.link.targets = authority.map(\.target) }
        if let timeout { reach.timeout = timeout.duration }
        return reach
    }

    /// `file` is the group file a refused definition came from.
    func perform(_ request: OperatorRequest, file: String? = nil) async throws(CommandEnd) -> OperatorReply {
        let reach = try reach()
        do {
            return try await OperatorClient(link: reach.link, timeout: reach.timeout).perform(request)
        } catch {
            throw CommandEnd(error, file: file)
        }
    }
}

/// A cluster as this command reaches it.
struct Reach: Sendable {
    var link: AuthorityLink
    var timeout: Duration
    /// The context it came from, for prompts; nil for a plain settings file or `--authority`.
    var context: String?
}

struct TargetArgument: ExpressibleByArgument {
    let target: AuthorityTarget
    /// As it was written.
    let address: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="),
            let peer = PeerIdentity(role: .authority, name: String(argument[..<equals])),
            let target = AuthorityTarget(name: peer.name, String(argument[argument.index(after: equals)...]))
        else { return nil }
        self.target = target
        address = String(argument[argument.index(after: equals)...])
    }
}

extension GroupName: ExpressibleByArgument {
    package static var defaultCompletionKind: CompletionKind { .custom(Completions.groups) }
    package init?(argument: String) { self.init(argument) }
}

extension Identity: ExpressibleByArgument {
    package static var defaultCompletionKind: CompletionKind { .custom(Completions.members) }
    package init?(argument: String) { self.init(argument) }
}

extension RekeyScope: EnumerableFlag {}
