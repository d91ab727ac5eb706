/// Columns of plain text, two spaces apart; on a terminal the header is bold and words that ask for a look have colour.
struct TextTable {
    private let header: [String]
    private var rows: [[String]] = []

    init(_ header: [String]) { self.header = header }

    mutating func add(_ row: [String]) { rows.append(row.map(TextTable.printable)) }

    func rendered(rich: Bool = Terminal.isRich) -> String {
        let lines = [header] + rows
        let widths = header.indices.map { column in
            lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return lines.enumerated().map { number, line in
            let last = line.lastIndex { !$0.isEmpty } ?? 0
            return zip(line, widths).prefix(last + 1).enumerated().map { column, cell in
                let (text, width) = cell
                let gap = column == last ? "" : String(repeating: " ", count: width - text.count)
                guard rich else { return text + gap }
                return (number == 0 ? Style.bold.applied(to: text) : Style.marked(text)) + gap
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    /// Names and reasons come from members: no control character of theirs reaches the terminal.
    static func printable(_ text: String) -> String {
        guard !text.isEmpty else { return "-" }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }
}

/// Select Graphic Rendition of a terminal.
enum Style: String {
    case bold = "1"
    case good = "32"
    case warning = "33"
    case bad = "31"

    func applied(to text: String) -> String { "\u{1b}[\(rawValue)m\(text)\u{1b}[0m" }

    private static let words: [Substring: Style] = [
        "healthy": .good, "ok": .good, "leader": .good, "connected": .good, "ready": .good,
        "degraded": .warning, "warn": .warning, "WARN": .warning, "draining": .warning, "paused": .warning,
        "excluded": .warning,
        "unreachable": .bad, "lost": .bad, "no-leader": .bad, "no-answer": .bad, "expired": .bad, "refused": .bad,
        "fail": .bad, "diverged": .bad,
    ]

    /// The text with the colour of its first word, when that word has one.
    static func marked(_ text: String) -> String {
        guard let word = text.split(separator: " ").first, let style = words[word] else { return text }
        return style.applied(to: text)
    }
}
