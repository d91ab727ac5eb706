import ArgumentParser
import GroupModel
import IKEVocabulary

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Keeps what a cluster can be made again from.",
        discussion: """
            A backup holds groups, exclusions and schedules, and no key: a restored cluster makes new ones.

            Example: gcksctl backup create cluster.backup --to backup.key.pub
            """,
        subcommands: [BackupKey.self, BackupCreate.self, BackupVerify.self, BackupRestore.self])
}

struct BackupKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Makes the key pair that backups are sealed with.",
        discussion: """
            FILE gets the private key: keep it away from the cluster. FILE.pub is all that `backup create` needs.

            Example: gcksctl backup key backup.key
            """)

    @Argument(help: "The file to make.") var file: String

    func run() async throws {
        try BackupFile.makeKey(file)
        Terminal.output("\(file): private key, for restoring only\n\(file).pub: public key")
        Terminal.next("gcksctl backup create cluster.backup --to \(file).pub")
    }
}

struct BackupCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Writes a backup of the whole cluster, while it works.",
        discussion: "Example: gcksctl backup create cluster.backup --to backup.key.pub")

    @Argument(help: "The file to make.") var file: String
    @Option(help: ArgumentHelp("The public key it is sealed to.", valueName: "file")) var to: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let recipient = try BackupFile.recipient(to)
        guard case .backup(let document) = try await connection.perform(.backup(.create)) else { return }
        try BackupFile.save(document, to: file, for: recipient)
        let view = BackupView(document: document)
        connection.show(view.table(), view.json())
        Terminal.next("gcksctl backup verify \(file) --key KEYFILE")
    }
}

struct BackupVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Opens a backup and shows what is in it.",
        discussion: "Example: gcksctl backup verify cluster.backup --key backup.key")

    @Argument(help: "The backup.") var file: String
    @Option(help: ArgumentHelp("The private key.", valueName: "file")) var key: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let view = BackupView(document: try BackupFile.load(file, key: key))
        output.show(view.table(), view.json())
        Terminal.next("gcksctl backup restore \(file) --key \(key) --dry-run")
    }
}

struct BackupRestore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Makes a new, empty cluster hold what a backup holds (L3).",
        discussion: """
            All SAs are new and members register again. The data SAs' SPIs are of a life the old cluster never had: when this
            backup was restored somewhere before, give a --life above that one's too.

            Example: gcksctl backup restore cluster.backup --key backup.key --reason "site lost" --dry-run
            """)

    @Argument(help: "The backup.") var file: String
    @Option(help: ArgumentHelp("The private key.", valueName: "file")) var key: String
    @Option(help: "The life to begin, 2 to 4095; the one after the backup's when absent.") var life: LifeArgument?
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let document = try BackupFile.load(file, key: key)
        try await connection.change(mandate, of: document.cluster, next: "gcksctl status") {
            .backup(.restore(document, life: life?.life, $0))
        }
    }
}

struct LifeArgument: ExpressibleByArgument {
    let life: ClusterLife

    init?(argument: String) {
        guard let number = UInt32(argument), let life = ClusterLife(rawValue: number) else { return nil }
        self.life = life
    }
}

struct BackupView {
    let document: BackupDocument

    func table() -> String {
        var lines = [
            "cluster \(document.cluster)  life \(document.life)  made \(TimeText.rfc3339(document.madeAt)) "
                + "by \(document.authority)  audit record \(document.trail.seq)"
        ]
        var table = TextTable(["GROUP", "DATA SAS", "EXCLUSIONS", "MEMBERS THEN"])
        for group in document.groups {
            table.add([
                group.definition.name.text, "\(group.definition.data.count)", "\(group.exclusions.count)",
                "\(group.members)",
            ])
        }
        lines.append(table.rendered())
        return lines.joined(separator: "\n")
    }

    func json() -> JSONValue {
        let item = JSONValue.object([
            ("cluster", .text(document.cluster)), ("life", .integer(Int64(document.life.rawValue))),
            ("made_at", .text(TimeText.rfc3339(document.madeAt))), ("authority", .text(document.authority)),
            ("audit_seq", .integer(document.trail.seq)),
            (
                "groups",
                .list(
                    document.groups.map { group in
                        .object([
                            ("group", .text(group.definition.name.text)),
                            ("data_sas", .integer(Int64(group.definition.data.count))),
                            ("exclusions", .list(group.exclusions.map { .text($0.identity.description) })),
                            ("members", .integer(Int64(group.members))),
                            ("next_sender_id", .integer(Int64(group.nextSenderID))),
                        ])
                    })
            ),
        ])
        return .document(kind: "Backup", items: [item])
    }
}
