/// Families as text: Prometheus 0.0.4 and OpenMetrics 1.0 differ in the names of counters and infos, in UNIT and in escapes.
enum MetricsText {
    static func write(_ family: MetricsPage.Family, _ format: MetricsPage.Format, into text: inout String) {
        let sample = family.name + suffix(of: family.kind)
        // 0.0.4 knows no info, and names a counter's family as its samples.
        let isOpen = format == .openMetrics
        let name = isOpen ? family.name : sample
        let kind = !isOpen && family.kind == .info ? .gauge : family.kind
        text += "# HELP \(name) \(escapedHelp(family.help, isOpen))\n"
        text += "# TYPE \(name) \(kind.rawValue)\n"
        if isOpen, let unit = units.first(where: { family.name.hasSuffix("_" + $0) }) {
            text += "# UNIT \(name) \(unit)\n"
        }
        for row in family.rows { write(row, sample, family.labels, into: &text) }
    }

    private static let units = ["seconds", "bytes", "ratio"]

    private static func suffix(of kind: MetricsPage.Kind) -> String {
        switch kind {
        case .counter: "_total"
        case .info: "_info"
        case .gauge, .histogram: ""
        }
    }

    private static func write(_ row: MetricsPage.Row, _ name: String, _ labels: [String], into text: inout String) {
        let pairs = zip(labels, row.labels).map { "\($0)=\"\(escapedLabel($1))\"" }
        switch row.value {
        case .integer(let value): text += "\(name)\(braced(pairs)) \(value)\n"
        case .real(let value): text += "\(name)\(braced(pairs)) \(value)\n"
        case .histogram(let histogram):
            var below: Int64 = 0
            for (bound, count) in zip(histogram.bounds, histogram.counts) {
                below += count
                text += "\(name)_bucket\(braced(pairs + ["le=\"\(bound)\""])) \(below)\n"
            }
            text += "\(name)_bucket\(braced(pairs + ["le=\"+Inf\""])) \(histogram.count)\n"
            text += "\(name)_sum\(braced(pairs)) \(histogram.sum)\n"
            text += "\(name)_count\(braced(pairs)) \(histogram.count)\n"
        }
    }

    private static func braced(_ pairs: [String]) -> String {
        pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
    }

    private static func escapedHelp(_ text: String, _ escapesQuotes: Bool) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\\\"
            case "\n", "\r\n": result += "\\n"
            case "\"" where escapesQuotes: result += "\\\""
            default: result.append(character)
            }
        }
    }

    static func escapedLabel(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            guard result.utf8.count < MetricLimits.labelOctets else { break }
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"": result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
