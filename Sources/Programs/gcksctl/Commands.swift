import ArgumentParser
import AuthorityRPC
import GroupModel
import IKEVocabulary

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows authorities, frontends, broadcasters and groups.",
        discussion: "Ends with 6 when no authority leads.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .status(let status) = try await connection.perform(.status) else { return }
        let view = StatusView(status: status, now: TimeText.now())
        connection.show(view.table(), view.json())
        guard status.leader != nil else { throw CommandEnd(.unavailable, ["no authority leads at present"]) }
        let group = status.groups.first?.definition.name.text
        Terminal.next(group.map { "gcksctl group show \($0)" } ?? "gcksctl group apply -f FILE")
    }
}

struct GroupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group", abstract: "Declares and shows groups.",
        subcommands: [GroupApply.self, GroupList.self, GroupShow.self])
}

struct GroupApply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Makes a group be as its file says.",
        discussion: """
            A bad file is refused as a whole, one line per fault with file, line, path and what would be valid.

            Example: gcksctl group apply -f market-data.yaml --dry-run
            """)

    @Option(name: [.customShort("f"), .customLong("file")], help: "The group file.")
    var file: String
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let definition = try GroupFiles.load(file)
        let next = mandate.dryRun ? "gcksctl group apply -f \(file)" : "gcksctl group show \(definition.name)"
        try await connection.change(mandate, of: definition.name.text, file: file, next: next) {
            .groupApply(definition, $0)
        }
    }
}

struct GroupList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists the groups.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .groups(let groups) = try await connection.perform(.groupList) else { return }
        let view = GroupsView(groups: groups, now: TimeText.now())
        connection.show(view.table(), view.json())
        let name = groups.first?.definition.name.text
        Terminal.next(name.map { "gcksctl group show \($0)" } ?? "gcksctl group apply -f FILE")
    }
}

struct GroupShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows a group: definition, SAs with key check values, rules.")

    @Argument(help: "The group.") var group: GroupName
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .groups(let groups) = try await connection.perform(.groupShow(group)) else { return }
        guard !groups.isEmpty else { throw CommandEnd(.notFound, ["there is no group \(group)"]) }
        let view = GroupsView(groups: groups, now: TimeText.now())
        connection.show(view.detail(), view.json())
        Terminal.next("gcksctl member list \(group)")
    }
}

struct MemberCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member", abstract: "Shows members, and who was refused and why.",
        subcommands: [MemberList.self, MemberShow.self, MemberEvict.self, MemberDeny.self, MemberAllow.self])
}

struct MemberList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the members of a group, or of all groups.")

    @Argument(help: "The group; all when absent.") var group: GroupName?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .members(let members) = try await connection.perform(.memberList(group)) else { return }
        let view = MembersView(members: members, now: TimeText.now())
        connection.show(view.table(), view.json())
        let member = members.first.map { TextTable.printable($0.identity.description) }
        Terminal.next(member.map { "gcksctl member show \($0)" } ?? "gcksctl status")
    }
}

struct MemberShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one member.", discussion: "Example: gcksctl member show fqdn:gm1.example")

    @Argument(help: "The identity, such as fqdn:gm1.example.") var identity: Identity
    @Option(help: "Only in this group.") var group: GroupName?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let asked = OperatorRequest.memberShow(identity, group: group)
        guard case .members(let members) = try await connection.perform(asked) else { return }
        guard let first = members.first else {
            throw CommandEnd(.notFound, ["there is no member \(identity)\(group.map { " in group \($0)" } ?? "")"])
        }
        let view = MembersView(members: members, now: TimeText.now())
        connection.show(view.detail(), view.json())
        Terminal.next("gcksctl member list \(TextTable.printable(first.group))")
    }
}

struct SenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sender", abstract: "Shows which Sender-IDs are given.", subcommands: [SenderList.self])
}

struct SenderList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the Sender-IDs of a group and who holds them.")

    @Argument(help: "The group.") var group: GroupName
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .senders(let senders) = try await connection.perform(.senderList(group)) else { return }
        let view = SendersView(senders: senders, now: TimeText.now())
        connection.show(view.table(), view.json())
        Terminal.next("gcksctl group show \(group)")
    }
}

struct RekeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rekey", abstract: "Gives a group new keys.",
        subcommands: [
            RekeyNow.self, RekeyEmergency.self, RekeyScheduleCommand.self, RekeyPause.self, RekeyResume.self,
            RekeyHistory.self, RekeyWatch.self,
        ])
}

struct RekeyNow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "now", abstract: "Rekeys a group at once by multicast.",
        discussion: """
            --tek makes new Data-Security SAs, --kek a new Rekey SA, --all both, --auth-key a new Rekey SA and a new key
            that signs its messages. Without a choice: --all.

            Example: gcksctl rekey now market-data --tek
            """)

    @Argument(help: "The group.") var group: GroupName
    @Flag(exclusivity: .exclusive, help: ArgumentHelp("What gets new keys.")) var scope: RekeyScope = .all
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: group.text, next: "gcksctl group show \(group)") {
            .rekeyNow(group, scope: scope, $0)
        }
    }
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Shows the version of gcksctl.")

    static let version = "0.1.0"

    @OptionGroup var output: OutputOptions

    func run() {
        let item = JSONValue.object([("program", .text("gcksctl")), ("version", .text(Self.version))])
        output.show("gcksctl \(Self.version)", .document(kind: "Version", items: [item]))
        Terminal.next("gcksctl status")
    }
}
