import GroupModel
import IKEVocabulary
import Octets

/// The trail as `gcksctl audit` shows it. JSON keeps every field that the hash covers.
enum AuditView {
    static func table(_ records: [AuditRecord]) -> String {
        var table = TextTable(["SEQ", "TIME", "ACTOR", "ROLE", "ACTION", "OBJECT", "RESULT", "REASON"])
        for record in records { table.add(cells(record)) }
        return table.rendered()
    }

    /// One record, for following.
    static func line(_ record: AuditRecord) -> String {
        cells(record).map(TextTable.printable).joined(separator: "  ")
    }

    private static func cells(_ record: AuditRecord) -> [String] {
        let entry = record.entry
        return [
            String(record.seq), TimeText.rfc3339(record.at), entry.actor, entry.actorRole, entry.action, entry.object,
            entry.result, entry.reason,
        ]
    }

    static func json(_ records: [AuditRecord]) -> JSONValue { .document(kind: "AuditRecord", items: records.map(json)) }

    static func json(_ record: AuditRecord) -> JSONValue {
        let entry = record.entry
        return .object([
            ("kind", .text("AuditRecord")), ("seq", .integer(record.seq)), ("at", .text(TimeText.rfc3339(record.at))),
            ("cluster", .text(record.cluster)), ("node", .text(record.node)), ("actor", .text(entry.actor)),
            ("actor_role", .text(entry.actorRole)), ("source", .text(entry.source)), ("action", .text(entry.action)),
            ("object", .text(entry.object)), ("reason", .text(entry.reason)), ("request_id", .text(entry.request)),
            ("result", .text(entry.result)),
            ("generation_before", entry.generationBefore.map { .integer($0.rawValue) } ?? .null),
            ("generation_after", entry.generationAfter.map { .integer($0.rawValue) } ?? .null),
            ("previous_hash", .text(Hex.encode(record.previousHash))), ("hash", .text(Hex.encode(record.hash))),
        ])
    }

    static func json(_ anchor: AuditAnchor) -> JSONValue {
        .object([
            ("kind", .text("AuditAnchor")), ("seq", .integer(anchor.place.seq)),
            ("at", .text(TimeText.rfc3339(anchor.at))), ("hash", .text(Hex.encode(anchor.place.hash))),
            ("signature", .text(Hex.encode(anchor.signature))),
        ])
    }

    static func json(_ key: AuditKey) -> JSONValue {
        .object([
            ("kind", .text("AuditKey")), ("cluster", .text(key.cluster)),
            ("public_key", .text(Hex.encode(key.publicKey))),
        ])
    }
}
