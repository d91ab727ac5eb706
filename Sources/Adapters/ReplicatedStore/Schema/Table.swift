import GroupModel

/// How one kind of row lies in its table: the columns in order, what names a row, and both directions of the mapping.
struct Table<Row: Sendable>: Sendable {
    let name: String
    let columns: [String]
    /// The columns of the unique key that a put replaces by.
    let key: [String]
    let encode: @Sendable (Row) throws(StoreFailure) -> [SQLValue]
    let decode: @Sendable (inout RowReader) throws(StoreFailure) -> Row

    /// Puts rows: those with a known key are replaced.
    func putStatement(rows: Int) -> String {
        let changed = columns.filter { !key.contains($0) }.map { "\($0) = excluded.\($0)" }
        return addStatement(rows: rows)
            + " ON CONFLICT (\(key.joined(separator: ", "))) DO UPDATE SET \(changed.joined(separator: ", "))"
    }

    /// Adds rows: a known key is refused.
    func addStatement(rows: Int) -> String {
        let marks = "(" + columns.map { _ in "?" }.joined(separator: ", ") + ")"
        let values = repeatElement(marks, count: rows).joined(separator: ", ")
        return "INSERT INTO \(name) (\(columns.joined(separator: ", "))) VALUES \(values)"
    }

    var removeStatement: String {
        "DELETE FROM \(name) WHERE " + key.map { "\($0) = ?" }.joined(separator: " AND ")
    }

    /// A page of rows in the order they came in: the rowid, then the columns.
    var pageStatement: String {
        "SELECT rowid, \(columns.joined(separator: ", ")) FROM \(name) WHERE rowid > ? ORDER BY rowid LIMIT ?"
    }

    func findStatement(by column: String) -> String {
        "SELECT \(columns.joined(separator: ", ")) FROM \(name) WHERE \(column) = ?"
    }

    func row(_ values: SQLRow) throws(StoreFailure) -> Row {
        var reader = RowReader(values, of: name)
        return try decode(&reader)
    }
}
