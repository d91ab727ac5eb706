import GroupModel
import IKEVocabulary
import KeyMaterial
import Octets

/// Takes the columns of one row in order. A column that is not what the schema says makes the whole row `.incompatible`:
/// nothing is guessed.
struct RowReader {
    private let row: SQLRow
    private let table: String
    private var next = 0

    init(_ row: SQLRow, of table: String) {
        self.row = row
        self.table = table
    }

    func fault(_ column: String) -> StoreFailure { .incompatible("table \(table) holds an unreadable \(column)") }

    private mutating func take(_ column: String) throws(StoreFailure) -> SQLValue {
        guard next < row.count else { throw fault(column) }
        defer { next += 1 }
        return row[next]
    }

    mutating func integer(_ column: String) throws(StoreFailure) -> Int64 {
        guard case .integer(let value) = try take(column) else { throw fault(column) }
        return value
    }

    mutating func number<Number: FixedWidthInteger>(
        _ column: String, as _: Number.Type = Number.self
    ) throws(StoreFailure) -> Number {
        guard let value = Number(exactly: try integer(column)) else { throw fault(column) }
        return value
    }

    mutating func optionalNumber<Number: FixedWidthInteger>(
        _ column: String, as _: Number.Type = Number.self
    ) throws(StoreFailure) -> Number? {
        switch try take(column) {
        case .integer(let value):
            guard let number = Number(exactly: value) else { throw fault(column) }
            return number
        case .null: return nil
        default: throw fault(column)
        }
    }

    mutating func bool(_ column: String) throws(StoreFailure) -> Bool { try integer(column) != 0 }

    mutating func text(_ column: String) throws(StoreFailure) -> String {
        guard case .text(let value) = try take(column) else { throw fault(column) }
        return value
    }

    mutating func blob(_ column: String) throws(StoreFailure) -> [UInt8] {
        guard let octets = try optionalBlob(column) else { throw fault(column) }
        return octets
    }

    mutating func optionalBlob(_ column: String) throws(StoreFailure) -> [UInt8]? {
        switch try take(column) {
        case .blob(let octets): octets
        case .null: nil
        default: throw fault(column)
        }
    }

    mutating func time(_ column: String) throws(StoreFailure) -> WallTime {
        WallTime(milliseconds: try integer(column))
    }

    mutating func optionalTime(_ column: String) throws(StoreFailure) -> WallTime? {
        switch try take(column) {
        case .integer(let value): WallTime(milliseconds: value)
        case .null: nil
        default: throw fault(column)
        }
    }

    /// Two columns, type and octets, that are NULL together.
    mutating func optionalIdentity(_ typeColumn: String, _ column: String) throws(StoreFailure) -> Identity? {
        let type = try optionalNumber(typeColumn, as: UInt8.self)
        let octets = try optionalBlob(column)
        guard (type == nil) == (octets == nil) else { throw fault(column) }
        guard let type, let octets else { return nil }
        return Identity(type: IDType(rawValue: type), octets: octets)
    }

    mutating func groupName() throws(StoreFailure) -> GroupName { try parsed("group_name") { GroupName($0) } }

    /// The empty text stands for none.
    mutating func optionalGroupName() throws(StoreFailure) -> GroupName? {
        let name = try text("group_name")
        guard !name.isEmpty else { return nil }
        guard let group = GroupName(name) else { throw fault("group_name") }
        return group
    }

    mutating func operation() throws(StoreFailure) -> OperationID {
        guard let id = OperationID(octets: try blob("operation")) else { throw fault("operation") }
        return id
    }

    mutating func rekeySPI() throws(StoreFailure) -> RekeySPI {
        guard let spi = RekeySPI(octets: try blob("spi")) else { throw fault("spi") }
        return spi
    }

    mutating func senderIDs() throws(StoreFailure) -> [SenderID] {
        var reader = OctetReader(try blob("sender_ids"))
        var ids: [SenderID] = []
        while !reader.isAtEnd {
            guard ids.count < StoreLimits.senderIDs, let id = try? reader.readUInt32("sender_ids") else {
                throw fault("sender_ids")
            }
            ids.append(SenderID(rawValue: id))
        }
        return ids
    }

    mutating func parsed<Value>(_ column: String, _ parse: (String) -> Value?) throws(StoreFailure) -> Value {
        guard let value = parse(try text(column)) else { throw fault(column) }
        return value
    }
}

extension SQLValue {
    static func name(_ name: GroupName) -> SQLValue { .text(name.text) }
    static func number(_ value: some FixedWidthInteger) -> SQLValue { .integer(Int64(clamping: value)) }
    static func bool(_ value: Bool) -> SQLValue { .integer(value ? 1 : 0) }
    static func time(_ time: WallTime) -> SQLValue { .integer(time.milliseconds) }
    static func time(_ time: WallTime?) -> SQLValue { time.map { .integer($0.milliseconds) } ?? .null }
    static func blob(_ octets: [UInt8]?) -> SQLValue { octets.map { .blob($0) } ?? .null }

    static func senderIDs(_ ids: [SenderID]) -> SQLValue {
        var writer = OctetWriter(reserving: ids.count * 4)
        for id in ids { writer.writeUInt32(id.rawValue) }
        return .blob(writer.octets)
    }
}
