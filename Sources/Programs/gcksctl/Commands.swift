import ArgumentParser
import AuthorityRPC
import GroupModel
import IKEVocabulary

struct GroupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group", abstract: "Declares and shows groups.",
        discussion: "Example: gcksctl group apply -f market-data.yaml",
        subcommands: [GroupApply.self, GroupDiff.self, GroupList.self, GroupShow.self])
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
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the groups.", discussion: "Example: gcksctl group list -o wide")

    @OptionGroup var watching: WatchOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var first: GroupName?
        try await connection.show(watching: watching) {
            guard case .groups(let groups) = try await connection.perform(.groupList) else { throw CommandEnd.odd }
            first = groups.first?.definition.name
            let view = GroupsView(groups: groups, now: TimeText.now())
            return View(table: view.table(), json: view.json(), wide: view.table(isWide: true))
        }
        Terminal.next(first.map { "gcksctl group show \($0)" } ?? "gcksctl group apply -f FILE")
    }
}

struct GroupShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows a group: definition, SAs with key check values, rules.",
        discussion: "Example: gcksctl group show market-data")

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
        discussion: "Example: gcksctl member list market-data",
        subcommands: [MemberList.self, MemberShow.self, MemberEvict.self, MemberDeny.self, MemberAllow.self])
}

struct MemberList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the members of a group, or of all groups, and who was turned away.",
        discussion: "Example: gcksctl member list market-data --watch")

    @Argument(help: "The group; all when absent.") var group: GroupName?
    @OptionGroup var watching: WatchOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var first: String?
        try await connection.show(watching: watching) {
            guard case .members(let members) = try await connection.perform(.memberList(group)) else {
                throw CommandEnd.odd
            }
            first = members.first.map { TextTable.printable($0.identity.description) }
            let view = MembersView(members: members, now: TimeText.now())
            return View(table: view.table(), json: view.json(), wide: view.table(isWide: true))
        }
        Terminal.next(first.map { "gcksctl member show \($0)" } ?? "gcksctl status")
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
            throw CommandEnd(
                .notFound, ["there is no member \(identity)\(group.map { " in group \($0)" } ?? "")"],
                next: "gcksctl member list")
        }
        let view = MembersView(members: members, now: TimeText.now())
        connection.show(view.detail(), view.json())
        Terminal.next("gcksctl member list \(TextTable.printable(first.group))")
    }
}

struct SenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sender", abstract: "Shows who sends, with which Sender-IDs, and how far.",
        discussion: "Example: gcksctl sender list market-data", subcommands: [SenderList.self, SenderSequences.self])
}

struct SenderList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the Sender-IDs of a group and who holds them.",
        discussion: "Example: gcksctl sender list market-data -o json")

    @Argument(help: "The group.") var group: GroupName
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .senders(let senders) = try await connection.perform(.senderList(group)) else { return }
        var space: (given: UInt64, capacity: UInt64)?
        if case .groups(let groups) = try? await connection.perform(.groupShow(group)), let status = groups.first {
            space = (status.senderIDsGiven, status.definition.senderIDWidth.capacity)
        }
        let view = SendersView(senders: senders, space: space, now: TimeText.now())
        connection.show(view.table(), view.json())
        Terminal.next("gcksctl group show \(group)")
    }
}

struct RekeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rekey", abstract: "Gives a group new keys.",
        discussion: "Example: gcksctl rekey now market-data",
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
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Shows the version of gcksctl.",
        discussion: "Example: gcksctl version")

    static let version = Release.version

    @OptionGroup var output: OutputOptions

    func run() {
        let item = JSONValue.object([("program", .text("gcksctl")), ("version", .text(Self.version))])
        output.show("gcksctl \(Self.version)", .document(kind: "Version", items: [item]))
        Terminal.next("gcksctl status")
    }
}
