/// A message from the other end that the contract does not allow. The stream or call ends with INVALID_ARGUMENT.
package struct ContractError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Problem: Hashable, Sendable {
        case missing
        /// A text, octet string or list above its limit.
        case tooLong(limit: Int)
        /// A number or octet string that no value of the field has.
        case outOfRange
        /// An enum number of a newer contract, or the unspecified zero.
        case unknownValue
    }

    /// The field's name in the .proto file, as "Message.field".
    package let field: String
    package let problem: Problem

    package init(_ field: String, _ problem: Problem) {
        self.field = field
        self.problem = problem
    }

    package var description: String {
        switch problem {
        case .missing: "\(field): missing"
        case .tooLong(let limit): "\(field): longer than \(limit)"
        case .outOfRange: "\(field): out of range"
        case .unknownValue: "\(field): unknown value"
        }
    }
}
