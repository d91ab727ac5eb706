import ArgumentParser
import Yams

enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case table, wide, json, yaml, name }

/// How data is shown. JSON, YAML and names are the same document; the table is for people.
struct OutputOptions: ParsableArguments {
    @Option(name: [.short, .long], help: "How data is shown.") var output: OutputFormat = .table

    /// - Parameter wide: the table with more columns; the plain one when there are no more.
    func show(_ table: String, _ json: JSONValue, wide: String? = nil) {
        switch output {
        case .table: Terminal.output(table)
        case .wide: Terminal.output(wide ?? table)
        case .json: Terminal.output(json.rendered())
        case .yaml: Terminal.output(json.yaml())
        case .name: for item in json.items { Terminal.output(item.nameOfItem) }
        }
    }
}

extension JSONValue {
    /// A field of an object.
    subscript(_ name: String) -> JSONValue? {
        guard case .object(let fields) = self else { return nil }
        return fields.first { $0.0 == name }?.1
    }

    /// The text of a scalar; nil for lists, objects and null.
    var scalar: String? {
        switch self {
        case .text(let text): text
        case .integer(let number): String(number)
        case .bool(let value): value ? "true" : "false"
        case .number: rendered()
        case .null, .list, .object: nil
        }
    }

    /// The items of a document.
    var items: [JSONValue] {
        guard case .list(let items)? = self["items"] else { return [] }
        return items
    }

    private static let names = [
        "name", "identity", "sender_id", "id", "sequence", "number", "request_id", "check", "member", "leader",
        "program",
    ]

    /// What `-o name` prints of an item: its first field that names it.
    var nameOfItem: String {
        JSONValue.names.lazy.compactMap { self[$0]?.scalar }.first.map(TextTable.printable) ?? "-"
    }

    /// What tells an item from the others of its document.
    var keyOfItem: String {
        let parts = ["group", "state"].compactMap { self[$0]?.scalar }
        return (parts + [nameOfItem]).joined(separator: "\u{0}")
    }

    /// The same document as YAML.
    func yaml() -> String {
        (try? Yams.serialize(node: node, width: -1, allowUnicode: true, sortKeys: false)) ?? rendered()
    }

    private var node: Node {
        switch self {
        case .null, .bool, .integer, .number: Node(rendered())
        case .text(let text): Node(text, .implicit, JSONValue.isPlain(text) ? .any : .doubleQuoted)
        case .list(let values): Node(values.map(\.node), .implicit, values.isEmpty ? .flow : .block)
        case .object(let fields):
            Node(fields.map { (Node($0.0), $0.1.node) }, .implicit, fields.isEmpty ? .flow : .block)
        }
    }

    /// A text that no reader of YAML takes for a number, a time or a word of its own.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, first.properties.isAlphabetic, !text.contains("\n") else {
            return false
        }
        let words: Set<String> = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "e", "inf", "nan"]
        return !words.contains(text.lowercased())
    }
}
