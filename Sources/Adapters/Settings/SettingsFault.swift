/// One thing that is wrong in a file: where, what, and what would be valid.
package struct SettingsFault: Hashable, Sendable, CustomStringConvertible {
    package let file: String
    /// Counted from 1.
    package let line: Int
    /// Dotted path with indices, such as "data[1].source"; empty for the file as a whole.
    package let path: String
    package let problem: String
    package let valid: String

    package init(file: String, line: Int, path: String, problem: String, valid: String) {
        self.file = file
        self.line = line
        self.path = path
        self.problem = problem
        self.valid = valid
    }

    package var description: String {
        let place = path.isEmpty ? "\(file):\(line)" : "\(file):\(line): \(path)"
        return valid.isEmpty ? "\(place): \(problem)" : "\(place): \(problem); valid: \(valid)"
    }
}

/// Every fault of a file, in the order of its lines. Nothing of the file is used.
package struct SettingsFaults: Error, Hashable, Sendable, CustomStringConvertible {
    package let faults: [SettingsFault]
    package init(_ faults: [SettingsFault]) { self.faults = faults.sorted { $0.line < $1.line } }
    package var description: String { faults.map(\.description).joined(separator: "\n") }

    /// For a log: the first fault, and how many more there are.
    package var oneLine: String {
        let more = faults.count > 1 ? " (and \(faults.count - 1) more)" : ""
        return (faults.first?.description ?? "") + more
    }
}
