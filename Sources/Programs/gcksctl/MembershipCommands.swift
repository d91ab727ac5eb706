import ArgumentParser
import AuthorityRPC
import Foundation
import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial
import Octets
import Settings

/// What changes the nodes of the log.
enum MembershipCommands {
    static let all: [any ParsableCommand.Type] = [
        ClusterToken.self, ClusterJoin.self, ClusterAddVoter.self, ClusterPromote.self, ClusterRemove.self,
    ]
}

struct ClusterToken: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Lets new authorities in.",
        discussion: "Example: gcksctl cluster token create --node authority-4", subcommands: [ClusterTokenCreate.self])
}

struct ClusterTokenCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes a token that lets one new authority join, once.",
        discussion: """
            The token is shown once. It carries a secret, the id of the cluster and the new node, and the fingerprint of the
            stores' CA.

            Example: gcksctl cluster token create --node authority-4 --valid 15m
            """)

    @Option(help: "The name of the new authority, as its certificates say it.") var node: String
    @Option(help: ArgumentHelp("How long it may be used: 1m to 24h.", valueName: "span"))
    var valid: SpanArgument = SpanArgument(seconds: 900)
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var entropy = SystemEntropy()
        let secret = entropy.octets(UpkeepLimits.secretOctets)
        let asked = UpkeepRequest.tokenCreate(
            node: node, seconds: valid.seconds, secretHash: CryptoEngine().sha256(secret), try mandate.mandate())
        guard case .upkeep(.token(let grant)) = try await connection.perform(.upkeep(asked)) else { return }
        guard !mandate.dryRun else {
            connection.show(
                "\(node) would get the node id \(grant.id) (dry run)", .document(kind: "JoinToken", items: []))
            return
        }
        let token = JoinToken(grant: grant, secret: secret, node: node)
        let item = JSONValue.object([
            ("token", .text(token.text)), ("node", .text(node)), ("id", .integer(Int64(clamping: grant.id))),
            ("cluster", .text(Hex.encode(grant.cluster.octets))), ("store_ca", .text(Hex.encode(grant.storeCA))),
            ("expires_at", .text(TimeText.rfc3339(grant.expiresAt))),
        ])
        connection.show(token.text, .document(kind: "JoinToken", items: [item]))
        Terminal.next("on the new host: gcksctl cluster join TOKEN --settings /etc/gcks/authority.yaml --in-place")
    }
}

