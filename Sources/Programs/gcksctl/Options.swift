import ArgumentParser
import AuthorityRPC
import Glibc
import GroupModel
import IKEVocabulary
import KeyMaterial
import Octets

enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case table, json }

struct OutputOptions: ParsableArguments {
    @Option(name: [.short, .long], help: "How data is shown.") var output: OutputFormat = .table

    func show(_ table: String, _ json: JSONValue) {
        switch output {
        case .table: Terminal.output(table)
        case .json: Terminal.output(json.rendered())
        }
    }
}

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
    @Option(help: "The settings file.") var config: String?
    @Option(help: ArgumentHelp("How long to wait for an answer.", valueName: "seconds")) var timeout: UInt16 = 10
    @OptionGroup var output: OutputOptions

    func show(_ table: String, _ json: JSONValue) { output.show(table, json) }

    /// `file` is the group file a refused definition came from.
    func perform(_ request: OperatorRequest, file: String? = nil) async throws(CommandEnd) -> OperatorReply {
        var link = try ControlFile.link(config, needed: authority.isEmpty)
        if !authority.isEmpty { link.targets = authority.map(\.target) }
        do {
            return try await OperatorClient(link: link, timeout: .seconds(max(1, Int(timeout)))).perform(request)
        } catch {
            throw CommandEnd(error, file: file)
        }
    }
}

struct TargetArgument: ExpressibleByArgument {
    let target: AuthorityTarget

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="),
            let peer = PeerIdentity(role: .authority, name: String(argument[..<equals])),
            let target = AuthorityTarget(name: peer.name, String(argument[argument.index(after: equals)...]))
        else { return nil }
        self.target = target
    }
}

extension GroupName: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

extension Identity: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

extension RekeyScope: EnumerableFlag {}
