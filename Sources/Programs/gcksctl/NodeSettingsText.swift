import GroupModel

/// An authority's settings file as text, changed in the few places that joining a cluster changes: `id`, `nodes`, `store.joins`.
/// Everything else, comments included, stays as it was written.
struct NodeSettingsText {
    private var lines: [String]

    init(_ text: String) { lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }

    /// - Throws: when `store` is not written as a block.
    func joining(as id: UInt64, _ nodes: [JoinedNode.Peer]) throws(CommandEnd) -> String {
        var changed = self
        changed.replace("id", "id: \(id)")
        changed.remove("nodes")
        try changed.join()
        while changed.lines.last?.allSatisfy(\.isWhitespace) == true { changed.lines.removeLast() }
        changed.lines.append("nodes:")
        for node in nodes.sorted(by: { $0.id < $1.id }) {
            changed.lines.append("  - { name: \(node.name), id: \(node.id), store: \"\(node.store)\" }")
        }
        return changed.lines.joined(separator: "\n") + "\n"
    }

    private func start(of key: String) -> Int? { lines.firstIndex { $0.hasPrefix(key + ":") } }

    private func end(of start: Int) -> Int {
        lines[(start + 1)...].firstIndex { line in
            guard let first = line.first else { return false }
            return !first.isWhitespace && first != "-"
        } ?? lines.endIndex
    }

    private mutating func replace(_ key: String, _ line: String) {
        if let start = start(of: key) {
            lines[start] = line
        } else {
            lines.insert(line, at: start(of: "name").map { $0 + 1 } ?? 0)
        }
    }

    private mutating func remove(_ key: String) {
        guard let start = start(of: key) else { return }
        lines.removeSubrange(start..<end(of: start))
    }

    private mutating func join() throws(CommandEnd) {
        guard let start = start(of: "store"), lines[start].dropFirst("store:".count).allSatisfy(\.isWhitespace) else {
            throw CommandEnd(.usage, ["store: must be written as a block of lines, with listen and tls"])
        }
        let end = end(of: start)
        let children = lines[(start + 1)..<end]
        let indent = children.first { !$0.allSatisfy(\.isWhitespace) }?.prefix { $0 == " " } ?? "  "
        lines.replaceSubrange(
            (start + 1)..<end,
            with: ["\(indent)joins: true"] + children.filter { !$0.hasPrefix("\(indent)joins:") })
    }
}
