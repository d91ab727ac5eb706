/// Which schema a leader works in, and how it gets from one to the next.
///
/// A new version of the program works in the schema it finds until an operator raises it (`gcksctl upgrade finalize`), so that
/// authorities of both versions can lead during a rolling upgrade. An empty store gets the newest schema at once, and so does
/// the store of a cluster of one, where nobody else has to understand it.
enum SchemaChange {
    /// - Parameters:
    ///   - found: what the store is in; 0 when it is empty.
    ///   - isAlone: the cluster has one node.
    /// - Throws: `.incompatible` for a schema that this program does not know.
    static func wanted(found: Int64, isAlone: Bool) throws(StoreFailure) -> Int64 {
        guard (0...Migrations.current).contains(found) else {
            throw .incompatible(
                "the store is in schema \(found) and this program knows schemas 1 to \(Migrations.current): run the version "
                    + "that wrote it, or a newer one")
        }
        return found == 0 || isAlone ? Migrations.current : found
    }

    /// All statements between two versions, and the one that notes the new version, which fails when another was first.
    static func steps(from old: Int64, to new: Int64) -> [TransactionSteps.Step] {
        let range = 0...Migrations.current
        guard range.contains(old), range.contains(new), old < new else { return [] }
        let statements = Migrations.all[Int(old)..<Int(new)].joined()
        return statements.map { TransactionSteps.Step(sql: $0, values: []) } + [
            TransactionSteps.Step(
                sql: "UPDATE schema_version SET version = ? WHERE version = ?", values: [.integer(new), .integer(old)],
                missing: "the store is not in schema \(old) any more")
        ]
    }

    // MARK: Working in an older schema

    /// Tables of this program that a schema does not have yet.
    static func absent(in version: Int64) -> Set<String> {
        guard (0..<Migrations.current).contains(version) else { return [] }
        return Set(Migrations.all[Int(version)...].joined().compactMap(newTable))
    }

    /// Tables whose rows may be left out of an older schema: what they say is made anew or begins later. Everything else is
    /// refused, since it would be acknowledged and lost.
    static let omissible: Set<String> = [
        "audit_state", "audit", "audit_anchor", "rekey_history", "fleet_secret", "frontend", "sender_claim",
        "rekey_promise",
    ]

    /// The steps of a transaction that a schema has tables for.
    static func fitting(
        _ steps: [TransactionSteps.Step], in version: Int64
    ) throws(StoreFailure) -> [TransactionSteps.Step] {
        let absent = absent(in: version)
        guard !absent.isEmpty else { return steps }
        var fitting: [TransactionSteps.Step] = []
        var isRaised = false
        for step in steps {
            // What follows a change of the schema is written in the new one; the change comes last.
            if newTable(step.sql) != nil { isRaised = true }
            guard !isRaised, let table = table(step.sql), absent.contains(table) else {
                fitting.append(step)
                continue
            }
            guard omissible.contains(table) else {
                throw .constraint(
                    "it needs a newer schema than \(version): finish the upgrade with gcksctl upgrade finalize")
            }
        }
        return fitting
    }

    private static func newTable(_ sql: String) -> String? {
        let words = words(sql, atMost: 3)
        return words.count == 3 && words[0] == "CREATE" && words[1] == "TABLE" ? words[2] : nil
    }

    /// The first table that a statement of ours names.
    static func table(_ sql: String) -> String? {
        let words = words(sql, atMost: .max)
        guard let place = words.firstIndex(where: { ["FROM", "INTO", "UPDATE"].contains($0) }) else { return nil }
        return place + 1 < words.count ? words[place + 1] : nil
    }

    private static func words(_ sql: String, atMost limit: Int) -> [String] {
        var words: [String] = []
        for word in sql.split(whereSeparator: { " \n\t(),;".contains($0) }) {
            guard words.count < limit else { break }
            words.append(String(word))
        }
        return words
    }
}
