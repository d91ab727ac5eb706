import GroupModel
import IKEVocabulary

/// What was done lately, by operation and by time, so that a repeated operation finds its first result and the old ones are
/// forgotten without looking at all.
struct RememberedOperations {
    private var rows: [OperationID: OperationRow] = [:]
    private var byTime: ArraySlice<(at: WallTime, operation: OperationID)> = []

    init(_ stored: [OperationRow] = []) {
        for row in stored.sorted(by: { $0.at < $1.at }) { record(row) }
    }

    subscript(operation: OperationID) -> OperationRow? { rows[operation] }

    mutating func record(_ row: OperationRow) {
        rows[row.operation] = row
        byTime.append((row.at, row.operation))
    }

    /// Forgets what is older than `horizon`, a part of it when that is much.
    ///
    /// - Returns: the moment before which everything is forgotten now; nil when nothing was.
    mutating func forget(before horizon: WallTime, atMost limit: Int) -> WallTime? {
        var before: WallTime?
        var count = 0
        while let first = byTime.first, first.at < horizon {
            // Operations of one moment go together, for the store deletes by time.
            if count >= limit, let before, before < first.at { return first.at }
            rows.removeValue(forKey: first.operation)
            byTime.removeFirst()
            before = first.at
            count += 1
        }
        return before == nil ? nil : horizon
    }
}
