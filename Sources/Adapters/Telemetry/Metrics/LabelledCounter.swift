/// Counts by a set of label values. Bounded: beyond the limit a new set is counted as `other` in every label.
package struct LabelledCounter: Sendable {
    package private(set) var counts: [[String]: Int64] = [:]
    private let limit: Int

    package init(limit: Int = MetricLimits.labelSets) { self.limit = limit }

    package subscript(_ labels: String...) -> Int64 { counts[labels] ?? 0 }

    package mutating func add(_ labels: String..., count: Int64 = 1) {
        if counts[labels] != nil {
            counts[labels]? += count
        } else if counts.count < limit {
            counts[labels] = count
        } else {
            counts[labels.map { _ in "other" }, default: 0] += count
        }
    }
}
