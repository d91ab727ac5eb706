/// How often values fell into fixed buckets: a few words of memory, no allocation when a value comes.
package struct Histogram: Sendable, Equatable {
    /// Inclusive upper bounds, rising; above the last one there is one more bucket.
    package let bounds: [Double]
    package private(set) var counts: [Int64]
    package private(set) var sum = 0.0

    package init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// From 1 ms to 10 s: what a registration, a commit or a rekey takes.
    package static let latencies: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    package var count: Int64 { counts.reduce(0, +) }

    package mutating func observe(_ value: Double) {
        // What a clock that was set back makes negative says nothing.
        guard value >= 0, value.isFinite else { return }
        let place = bounds.firstIndex { value <= $0 } ?? bounds.count
        counts[place] += 1
        sum += value
    }

    package mutating func observe(_ value: Duration) { observe(value.inSeconds) }
}

extension Duration {
    package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// One histogram for each value of a label, as many as the bounds allow; further values share `other`.
package struct LabelledHistogram: Sendable {
    package private(set) var rows: [String: Histogram] = [:]
    private let bounds: [Double]
    private let limit: Int

    package init(bounds: [Double] = Histogram.latencies, limit: Int = MetricLimits.labelSets) {
        self.bounds = bounds
        self.limit = limit
    }

    package mutating func observe(_ value: Double, _ label: String) {
        let place = rows[label] != nil || rows.count < limit ? label : "other"
        rows[place, default: Histogram(bounds: bounds)].observe(value)
    }
}
