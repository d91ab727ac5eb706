/// What every change carries beside its content: the id under which a retry finds the first result, why it is wanted, and
/// whether it is only to be told.
package struct Mandate: Hashable, Sendable {
    package let operation: OperationID
    /// Needed for what is disruptive or worse, unless it is a dry run; goes into the audit trail.
    package let reason: Reason?
    /// Tells what would happen and changes nothing.
    package let isDryRun: Bool

    package init(operation: OperationID, reason: Reason? = nil, isDryRun: Bool = false) {
        self.operation = operation
        self.reason = reason
        self.isDryRun = isDryRun
    }
}

/// Why an operator wants a change: 1 … 256 octets of text that prints, on one line.
package struct Reason: Hashable, Sendable, CustomStringConvertible {
    package static let octets = 256

    package let text: String

    /// Nil for an empty text, one that is too long, or one with characters that do not print or that turn the line around.
    package init?(_ text: String) {
        guard (1...Self.octets).contains(text.utf8.count) else { return nil }
        var prints = false
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                return nil
            case .spaceSeparator: continue
            default: prints = true
            }
        }
        guard prints else { return nil }
        self.text = text
    }

    package var description: String { text }
}
