/// The form of a JSON value, from which its JSON Schema (draft 2020-12) is made.
indirect enum Shape: Sendable {
    case text
    /// RFC 3339 in UTC.
    case time
    /// One of these words.
    case word([String])
    case integer
    case number
    case bool
    case list(Shape)
    /// Names that are not known beforehand, each with such a value.
    case map(Shape)
    /// Fields in their order; all of them are always there. More may come within v1.
    case object([(String, Shape)])
    /// The value or null.
    case optional(Shape)

    var schema: JSONValue {
        switch self {
        case .text: .object([("type", .text("string"))])
        case .time: .object([("type", .text("string")), ("format", .text("date-time"))])
        case .word(let words): .object([("enum", .list(words.map(JSONValue.text)))])
        case .integer: .object([("type", .text("integer"))])
        case .number: .object([("type", .text("number"))])
        case .bool: .object([("type", .text("boolean"))])
        case .list(let item): .object([("type", .text("array")), ("items", item.schema)])
        case .map(let value): .object([("type", .text("object")), ("additionalProperties", value.schema)])
        case .object(let fields):
            .object([
                ("type", .text("object")), ("properties", .object(fields.map { ($0.0, $0.1.schema) })),
                ("required", .list(fields.map { .text($0.0) })),
            ])
        case .optional(let value): .object([("anyOf", .list([value.schema, .object([("type", .text("null"))])]))])
        }
    }

    /// The schema of a document with items of this shape.
    func document(kind: String) -> JSONValue {
        .object([
            ("$schema", .text("https://json-schema.org/draft/2020-12/schema")), ("title", .text(kind)),
            ("type", .text("object")),
            (
                "properties",
                .object([
                    ("apiVersion", .object([("const", .text("gcks/v1"))])),
                    ("kind", .object([("const", .text(kind))])),
                    // With --watch only.
                    ("event", Shape.word(["added", "changed", "removed"]).schema),
                    ("items", Shape.list(self).schema),
                ])
            ),
            ("required", .list(["apiVersion", "kind", "items"].map(JSONValue.text))),
        ])
    }
}
