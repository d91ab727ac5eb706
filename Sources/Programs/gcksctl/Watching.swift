import ArgumentParser

/// `--watch`: what is shown is looked at again and again.
struct WatchOptions: ParsableArguments {
    @Flag(
        name: [.customShort("w"), .long],
        help: "Look again and again; with -o json one document a line for each change.")
    var watch = false
    @Option(name: [.customShort("i"), .long], help: ArgumentHelp("How often to look.", valueName: "seconds"))
    var interval: Interval = Interval(milliseconds: 2000)
}

/// "2", "2s" or "500ms": 100 ms … 1 h.
struct Interval: ExpressibleByArgument {
    let milliseconds: Int64
    var duration: Duration { .milliseconds(milliseconds) }
    var defaultValueDescription: String { milliseconds % 1000 == 0 ? "\(milliseconds / 1000)" : "\(milliseconds)ms" }

    init(milliseconds: Int64) { self.milliseconds = milliseconds }

    init?(argument: String) {
        let (digits, unit): (Substring, Int64) =
            argument.hasSuffix("ms")
            ? (argument.dropLast(2), 1) : (argument.hasSuffix("s") ? argument.dropLast() : argument[...], 1000)
        guard let count = UInt32(digits) else { return nil }
        let milliseconds = Int64(count) * unit
        guard (100...3_600_000).contains(milliseconds) else { return nil }
        self.milliseconds = milliseconds
    }
}

/// One look: the same thing in every form.
struct View {
    let table: String
    let json: JSONValue
    var wide: String?
}

extension ConnectionOptions {
    /// Shows once, or for ever: on a terminal the screen is drawn anew, in a pipe a table follows for each change, and with
    /// `-o json` (also `yaml` and `name`, a document or name each) only what was added, changed or removed is written.
    ///
    /// A look that fails is told on stderr and tried again; only the first must succeed.
    func show(watching options: WatchOptions, _ look: () async throws -> View) async throws {
        let first = try await look()
        guard options.watch else { return show(first.table, first.json, wide: first.wide) }
        var shown = Shown(format: output.output)
        shown.show(first)
        while true {
            try await Task.sleep(for: options.interval.duration)
            do {
                shown.show(try await look())
            } catch let end as CommandEnd where end.code == .unavailable {
                for line in end.lines { Terminal.error("error: \(line)") }
            }
        }
    }
}

/// What stands on the screen, or was written last.
private struct Shown {
    let format: OutputFormat
    private var items: [String: String] = [:]
    private var isFirst = true
    private var table = ""

    init(format: OutputFormat) { self.format = format }

    mutating func show(_ view: View) {
        defer { isFirst = false }
        switch format {
        case .table, .wide: draw(format == .wide ? view.wide ?? view.table : view.table)
        case .json, .yaml, .name: write(view.json)
        }
    }

    private mutating func draw(_ text: String) {
        if Terminal.isRich { return Terminal.redraw(text) }
        guard isFirst || text != table else { return }
        Terminal.output(isFirst ? text : "\n" + text)
        table = text
    }

    private mutating func write(_ document: JSONValue) {
        let kind = document["kind"]?.scalar ?? ""
        var now: [String: String] = [:]
        for item in document.items {
            let (key, text) = (item.keyOfItem, item.line())
            now[key] = text
            guard items[key] != text else { continue }
            write(kind, items[key] == nil ? "added" : "changed", item)
        }
        for key in items.keys.sorted() where now[key] == nil {
            let name = key.split(separator: "\u{0}").last.map(String.init) ?? ""
            write(kind, "removed", .object([("name", .text(name))]))
        }
        items = now
    }

    private func write(_ kind: String, _ event: String, _ item: JSONValue) {
        let document = JSONValue.object([
            ("apiVersion", .text("gcks/v1")), ("kind", .text(kind)), ("event", .text(event)), ("items", .list([item])),
        ])
        switch format {
        case .yaml: Terminal.output("---\n" + document.yaml())
        case .name: Terminal.output("\(event) \(item.nameOfItem)")
        case .json, .table, .wide: Terminal.output(document.line())
        }
    }
}
