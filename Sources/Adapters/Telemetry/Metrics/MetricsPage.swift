/// What one scrape shows, made when it is asked for and rendered once.
///
/// Families stand in the order they were added, with HELP and TYPE, and UNIT where the format has it. A family's name carries
/// its unit (`_seconds`, `_bytes`); the `_total` of counters is added here.
package struct MetricsPage: Sendable {
    package enum Format: Sendable {
        /// Prometheus' text format 0.0.4.
        case prometheus
        /// OpenMetrics 1.0.
        case openMetrics

        package var contentType: String {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    package enum Value: Sendable, Equatable {
        case integer(Int64)
        case real(Double)
        case histogram(Histogram)
    }

    package struct Row: Sendable, Equatable {
        package let labels: [String]
        package let value: Value

        package init(_ labels: [String], _ value: Value) {
            self.labels = labels
            self.value = value
        }

        package init(_ value: Value) { self.init([], value) }
    }

    enum Kind: String { case counter, gauge, histogram, info }

    struct Family: Sendable {
        let name: String
        let kind: Kind
        let help: String
        let labels: [String]
        let rows: [Row]
    }

    private var families: [Family] = []
    private var dropped: Int64 = 0

    package init() {}

    // MARK: Adding

    /// `name` without `_total`.
    package mutating func counter(_ name: String, _ help: String, labels: [String] = [], _ rows: [Row]) {
        add(.counter, name, help, labels, rows)
    }

    package mutating func counter(_ name: String, _ help: String, _ value: some BinaryInteger) {
        counter(name, help, [Row(.integer(Int64(clamping: value)))])
    }

    package mutating func counter(_ name: String, _ help: String, labels: [String], _ counter: LabelledCounter) {
        self.counter(name, help, labels: labels, counter.counts.map { Row($0.key, .integer($0.value)) })
    }

    package mutating func gauge(_ name: String, _ help: String, labels: [String] = [], _ rows: [Row]) {
        add(.gauge, name, help, labels, rows)
    }

    package mutating func gauge(_ name: String, _ help: String, _ value: some BinaryInteger) {
        gauge(name, help, [Row(.integer(Int64(clamping: value)))])
    }

    package mutating func gauge(_ name: String, _ help: String, _ value: Bool) { gauge(name, help, value ? 1 : 0) }

    package mutating func histogram(_ name: String, _ help: String, labels: [String] = [], _ rows: [Row]) {
        add(.histogram, name, help, labels, rows)
    }

    package mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        self.histogram(name, help, [Row(.histogram(histogram))])
    }

    package mutating func histogram(_ name: String, _ help: String, label: String, _ histogram: LabelledHistogram) {
        self.histogram(name, help, labels: [label], histogram.rows.map { Row([$0.key], .histogram($0.value)) })
    }

    /// `name` without `_info`; the value is 1, the labels say it all.
    package mutating func info(_ name: String, _ help: String, _ labels: KeyValuePairs<String, String>) {
        add(.info, name, help, labels.map(\.key), [Row(labels.map(\.value), .integer(1))])
    }

    private mutating func add(_ kind: Kind, _ name: String, _ help: String, _ labels: [String], _ rows: [Row]) {
        let fitting = rows.filter { $0.labels.count == labels.count }
        let kept = fitting.sorted { $0.labels.lexicographicallyPrecedes($1.labels) }.prefix(MetricLimits.series)
        dropped += Int64(rows.count - kept.count)
        // A counter that has counted nothing yet is announced all the same.
        guard !kept.isEmpty || rows.isEmpty else { return }
        families.append(Family(name: name, kind: kind, help: help, labels: labels, rows: Array(kept)))
    }

    // MARK: Rendering

    package func text(_ format: Format) -> String {
        var page = self
        page.gauge(
            "gcks_metrics_series_dropped", "Rows of this page that were left out, for there are too many.", dropped)
        var text = ""
        for family in page.families { MetricsText.write(family, format, into: &text) }
        if format == .openMetrics { text += "# EOF\n" }
        return text
    }
}
