import ArgumentParser
import AuthorityRPC
import GroupModel
import IKEVocabulary

struct LeaderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leader", abstract: "Shows who leads, and hands the leadership over.",
        discussion: "Example: gcksctl leader transfer authority-2 --wait",
        subcommands: [LeaderShow.self, LeaderTransfer.self, LeaderStepDown.self])
}

struct NodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node", abstract: "Shows the authorities' nodes and drains them.",
        discussion: "Example: gcksctl node drain authority-1 --dry-run",
        subcommands: [NodeList.self, NodeShow.self, NodeDrain.self, NodeUndrain.self])
}

struct RequestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "request", abstract: "Tells what became of a change.",
        discussion: "Example: gcksctl request show 5b2f0c7d9e8a4b1c", subcommands: [RequestShow.self])
}

extension ConnectionOptions {
    /// What one authority may take to tell of itself.
    private static let patience = Duration.milliseconds(800)

    /// Asks every authority about itself; answers within a second, with quorum or without.
    func nodes() async throws(CommandEnd) -> NodesView {
        let client = try client()
        do {
            return NodesView(
                answers: try await client.nodes(within: min(Self.patience, client.timeout)), now: TimeText.now())
        } catch {
            throw CommandEnd(error)
        }
    }

    private func client() throws(CommandEnd) -> OperatorClient {
        let reach = try reach()
        return OperatorClient(link: reach.link, timeout: reach.timeout)
    }
}

struct LeaderShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows who leads.",
        discussion: """
            Answers within a second, also without quorum: what only others say of the leader is marked stale. Ends with 6 when
            no authority leads.

            Example: gcksctl leader show -o json
            """)

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let view = try await connection.nodes()
        connection.show(view.leaderTable(), view.leaderJSON())
        guard view.leading != nil else { throw CommandEnd(.unavailable, ["no authority leads at present"]) }
        Terminal.next("gcksctl node list")
    }
}

struct LeaderTransfer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer", abstract: "Hands the leadership to another authority.",
        discussion: """
            Without a name to any that votes and is not drained. Under load nobody may take it: then the old leader goes on, and
            the command says so after trying until its time is over.

            Example: gcksctl leader transfer authority-2 --wait
            """)

    @Argument(help: "The authority that shall lead.") var node: String?
    @Flag(help: "Wait until the new leader decides.") var wait = false
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let before = wait ? try await connection.nodes().leading : nil
        try await connection.change(mandate, of: node ?? "leader", next: "gcksctl leader show") {
            .cluster(.transfer(to: node, $0))
        }
        guard wait, !mandate.dryRun else { return }
        let end = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < end {
            let leading = try await connection.nodes().leading
            let isNew = node.map { leading?.name == $0 } ?? (leading?.name != before?.name)
            if let leading, isNew {
                Terminal.error("\(leading.name) leads in term \(leading.term ?? 0)")
                return
            }
            try? await Task.sleep(for: .milliseconds(100))
        }
        throw CommandEnd(.unavailable, ["no new leader decides after 10 s: gcksctl leader show"])
    }
}

struct LeaderStepDown: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step-down", abstract: "Lets another authority lead; for 10 s the present one waits for it.",
        discussion: "Example: gcksctl leader step-down")

    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: "leader", next: "gcksctl leader show") { .cluster(.stepDown($0)) }
    }
}

struct NodeList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the nodes, what they do and how their disks are.",
        discussion: """
            Answers within a second, also without quorum.

            Example: gcksctl node list -o json
            """)

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let view = try await connection.nodes()
        connection.show(view.nodesTable(), view.nodesJSON(view.rows))
        Terminal.next(
            view.rows.first { !$0.detail.isEmpty }.map { "gcksctl node show \($0.name)" } ?? "gcksctl cluster peers")
    }
}

struct NodeShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one node.", discussion: "Example: gcksctl node show authority-1")

    @Argument(help: "The node's name.") var node: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let view = try await connection.nodes()
        guard let row = view.rows.first(where: { $0.name == node }) else {
            let names = view.rows.map(\.name).joined(separator: ", ")
            throw CommandEnd(.notFound, ["there is no node \(node); there are \(names)"])
        }
        connection.show(view.nodeDetail(row), view.nodesJSON([row]))
        Terminal.next(row.isDrained ? "gcksctl node undrain \(node)" : "gcksctl cluster peers")
    }
}

struct NodeDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Takes the leadership from a node and keeps it away.",
        discussion: """
            A drained node goes on holding its copy and voting. It leads only when no other node can.

            Example: gcksctl node drain authority-1 --dry-run
            """)

    @Argument(help: "The node's name.") var node: String
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: node, next: "gcksctl node show \(node)") {
            .cluster(.drain(node: node, isDrained: true, $0))
        }
    }
}

struct NodeUndrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Lets a drained node lead again.",
        discussion: "Example: gcksctl node undrain authority-1")

    @Argument(help: "The node's name.") var node: String
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: node, next: "gcksctl node show \(node)") {
            .cluster(.drain(node: node, isDrained: false, $0))
        }
    }
}

struct ClusterPeers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers", abstract: "Lists the log's nodes: role, how far behind, whether the copies agree.",
        discussion: """
            The leader's heart beats once a second; LAG says how long ago a node's copy got the last beat. DIGEST says how its copy
            compared with the leader's at the last checkpoint. Answers within a second, also without quorum.

            Example: gcksctl cluster peers
            """)

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let view = try await connection.nodes()
        connection.show(view.peersTable(), view.peersJSON())
        Terminal.next("gcksctl node list")
    }
}

struct RequestShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Tells what became of a change: done, waiting, or not done.",
        discussion: """
            For a change whose answer was lost. "not done" is final for what was sent before. Changes are remembered as long as
            the authorities' limits say, an hour by default.

            Example: gcksctl request show 5b2f0c7d9e8a4b1c
            """)

    @Argument(help: "The request id that gcksctl printed.") var id: RequestID
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .cluster(.outcome(let outcome)) = try await connection.perform(.cluster(.outcome(id.operation)))
        else {
            return
        }
        var (state, at, kind, lines) = ("not-done", WallTime?.none, String?.none, [String]())
        switch outcome {
        case .done(let when, let what, let effects): (state, at, kind, lines) = ("done", when, what, effects)
        case .waiting: state = "waiting"
        case .notDone: break
        }
        let time = at.map { TimeText.rfc3339($0) }
        var table = TextTable(["REQUEST", "STATE", "AT", "KIND", "EFFECT"])
        table.add([
            id.operation.description, state, time ?? "-", kind ?? "-", lines.joined(separator: "; "),
        ])
        let item = JSONValue.object([
            ("request_id", .text(id.operation.description)), ("state", .text(state)), ("at", .optional(time)),
            ("kind", .optional(kind)), ("effects", .list(lines.map(JSONValue.text))),
        ])
        connection.show(table.rendered(), .document(kind: "Request", items: [item]))
        guard state != "not-done" else { throw CommandEnd(.notFound, ["request \(id.operation) was not done"]) }
        Terminal.next("gcksctl status")
    }
}
