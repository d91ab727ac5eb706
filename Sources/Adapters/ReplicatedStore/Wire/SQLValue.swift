/// A value in a parameter list or a row. Booleans and times come back as integers and text.
enum SQLValue: Hashable, Sendable {
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])
    case null
}

typealias SQLRow = [SQLValue]
