extension JSONValue {
    /// On one line, for NDJSON.
    func line() -> String {
        switch self {
        case .list(let values): return "[\(values.map { $0.line() }.joined(separator: ","))]"
        case .object(let fields):
            return "{\(fields.map { "\(JSONValue.quoted($0)):\($1.line())" }.joined(separator: ","))}"
        default: return rendered()
        }
    }
}
