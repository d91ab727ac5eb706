import ArgumentParser
import AuthorityRPC
import GroupModel
import Octets

extension ConnectionOptions {
    /// What each authority says of itself.
    func everyAuthority() async throws(CommandEnd) -> [EachAuthority.Answer] {
        let reach = try reach()
        guard !reach.link.targets.isEmpty else { throw CommandEnd(.usage, ["no authority is named"]) }
        let answers = await EachAuthority.program(reach.link, timeout: min(reach.timeout, .seconds(4)))
        for case .failure(.notAuthorised(let why)) in answers.map(\.result) { throw CommandEnd(.notAuthorised, [why]) }
        return answers
    }
}

struct UpgradeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade", abstract: "Leads a cluster from one version of gcks to the next.",
        discussion: """
            Upgrade the authorities one by one: each works in the schema that the store is in. When all run the new version,
            finalize takes the new schema; there is no way back from that.

            Example: gcksctl upgrade plan
            """,
        subcommands: [UpgradeStatus.self, UpgradePlan.self, UpgradeFinalize.self])
}

struct UpgradeStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows the version of each authority and the schema of the store.",
        discussion: "Example: gcksctl upgrade status")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let view = UpgradeView(try await connection.everyAuthority())
        connection.show(view.table(), view.json())
        guard view.leader != nil else { throw CommandEnd(.unavailable, ["no authority leads at present"]) }
        Terminal.next(view.isDue ? "gcksctl upgrade plan" : "gcksctl status")
    }
}

struct UpgradePlan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Tells what finalize would do, and what stands in its way.",
        discussion: "Example: gcksctl upgrade plan")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let view = UpgradeView(try await connection.everyAuthority())
        connection.show(view.plan().joined(separator: "\n"), view.json())
        guard view.leader != nil else { throw CommandEnd(.unavailable, ["no authority leads at present"]) }
        guard view.obstacles.isEmpty else { throw CommandEnd(.conflict, view.obstacles) }
        Terminal.next(view.isDue ? "gcksctl upgrade finalize --reason TEXT" : "gcksctl upgrade status")
    }
}

struct UpgradeFinalize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "finalize", abstract: "Takes the newest schema that all authorities know. Cannot be taken back.",
        discussion: "Example: gcksctl upgrade finalize --reason \"0.2.0 on all nodes\" --yes --confirm schema-2")

    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let view = UpgradeView(try await connection.everyAuthority())
        guard let leader = view.leader, let schema = leader.schema else {
            throw CommandEnd(.unavailable, ["no authority leads at present"])
        }
        guard view.isDue else {
            Terminal.output("the store is in schema \(schema), the newest that \(leader.name) knows")
            return
        }
        let target = leader.schemaKnown
        try await connection.change(mandate, of: "schema-\(target)", next: "gcksctl upgrade status") {
            .upkeep(.upgradeFinalize(schema: target, known: view.known, $0))
        }
    }
}

/// Versions and schemas of a cluster.
struct UpgradeView {
    let answers: [EachAuthority.Answer]

    init(_ answers: [EachAuthority.Answer]) { self.answers = answers }

    private var programs: [ProgramStatus] { answers.compactMap { try? $0.result.get() } }
    var leader: ProgramStatus? { programs.first { $0.isLeader && $0.schema != nil } }
    var known: [String: Int64] {
        Dictionary(programs.map { ($0.name, $0.schemaKnown) }, uniquingKeysWith: { min($0, $1) })
    }

    /// The leader knows a newer schema than the store is in.
    var isDue: Bool { leader.map { $0.schemaKnown > $0.schema ?? 0 } ?? false }

    var obstacles: [String] {
        guard let leader, isDue else { return [] }
        return answers.compactMap { answer in
            switch answer.result {
            case .failure(let failure):
                "\(answer.name) does not answer (\(CommandEnd(failure).lines.joined(separator: "; "))): start it first"
            case .success(let program) where program.schemaKnown < leader.schemaKnown:
                "\(answer.name) runs \(program.version) and knows schemas up to \(program.schemaKnown): upgrade it first"
            case .success: nil
            }
        }
    }

    func plan() -> [String] {
        guard let leader, let schema = leader.schema else { return ["no authority leads at present"] }
        guard isDue else {
            return ["nothing to do: the store is in schema \(schema), the newest that \(leader.name) knows"]
        }
        return ["the store is in schema \(schema), and \(leader.name) knows schema \(leader.schemaKnown)"]
            + (obstacles.isEmpty
                ? ["every authority knows it too: finalize takes it in one transaction, members notice nothing"]
                : obstacles.map { "not yet: \($0)" })
    }

    func table() -> String {
        var table = TextTable(["AUTHORITY", "VERSION", "KNOWS SCHEMA", "STATE"])
        for answer in answers {
            switch answer.result {
            case .success(let program):
                table.add([
                    program.name, program.version, "\(program.schemaKnown)", program.isLeader ? "leader" : "follower",
                ])
            case .failure(let failure):
                table.add([answer.name, "", "", CommandEnd(failure).lines.joined(separator: "; ")])
            }
        }
        let schema = leader?.schema.map { "schema \($0)" } ?? "schema unknown"
        let cluster = leader?.cluster.map { Hex.encode($0.octets) } ?? "-"
        return "STORE  \(schema)   newest \(programs.map(\.schemaKnown).max() ?? 0)   cluster \(cluster)\n\n"
            + table.rendered()
    }

    func json() -> JSONValue {
        let authorities = answers.map { answer -> JSONValue in
            switch answer.result {
            case .success(let program):
                .object([
                    ("name", .text(program.name)), ("version", .text(program.version)),
                    ("schema_known", .integer(program.schemaKnown)), ("leader", .bool(program.isLeader)),
                    ("error", .null),
                ])
            case .failure(let failure):
                .object([
                    ("name", .text(answer.name)), ("version", .null), ("schema_known", .null), ("leader", .bool(false)),
                    ("error", .text(CommandEnd(failure).lines.joined(separator: "; "))),
                ])
            }
        }
        let item = JSONValue.object([
            ("schema", leader?.schema.map { JSONValue.integer($0) } ?? .null),
            ("cluster", .optional(leader?.cluster.map { Hex.encode($0.octets) })), ("due", .bool(isDue)),
            ("obstacles", .list(obstacles.map { .text($0) })), ("authorities", .list(authorities)),
        ])
        return .document(kind: "UpgradeStatus", items: [item])
    }
}
