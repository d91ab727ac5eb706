import ArgumentParser
import AuthorityRPC
import GroupModel
import IKEVocabulary
import KeyMaterial

struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Shows and changes the keys of the GCKS itself.",
        discussion: "Example: gcksctl key root status", subcommands: [KeyRoot.self])
}

struct KeyRoot: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "root", abstract: "The root key, which seals every key in the store.",
        discussion: "Example: gcksctl key root status",
        subcommands: [KeyRootStatus.self, KeyRootRotate.self])
}

struct KeyRootStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows which root keys seal how many stored keys.",
        discussion: "Example: gcksctl key root status")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .upkeep(.rootKey(let status)) = try await connection.perform(.upkeep(.rootKey)) else { return }
        let view = RootKeyView(status: status)
        connection.show(view.table(), view.json())
        Terminal.next(view.advice)
    }
}

struct KeyRootRotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Seals every stored key anew under another root key, while groups live.",
        discussion: """
            First give every authority both root keys (two keys in the file of root_key) and start each again. Then rotate. When
            status says that nothing is left under the old key, take it out of the files.

            Example: gcksctl key root rotate --reason "yearly" --yes --confirm root-key
            """)

    @Option(help: ArgumentHelp("The new root key (default: the one that does not seal now).", valueName: "key"))
    var to: RootKeyArgument?
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .upkeep(.rootKey(let status)) = try await connection.perform(.upkeep(.rootKey)) else { return }
        let others = status.held.filter { $0 != status.sealing }
        guard let target = to?.id ?? (others.count == 1 ? others.first : nil) else {
            throw CommandEnd(
                .conflict,
                [
                    others.isEmpty
                        ? "the leader holds one root key: add the new one to root_key on every authority and start each again"
                        : "several root keys are held: choose one with --to"
                ])
        }
        let holders = Set(
            try await connection.everyAuthority().compactMap { try? $0.result.get() }
                .filter { $0.rootKeys.contains(target) }.map(\.name))
        try await connection.change(mandate, of: "root-key", next: "gcksctl key root status") {
            .upkeep(.rootKeyRotate(target: target, holders: holders, $0))
        }
    }
}

struct RootKeyArgument: ExpressibleByArgument {
    let id: UInt32

    init?(argument: String) {
        guard let id = RootKeyName.id(argument) else { return nil }
        self.id = id
    }
}

struct RootKeyView {
    let status: RootKeyStatus

    private var total: Int64 { status.rows.values.reduce(0, +) }
    private var done: Int64 { status.rows[status.sealing] ?? 0 }
    /// In hundredths of what there is.
    var percent: Int64 { total == 0 ? 100 : done * 100 / total }
    private var keys: [UInt32] { Set(status.held).union(status.rows.keys).sorted() }

    var advice: String {
        if percent < 100 {
            return status.rotation == nil ? "gcksctl key root rotate --reason TEXT" : "gcksctl key root status"
        }
        let old = status.held.filter { $0 != status.sealing }
        if status.rotation?.target == status.sealing, let old = old.first {
            return "take root key \(RootKeyName.text(old)) out of root_key on every authority"
        }
        return old.isEmpty ? "gcksctl status" : "gcksctl key root rotate --reason TEXT"
    }

    func table() -> String {
        var table = TextTable(["ROOT KEY", "STATE", "HELD", "SEALED KEYS"])
        for key in keys {
            table.add([
                RootKeyName.text(key), key == status.sealing ? "seals" : "opens",
                status.held.contains(key) ? "yes" : "no",
                "\(status.rows[key] ?? 0)",
            ])
        }
        let since =
            status.rotation.map { "   since \(TimeText.rfc3339($0.startedAt)) by \(TextTable.printable($0.by))" } ?? ""
        return "ROOT KEY  \(RootKeyName.text(status.sealing))   \(percent) % sealed under it\(since)\n\n"
            + table.rendered()
    }

    func json() -> JSONValue {
        let items = keys.map { key in
            JSONValue.object([
                ("root_key", .text(RootKeyName.text(key))), ("seals", .bool(key == status.sealing)),
                ("held", .bool(status.held.contains(key))), ("sealed_keys", .integer(status.rows[key] ?? 0)),
                ("percent", .integer(percent)),
            ])
        }
        return .document(kind: "RootKeys", items: items)
    }
}
