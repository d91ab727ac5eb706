import GroupModel
import IKEVocabulary

/// A transaction's mutations as few statements: rows of one table that follow each other share an INSERT.
///
/// Tables do not depend on each other, so mutations are gathered by family; within a family their order stays.
struct TransactionSteps {
    struct Step: Sendable {
        let sql: String
        let values: [SQLValue]
    }

    private(set) var steps: [Step] = []

    init(_ mutations: [StoreMutation]) throws(StoreFailure) {
        var groups: [GroupName: GroupRow] = [:]
        var families: [Family: [StoreMutation]] = [:]
        for mutation in mutations {
            if case .putGroup(let row) = mutation {
                groups[row.name] = try Self.later(row, than: groups[row.name])
            } else {
                families[Family(mutation), default: []].append(mutation)
            }
        }
        try put(Tables.groups, groups.values.sorted { $0.name < $1.name })
        for family in Family.allCases {
            for run in Self.runs(of: families[family] ?? []) { try append(run) }
        }
    }

    /// Of several versions of one group only the last is written.
    private static func later(_ row: GroupRow, than old: GroupRow?) throws(StoreFailure) -> GroupRow {
        if let old, row.nextSenderID < old.nextSenderID { throw .constraint("next_sender_id goes back") }
        return row
    }

    private enum Family: CaseIterable {
        case rekey, data, members, operations

        init(_ mutation: StoreMutation) {
            switch mutation {
            case .putGroup, .putRekeySA, .removeRekeySA, .addRekeyOrder, .removeRekeyOrder: self = .rekey
            case .putDataSA, .removeDataSA: self = .data
            case .putMember, .removeMember: self = .members
            case .recordOperation, .forgetOperations: self = .operations
            }
        }
    }

    /// Neighbours of one kind.
    private static func runs(of mutations: [StoreMutation]) -> [[StoreMutation]] {
        var runs: [[StoreMutation]] = []
        for mutation in mutations {
            if let first = runs.last?.first, first.kind == mutation.kind {
                runs[runs.count - 1].append(mutation)
            } else {
                runs.append([mutation])
            }
        }
        return runs
    }

    private mutating func append(_ run: [StoreMutation]) throws(StoreFailure) {
        try put(Tables.rekeySAs, run.compactMap { if case .putRekeySA(let row) = $0 { row } else { nil } })
        try put(Tables.dataSAs, run.compactMap { if case .putDataSA(let row) = $0 { row } else { nil } })
        try put(Tables.members, run.compactMap { if case .putMember(let row) = $0 { row } else { nil } })
        try add(run.compactMap { if case .addRekeyOrder(let order) = $0 { order } else { nil } })
        try add(run.compactMap { if case .recordOperation(let row) = $0 { row } else { nil } })
        for mutation in run { remove(mutation) }
    }

    private mutating func add(_ orders: [RekeyOrder]) throws(StoreFailure) {
        for order in orders {
            let values: [SQLValue] = [.blob(order.spi.octets), .number(order.messageID.rawValue)]
            steps.append(Step(sql: Tables.messageIDStatement, values: values))
        }
        try insert(Tables.rekeyOrders, orders, Tables.rekeyOrders.addStatement)
    }

    private mutating func add(_ operations: [OperationRow]) throws(StoreFailure) {
        try insert(Tables.operations, operations, Tables.operations.addStatement)
        let given = operations.flatMap { row in
            row.senderIDs.map {
                Tables.GivenSenderID(group: row.group, id: $0, operation: row.operation, at: row.at)
            }
        }
        try insert(Tables.senderIDs, given, Tables.senderIDs.addStatement)
    }

    private mutating func remove(_ mutation: StoreMutation) {
        switch mutation {
        case .removeRekeySA(let spi):
            steps.append(Step(sql: Tables.rekeySAs.removeStatement, values: [.blob(spi.octets)]))
            steps.append(Step(sql: "DELETE FROM message_id WHERE spi = ?", values: [.blob(spi.octets)]))
        case .removeRekeyOrder(let number):
            steps.append(Step(sql: Tables.rekeyOrders.removeStatement, values: [.integer(number)]))
        case .removeDataSA(let spi, let group):
            steps.append(Step(sql: Tables.dataSAs.removeStatement, values: [.name(group), .number(spi.rawValue)]))
        case .removeMember(let identity, let group):
            steps.append(
                Step(
                    sql: Tables.members.removeStatement,
                    values: [.name(group), .number(identity.type.rawValue), .blob(identity.octets)]))
        case .forgetOperations(let before):
            // Forgotten Sender-IDs stay refused: the floor of their group rises above them first.
            steps.append(Step(sql: Self.raiseFloor, values: [.time(before), .time(before)]))
            steps.append(Step(sql: "DELETE FROM sender_id WHERE given_at < ?", values: [.time(before)]))
            steps.append(Step(sql: "DELETE FROM operation WHERE at < ?", values: [.time(before)]))
        case .putGroup, .putRekeySA, .putDataSA, .putMember, .addRekeyOrder, .recordOperation: break
        }
    }

    private static let raiseFloor = """
        UPDATE group_state SET sender_id_floor = max(sender_id_floor, (
            SELECT max(id) + 1 FROM sender_id WHERE group_name = group_state.name AND given_at < ?))
        WHERE EXISTS (SELECT 1 FROM sender_id WHERE group_name = group_state.name AND given_at < ?)
        """

    private mutating func put<Row>(_ table: Table<Row>, _ rows: [Row]) throws(StoreFailure) {
        try insert(table, rows, table.putStatement)
    }

    private mutating func insert<Row>(
        _ table: Table<Row>, _ rows: [Row], _ statement: (Int) -> String
    ) throws(StoreFailure) {
        var rest = rows[...]
        for shape in StoreLimits.insertShapes {
            while rest.count >= shape {
                var values: [SQLValue] = []
                values.reserveCapacity(shape * table.columns.count)
                for row in rest.prefix(shape) { values += try table.encode(row) }
                steps.append(Step(sql: statement(shape), values: values))
                rest = rest.dropFirst(shape)
            }
        }
    }
}

extension StoreMutation {
    /// Mutations of one kind may share a statement.
    fileprivate var kind: Int {
        switch self {
        case .putGroup: 0
        case .putRekeySA: 1
        case .removeRekeySA: 2
        case .putDataSA: 3
        case .removeDataSA: 4
        case .putMember: 5
        case .removeMember: 6
        case .addRekeyOrder: 7
        case .removeRekeyOrder: 8
        case .recordOperation: 9
        case .forgetOperations: 10
        }
    }
}
