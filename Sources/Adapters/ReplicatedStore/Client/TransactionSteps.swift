import GroupModel
import IKEVocabulary

/// A transaction's mutations as few statements: rows of one table that follow each other share an INSERT.
///
/// Tables do not depend on each other, so mutations are gathered by family; within a family their order stays.
struct TransactionSteps {
    struct Step: Sendable {
        let sql: String
        let values: [SQLValue]
        /// What is wrong when the statement changes no row; nil when that is fine.
        var missing: String?
    }

    private(set) var steps: [Step] = []
    /// Operations whose Sender-IDs were free again before the transaction's end.
    private var overtaken: Set<OperationID> = []

    init(_ mutations: [StoreMutation]) throws(StoreFailure) {
        var groups = GroupChanges()
        var families: [Family: [StoreMutation]] = [:]
        var givers: [GroupName: Set<OperationID>] = [:]
        for mutation in mutations {
            switch mutation {
            case .putGroup(let row): try groups.put(row)
            case .setNextSenderID(let next, let name): try groups.setNextSenderID(next, of: name)
            case .sending(.resetSenderIDs(let name)):
                groups.reset(name)
                overtaken.formUnion(givers.removeValue(forKey: name) ?? [])
            default:
                if case .recordOperation(let row) = mutation, let name = row.group, !row.senderIDs.isEmpty {
                    givers[name, default: []].insert(row.operation)
                }
                families[Family(mutation), default: []].append(mutation)
            }
        }
        for name in groups.resets.sorted() { steps += SendingTables.resetSteps(of: name) }
        try put(Tables.groups, groups.rows.values.sorted { $0.name < $1.name })
        for (name, next) in groups.counters.sorted(by: { $0.key < $1.key }) {
            steps.append(
                Step(
                    sql: Tables.nextSenderIDStatement, values: [.number(next), .name(name)],
                    missing: "there is no group \(name)"))
        }
        for family in Family.allCases {
            for run in Self.runs(of: families[family] ?? []) { try append(run) }
        }
    }

    /// Of several changes of one group only the last is written.
    private struct GroupChanges {
        private(set) var rows: [GroupName: GroupRow] = [:]
        /// Of groups of which nothing else changes.
        private(set) var counters: [GroupName: UInt64] = [:]
        /// Groups whose Sender-IDs begin at 0 again.
        private(set) var resets: Set<GroupName> = []

        mutating func reset(_ name: GroupName) {
            resets.insert(name)
            counters[name] = nil
            rows[name]?.nextSenderID = 0
        }

        mutating func put(_ row: GroupRow) throws(StoreFailure) {
            try require(row.nextSenderID, of: row.name)
            counters[row.name] = nil
            rows[row.name] = row
        }

        mutating func setNextSenderID(_ next: UInt64, of name: GroupName) throws(StoreFailure) {
            try require(next, of: name)
            if rows[name] == nil { counters[name] = next } else { rows[name]?.nextSenderID = next }
        }

        private func require(_ next: UInt64, of name: GroupName) throws(StoreFailure) {
            guard next >= rows[name]?.nextSenderID ?? counters[name] ?? 0 else {
                throw .constraint("next_sender_id goes back")
            }
        }
    }

    private enum Family: CaseIterable {
        case rekey, data, members, operations, control, audit, fleet, upkeep, sending, keyTree

