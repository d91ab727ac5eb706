package import GroupModel
import NIOCore
import NIOPosix
import Synchronization

/// The replicated store behind this authority's own `gcks-store`, over its Unix socket.
///
/// Writes go through one connection, one transaction at a time. Connections are made when they are needed and made again
/// after they were lost; no call waits longer than its limit in `StoreLimits`.
package final class EngineStore: ReplicatedStoring {
    let id: UInt64
    let socketPath: String
    let writer: Writer
    private let reader: Reader
    private let lookout: Lookout
    let membership: MembershipLine
    let formation: ClusterFormation
    /// What the last `lead()` read and the commits since then changed; nil while another may lead.
    let upkeep = Mutex<UpkeepState?>(nil)
    /// The schema that the last `lead()` found, and the commits since then took.
    let ledSchema = Mutex<Int64?>(nil)
    let doors: StoreClusterSettings?
    let name: String

    /// - Parameters:
    ///   - socketPath: where the own store listens.
    ///   - id: the own node's id.
    ///   - nodes: all configured nodes, the own one included; empty for a cluster of one.
    ///   - doors: with what the own store reaches the others; nil when it has no door for them.
    package init(
        socketPath: String, id: UInt64, name: String = "", nodes: [StoreNode] = [],
        doors: StoreClusterSettings? = nil, events: @escaping @Sendable (Event) -> Void = { _ in }
    ) {
        self.id = id
        self.name = name
        self.doors = doors
        self.socketPath = socketPath
        let group = MultiThreadedEventLoopGroup.singleton
        writer = Writer(socketPath: socketPath, group: group)
        reader = Reader(socketPath: socketPath, group: group)
        lookout = Lookout(socketPath: socketPath, group: group)
        let membership = MembershipLine(socketPath: socketPath, group: group)
        self.membership = membership
        formation = ClusterFormation(own: id, nodes: nodes, events: events) { (request, limit) throws(EngineFault) in
            try await membership.change(request, within: limit)
        }
    }

    /// Lets the commit under way end, for `StoreLimits.farewell` at most. Nothing is written afterwards.
    package func close() async {
        await writer.close()
        await lookout.close()
    }

    package func leader() async throws(StoreFailure) -> StoreLeader? {
        guard case .server(let id, let name) = try await look(.leader) else {
            throw .unavailable("an answer of the wrong kind to LEADER")
        }
        // Another leader may change what is known here.
        if id != self.id { upkeep.withLock { $0 = nil } }
        return id == 0 ? nil : StoreLeader(id: id, name: name, isOurs: id == self.id)
    }

    package func lead() async throws(StoreFailure) -> StoredState {
        let isAlone = try await requireMajority()
        let state = try await writer.transaction(lasting: StoreLimits.lead) { (session) throws(StoreFailure) in
            let schema = try await Self.settleSchema(session, isAlone: isAlone)
            try await session.execute("UPDATE leadership SET term = term + 1 WHERE only_row = ?", [.integer(1)])
            var term = RowReader(try await Self.leadership(session), of: "leadership")
            var state = StoredState(term: LeadershipTerm(rawValue: try term.integer("term")))
            state.groups = try await Self.readAll(Tables.groups, session)
            state.rekeySAs = try await Self.readAll(Tables.rekeySAs, session)
            state.dataSAs = try await Self.readAll(Tables.dataSAs, session)
            state.members = try await Self.readAll(Tables.members, session)
            state.rekeyOrders = try await Self.readAll(Tables.rekeyOrders, session)
            state.operations = try await Self.readAll(Tables.operations, session)
            state.exclusions = try await Self.readAll(ControlTables.exclusions, session)
            state.rekeySchedules = try await Self.readAll(ControlTables.schedules, session)
            state.rekeyHistory = try await Self.readAll(ControlTables.history, session)
            state.audit = try await Self.auditState(session)
            state.fleetSecret = try await Self.readAll(FleetTables.secrets, session).first
            state.frontends = try await Self.readAll(FleetTables.frontends, session)
            state.upkeep = try await Self.readUpkeep(session, schema: schema)
            state.drained = try await Self.readAll(NodeTables.drained, session)
            state.sending = try await Self.readSending(session)
            state.keyTrees = try await Self.readAll(KeyTreeTables.trees, session)
            state.keyTreeNodes = try await Self.readAll(KeyTreeTables.nodes, session)
            state.keyLeaves = try await Self.readAll(KeyTreeTables.leaves, session)
            if schema >= 2, let row = try await session.query(LifeTable.read).first {
                state.life = try LifeTable.life(row)
            }
            return state
        }
        upkeep.withLock { $0 = state.upkeep }
        ledSchema.withLock { $0 = state.upkeep.schema }
        return state
    }

    package func commit(_ transaction: StoreTransaction) async throws(StoreFailure) -> CommitReceipt {
        // Of the term it names: who takes over and raises it has a later one, and this transaction is refused.
        let schema = ledSchema.withLock { $0 } ?? Migrations.current
        let steps = try SchemaChange.fitting(try TransactionSteps(transaction.mutations).steps, in: schema)
        let index = try await writer.transaction(lasting: StoreLimits.transaction) { (session) throws(StoreFailure) in
            let owned = try await session.execute(
                "UPDATE leadership SET commits = commits + 1 WHERE only_row = 1 AND term = ?",
                [.integer(transaction.term.rawValue)])
            guard owned == 1 else { throw .fenced }
            for step in steps {
                let changed = try await session.execute(step.sql, step.values)
                if changed == 0, let missing = step.missing { throw .constraint(missing) }
            }
            var row = RowReader(try await Self.leadership(session), of: "leadership")
            _ = try row.integer("term")
            return try row.integer("commits")
        }
        note(transaction.mutations)
        return CommitReceipt(term: transaction.term, index: index)
    }

    package func outcome(of operation: OperationID) async throws(StoreFailure) -> OperationRow? {
        try await writer.transaction(lasting: StoreLimits.transaction) { (session) throws(StoreFailure) in
            // Writing makes the read take part in the log: what was sent before is decided when this is acknowledged.
            try await session.execute("UPDATE leadership SET fences = fences + 1 WHERE only_row = ?", [.integer(1)])
            let rows = try await session.query(
                Tables.operations.findStatement(by: "operation"), [.blob(operation.octets)])
            guard let row = rows.first else { return nil }
            return try Tables.operations.row(row)
        }
    }

    package func audit(_ start: AuditQuery.Start, atMost limit: Int) async throws(StoreFailure) -> AuditPage {
        try await reader.read { (session) throws(StoreFailure) in
            try await Self.auditPage(start, atMost: limit, session)
        }
    }

    package func nodes() async throws(StoreFailure) -> [StoreNode] {
        guard case .servers(let nodes) = try await look(.cluster) else {
            throw .unavailable("an answer of the wrong kind to CLUSTER")
        }
        return nodes
    }

    package func transferLeadership(to name: String) async throws(StoreFailure) {
        guard let node = try await nodes().first(where: { $0.name == name && $0.duty == .voter }), node.id != id else {
            throw .unavailable("\(name) is no other voter")
        }
        do {
            try await membership.change(.transfer(id: node.id), within: StoreLimits.request)
        } catch {
            throw StoreFailure(beforeCommit: error)
        }
    }

    package func yieldLeadership() async throws(StoreFailure) {
        var why = StoreFailure.unavailable("there is no other voter")
        for node in try await nodes() where node.id != id && node.duty == .voter {
            do {
                return try await membership.change(.transfer(id: node.id), within: StoreLimits.request)
            } catch {
                why = StoreFailure(beforeCommit: error)
            }
        }
        throw why
    }

    package func removeNode(id: UInt64) async throws(StoreFailure) {
        do {
            try await membership.change(.remove(id: id), within: StoreLimits.request)
        } catch {
            throw StoreFailure(beforeCommit: error)
        }
    }

    /// The database's files as the own node holds them, leader or not: for comparing replicas.
    package func dump() async throws(StoreFailure) -> [(name: String, octets: [UInt8])] {
        try await dump(of: DatabaseSession.database)
    }

    /// Commits once and looks at the own pages before anything else is written: nil when the log was emptied meanwhile.
    func checkpoint(_ term: LeadershipTerm) async throws(StoreFailure) -> DatabaseImage.Commit? {
        try await writer.transaction(lasting: StoreLimits.transaction) { (session) throws(StoreFailure) in
            let owned = try await session.execute(
                "UPDATE leadership SET fences = fences + 1 WHERE only_row = 1 AND term = ?", [.integer(term.rawValue)])
            guard owned == 1 else { throw .fenced }
        } then: { () throws(StoreFailure) in
            DatabaseImage(try await self.dump()).lastCommit()
        }
    }

    func dump(of database: String) async throws(StoreFailure) -> [(name: String, octets: [UInt8])] {
        guard case .files(let files) = try await look(.dump(database: database)) else {
            throw .unavailable("an answer of the wrong kind to DUMP")
        }
        return files
    }

    private func look(_ request: EngineRequest) async throws(StoreFailure) -> EngineReply {
        do {
            return try await lookout.ask(request, within: StoreLimits.request)
        } catch {
            throw error.isNotLeader ? .notLeader : .unavailable(error.text)
        }
    }
}

extension EngineStore {
    /// Term and commits.
    private static func leadership(_ session: DatabaseSession) async throws(StoreFailure) -> SQLRow {
        try await session.query("SELECT term, commits FROM leadership").first ?? []
    }

    static func readAll<Row>(
        _ table: Table<Row>, _ session: DatabaseSession
    ) async throws(StoreFailure) -> [Row] {
        var all: [Row] = []
        var last = Int64.min
        while true {
            let page = try await session.query(table.pageStatement, [.integer(last), .integer(StoreLimits.page)])
            for values in page {
                guard case .integer(let rowid)? = values.first else { throw .incompatible("table \(table.name)") }
                last = rowid
                all.append(try table.row(Array(values.dropFirst())))
            }
            if page.count < Int(StoreLimits.page) { return all }
        }
    }
}
