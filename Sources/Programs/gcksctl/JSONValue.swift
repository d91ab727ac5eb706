/// A JSON document whose fields keep their order.
indirect enum JSONValue {
    case null
    case bool(Bool)
    case integer(Int64)
    /// Finite; three digits after the point.
    case number(Double)
    case text(String)
    case list([JSONValue])
    case object([(String, JSONValue)])

    static func optional(_ text: String?) -> JSONValue { text.map(JSONValue.text) ?? .null }

    /// The envelope of every `-o json`.
    static func document(kind: String, items: [JSONValue]) -> JSONValue {
        .object([("apiVersion", .text("gcks/v1")), ("kind", .text(kind)), ("items", .list(items))])
    }

    /// Indented by two spaces.
    func rendered(indent: String = "") -> String {
        let inner = indent + "  "
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let number): return String(number)
        case .number(let number): return JSONValue.written(number)
        case .text(let text): return JSONValue.quoted(text)
        case .list(let values):
            guard !values.isEmpty else { return "[]" }
            let lines = values.map { inner + $0.rendered(indent: inner) }
            return "[\n\(lines.joined(separator: ",\n"))\n\(indent)]"
        case .object(let fields):
            guard !fields.isEmpty else { return "{}" }
            let lines = fields.map { "\(inner)\(JSONValue.quoted($0)): \($1.rendered(indent: inner))" }
            return "{\n\(lines.joined(separator: ",\n"))\n\(indent)}"
        }
    }

    private static func written(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "0" }
        return String((number * 1000).rounded() / 1000)
    }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