        init(_ mutation: StoreMutation) {
            switch mutation {
            case .putGroup, .setNextSenderID, .putRekeySA, .removeRekeySA, .addRekeyOrder, .removeRekeyOrder:
                self = .rekey
            case .putDataSA, .removeDataSA: self = .data
            case .putMember, .removeMember: self = .members
            case .recordOperation, .forgetOperations, .putDrainedNode, .removeDrainedNode: self = .operations
            case .putExclusion, .removeExclusion, .putRekeySchedule, .recordRekey: self = .control
            case .putAuditKey, .appendAudit, .addAuditAnchor, .forgetAudit: self = .audit
            case .putFleetSecret, .putFrontend: self = .fleet
            case .upkeep: self = .upkeep
            case .setLife: self = .control
            case .sending: self = .sending
            case .keyTree: self = .keyTree
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
        try appendControl(run)
        try put(FleetTables.secrets, run.compactMap { if case .putFleetSecret(let row) = $0 { row } else { nil } })
        try put(FleetTables.frontends, run.compactMap { if case .putFrontend(let row) = $0 { row } else { nil } })
        try put(NodeTables.drained, run.compactMap { if case .putDrainedNode(let row) = $0 { row } else { nil } })
        try appendKeyTree(run)
        for mutation in run { remove(mutation) }
    }

    private mutating func appendKeyTree(_ run: [StoreMutation]) throws(StoreFailure) {
        let mutations = run.compactMap { if case .keyTree(let mutation) = $0 { mutation } else { nil } }
        try put(KeyTreeTables.trees, mutations.compactMap { if case .putTree(let row) = $0 { row } else { nil } })
        try put(KeyTreeTables.nodes, mutations.compactMap { if case .putNode(let row) = $0 { row } else { nil } })
        try put(KeyTreeTables.leaves, mutations.compactMap { if case .putLeaf(let row) = $0 { row } else { nil } })
    }

    private mutating func appendControl(_ run: [StoreMutation]) throws(StoreFailure) {
        try put(ControlTables.exclusions, run.compactMap { if case .putExclusion(let row) = $0 { row } else { nil } })
        try put(
            ControlTables.schedules, run.compactMap { if case .putRekeySchedule(let row) = $0 { row } else { nil } })
        let history = run.compactMap { if case .recordRekey(let row) = $0 { row } else { nil } }
        try insert(ControlTables.history, history, ControlTables.history.addStatement)
        for group in Set(history.map(\.group)).sorted() {
            let values: [SQLValue] = [.name(group), .name(group), .number(StateLimits.rekeyHistory)]
            steps.append(Step(sql: ControlTables.trimHistory, values: values))
        }
        let records = run.compactMap {
            if case .appendAudit(let row) = $0 { AuditTables.StoredRecord(row) } else { nil }
        }
        try insert(AuditTables.records, records, AuditTables.records.addStatement)
        let anchors = run.compactMap { if case .addAuditAnchor(let row) = $0 { row } else { nil } }
        try insert(AuditTables.anchors, anchors, AuditTables.anchors.addStatement)
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
            guard let group = row.group, !overtaken.contains(row.operation) else { return [Tables.GivenSenderID]() }
            return row.senderIDs.map {
                Tables.GivenSenderID(group: group, id: $0, operation: row.operation, at: row.at)
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
            let values: [SQLValue] = [.time(before), .number(StateLimits.forgottenAtOnce)]
            steps += Tables.forgetStatements.map { Step(sql: $0, values: values) }
        case .upkeep(let mutation): steps += UpkeepTables.steps(of: mutation)
        case .sending(let mutation): steps += SendingTables.steps(of: mutation)
        case .removeDrainedNode(let name):
            steps.append(Step(sql: NodeTables.drained.removeStatement, values: [.text(name)]))
        case .removeExclusion(let identity, let group):
            steps.append(
                Step(
                    sql: ControlTables.exclusions.removeStatement,
                    values: [.name(group), .number(identity.type.rawValue), .blob(identity.octets)]))
        case .setLife(let life):
            steps.append(Step(sql: LifeTable.set, values: [.number(life.rawValue)]))
        case .putAuditKey(let row):
            steps.append(Step(sql: AuditTables.putKey, values: AuditTables.putKeyValues(row)))
        case .keyTree(.removeLeaf(let leaf, let group)):
            steps.append(
                Step(sql: KeyTreeTables.leaves.removeStatement, values: [.name(group), .number(leaf)]))
        case .keyTree(.clear(let group)):
            steps += KeyTreeTables.clearStatements.map { Step(sql: $0, values: [.name(group)]) }
        case .forgetAudit(let place):
            steps += AuditTables.forgetSteps(through: place).map { Step(sql: $0.sql, values: $0.values) }
        case .putGroup, .setNextSenderID, .putRekeySA, .putDataSA, .putMember, .addRekeyOrder, .recordOperation,
            .putExclusion, .putRekeySchedule, .recordRekey, .appendAudit, .addAuditAnchor, .putFleetSecret,
            .putFrontend, .putDrainedNode, .keyTree:
            break
        }
    }

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
        case .setNextSenderID: 11
        case .putExclusion: 12
        case .removeExclusion: 13
        case .putRekeySchedule: 14
        case .recordRekey: 15
        case .putAuditKey: 16
        case .appendAudit: 17
        case .addAuditAnchor: 18
        case .forgetAudit: 19
        case .putFleetSecret: 40
        case .putFrontend: 41
        case .upkeep: 60
        case .putDrainedNode: 62
        case .removeDrainedNode: 63
        case .setLife: 20
        case .sending: 64
        case .keyTree(.putTree): 70
        case .keyTree(.putNode): 71
        case .keyTree(.putLeaf): 72
        case .keyTree(.removeLeaf): 73
        case .keyTree(.clear): 74
        }
    }
}
