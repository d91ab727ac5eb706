import ArgumentParser
import GroupModel
import IKEVocabulary

struct MemberEvict: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evict", abstract: "Takes members out of a group and bars them (L2).",
        discussion: """
            The group gets new keys that the excluded ones never see: the old SAs are deleted, everybody else registers again
            within seconds, and until then the group has no common keys. Without --group: every group they are members of.

            Example: gcksctl member evict fqdn:gm3.example --group market-data --reason "key stolen" --dry-run
            """)

    @Argument(help: "The identities, such as fqdn:gm1.example.") var identities: [Identity]
    @Option(help: "The group.") var group: GroupName?
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let name = group?.text ?? identities.first?.description ?? ""
        let next = "gcksctl member list\(group.map { " \($0)" } ?? "")"
        try await connection.change(mandate, of: name, next: next) { .control(.evict(identities, group: group, $0)) }
    }
}

struct MemberDeny: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deny", abstract: "Bars identities that are no members now.",
        discussion: """
            They are refused whatever the rules say, until `member allow`. Without --group: in every group there is now.

            Example: gcksctl member deny fqdn:gm9.example --reason "returned to the vendor"
            """)

    @Argument(help: "The identities.") var identities: [Identity]
    @Option(help: "The group.") var group: GroupName?
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let name = group?.text ?? identities.first?.description ?? ""
        let next = "gcksctl member allow \(identities.first?.description ?? "ID")"
        try await connection.change(mandate, of: name, next: next) { .control(.deny(identities, group: group, $0)) }
    }
}

struct MemberAllow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "allow", abstract: "Lifts the bar of `member evict` and `member deny`: the rules decide again.",
        discussion: "Example: gcksctl member allow fqdn:gm3.example --group market-data")

    @Argument(help: "The identities.") var identities: [Identity]
    @Option(help: "The group; all when absent.") var group: GroupName?
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let name = group?.text ?? identities.first?.description ?? ""
        let next =
            "gcksctl policy test --identity \(identities.first?.description ?? "ID") --group \(group?.text ?? "G")"
        try await connection.change(mandate, of: name, next: next) { .control(.allow(identities, group: group, $0)) }
    }
}

struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Explains who may register.",
        discussion: "Example: gcksctl policy test --identity fqdn:gm1.example --group market-data",
        subcommands: [PolicyTest.self])
}

struct PolicyTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Says what an identity would be told, and why. Ends with 4 when it is refused.",
        discussion: "Example: gcksctl policy test --identity fqdn:gm1.example --group market-data --sender-ids 1")

    @Option(help: "The identity, such as fqdn:gm1.example.") var identity: Identity
    @Option(help: "The group.") var group: GroupName
    @Option(help: "As a sender that asks for so many Sender-IDs; without: as a receiver.") var senderIDs: UInt32?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let asked = OperatorRequest.control(.policyTest(identity, group: group, senderIDs: senderIDs))
        guard case .verdict(let verdict) = try await connection.perform(asked) else { return }
        let item = JSONValue.object([
            ("identity", .text(identity.description)), ("group", .text(group.text)),
            ("allowed", .bool(verdict.isAllowed)), ("lines", .list(verdict.lines.map(JSONValue.text))),
        ])
        connection.show(
            verdict.lines.map(TextTable.printable).joined(separator: "\n"),
            .document(kind: "PolicyVerdict", items: [item]))
        guard verdict.isAllowed else {
            throw CommandEnd(.notAuthorised, ["\(identity) would be refused in \(group)"])
        }
        Terminal.next("gcksctl member show \(identity)")
    }
}