struct ClusterJoin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Joins a new authority to the cluster; run on its host.",
        discussion: """
            Takes the settings file of the new authority, with its name, store.listen, store.tls and the rest; checks the
            certificate of its store; shows the token to the leader; and prints the file with the id and the peers the new
            node was given. Start gcks-authority with it: it votes when it has caught up. A repeated join with the same token
            from the same place gives the same answer.

            Example: gcksctl cluster join gcks-join-1.8f… --settings /etc/gcks/authority.yaml --in-place
            """)

    @Argument(help: "What gcksctl cluster token create printed.") var token: String
    @Option(help: "The settings file of the new authority.") var settings: String
    @Option(help: ArgumentHelp("Where the others reach its store (default: store.listen).", valueName: "host:port"))
    var store: String?
    @Flag(help: "Change the settings file instead of printing it; the old one is kept as FILE.before-join.")
    var inPlace = false
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let token = try JoinToken(token)
        let (file, place) = try ownSettings(token)
        let operation = try mandate.request.requestID?.operation ?? token.operation ?? mandate.request.operation()
        let join = NodeJoin(cluster: token.grant.cluster, secret: token.secret, node: token.node, store: place)
        let asked = UpkeepRequest.join(
            join, Mandate(operation: operation, reason: mandate.reason?.reason, isDryRun: mandate.dryRun))
        guard case .upkeep(.joined(let joined)) = try await connection.perform(.upkeep(asked)) else { return }
        for line in joined.lines { Terminal.error(TextTable.printable(line)) }
        guard !mandate.dryRun else { return }
        let own = JoinedNode.Peer(name: token.node, id: joined.id, store: place)
        try write(try file.joining(as: joined.id, joined.peers + [own]))
        Terminal.next("gcks-authority --config \(settings)")
    }

    /// The settings as text, and where its store is reached; what can be checked here is, before the leader is asked.
    private func ownSettings(_ token: JoinToken) throws -> (NodeSettingsText, String) {
        let loaded: AuthoritySettings
        do throws(SettingsFaults) {
            loaded = try AuthoritySettings.load(file: settings)
        } catch {
            throw CommandEnd(.usage, error.faults.map(\.description))
        }
        guard loaded.name == token.node else {
            throw CommandEnd(.usage, ["\(settings): name is \(loaded.name), and the token is for \(token.node)"])
        }
        guard let tls = loaded.storeTLS, let listen = loaded.storeListen else {
            throw CommandEnd(.usage, ["\(settings): store.listen and store.tls are needed for a cluster of several"])
        }
        do throws(NodeCertificate.Fault) {
            try NodeCertificate.check(
                certificate: tls.certificate, authority: tls.authority, name: token.node, trustDomain: tls.trustDomain,
                fingerprint: token.grant.storeCA, sha256: { CryptoEngine().sha256($0) })
        } catch {
            throw CommandEnd(.usage, [error.description])
        }
        let named = loaded.nodes.first { $0.name == loaded.name }?.store
        guard let text = try? String(contentsOfFile: settings, encoding: .utf8) else {
            throw CommandEnd(.failed, ["\(settings) cannot be read"])
        }
        return (NodeSettingsText(text), store ?? named ?? listen)
    }

    private func write(_ text: String) throws {
        guard inPlace else {
            Terminal.output(text)
            return
        }
        let fresh = settings + ".joining"
        do {
            try text.write(toFile: fresh, atomically: true, encoding: .utf8)
            _ = try AuthoritySettings.load(file: fresh)
            let old = settings + ".before-join"
            try? FileManager.default.removeItem(atPath: old)
            try FileManager.default.copyItem(atPath: settings, toPath: old)
            guard rename(fresh, settings) == 0 else { throw CocoaError(.fileWriteUnknown) }
        } catch {
            Terminal.output(text)
            throw CommandEnd(.failed, ["\(settings) was not changed (\(error)): put what was printed there yourself"])
        }
    }
}

struct ClusterAddVoter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add-voter", abstract: "Adds an authority without a token.",
        discussion: """
            For whoever writes the settings of the new authority himself: its id, store.joins: true, and all nodes.

            Example: gcksctl cluster add-voter authority-4 --store 192.0.2.4:7702
            """)

    @Argument(help: "The name of the new authority.") var node: String
    @Option(help: ArgumentHelp("Where the others reach its store.", valueName: "host:port")) var store: String
    @Option(help: "Its node id (default: the next one).") var id: UInt64?
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: node, next: "gcksctl status") {
            .upkeep(.addVoter(node: node, store: store, id: id, $0))
        }
    }
}

struct ClusterPromote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Makes a node of the log that does not vote a voter.",
        discussion: "Example: gcksctl cluster promote authority-4")

    @Argument(help: "The node.") var node: String
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: node, next: "gcksctl status") { .upkeep(.promote(node: node, $0)) }
    }
}

struct ClusterRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Takes an authority out of the cluster for good.",
        discussion: """
            Refused when those that stay would have no majority that answers. Its host may come back under a new id: empty its
            data folder and join it with a new token.

            Example: gcksctl cluster remove authority-2 --reason "disk lost" --yes --confirm authority-2
            """)

    @Argument(help: "The node.") var node: String
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: node, next: "gcksctl status") { .upkeep(.remove(node: node, $0)) }
    }
}

extension SpanArgument: ExpressibleByArgument {
    init?(argument: String) {
        guard let unit = argument.last, let count = UInt32(argument.dropLast()) else { return nil }
        let factor: UInt32
        switch unit {
        case "s": factor = 1
        case "m": factor = 60
        case "h": factor = 3600
        default: return nil
        }
        let (seconds, isTooMuch) = count.multipliedReportingOverflow(by: factor)
        guard !isTooMuch else { return nil }
        self.seconds = seconds
    }

    var defaultValueDescription: String { "15m" }
}
