import NIOCore

/// One open database on one connection, with the statements prepared there. Only the writer holds one, one request at a time.
actor DatabaseSession {
    /// The one database of the cluster.
    static let database = "gcks"

    private let connection: EngineConnection
    private var statements: [String: UInt32] = [:]
    private var deadline: ContinuousClock.Instant
    /// Tables that the schema in force does not have: they read as empty.
    private var leftOut: Set<String> = []

    init(
        _ connection: EngineConnection, database: String = DatabaseSession.database,
        until deadline: ContinuousClock.Instant
    ) async throws(EngineFault) {
        self.connection = connection
        self.deadline = deadline
        _ = try await perform(.open(database: database))
    }

    var isActive: Bool { connection.isActive }
    func leaveOut(_ tables: Set<String>) { leftOut = tables }
    func close() { connection.close() }

    /// Takes the write lock at once, so that nothing read afterwards can be overtaken.
    func begin(until deadline: ContinuousClock.Instant) async throws(EngineFault) {
        self.deadline = deadline
        _ = try await perform(.execSQL("BEGIN IMMEDIATE"))
    }

    /// For statements outside of a transaction.
    func allow(until deadline: ContinuousClock.Instant) { self.deadline = deadline }

    func commit() async throws(EngineFault) { _ = try await perform(.execSQL("COMMIT")) }
    func rollBack() async throws(EngineFault) { _ = try await perform(.execSQL("ROLLBACK")) }

    /// One statement without parameters that is not worth preparing (schema changes).
    func execute(_ sql: String) async throws(StoreFailure) {
        try Self.lint(sql)
        do {
            _ = try await perform(.execSQL(sql))
        } catch {
            throw StoreFailure(beforeCommit: error)
        }
    }

    /// - Returns: how many rows the statement changed.
    @discardableResult
    func execute(_ sql: String, _ values: [SQLValue]) async throws(StoreFailure) -> UInt64 {
        let statement = try await prepared(sql, values)
        do throws(EngineFault) {
            guard case .result(let rowsAffected) = try await perform(.exec(statement: statement, values)) else {
                throw .cut("an answer of the wrong kind to EXEC")
            }
            return rowsAffected
        } catch {
            throw StoreFailure(beforeCommit: error)
        }
    }

    func query(_ sql: String, _ values: [SQLValue] = []) async throws(StoreFailure) -> [SQLRow] {
        if !leftOut.isEmpty, let table = SchemaChange.table(sql), leftOut.contains(table) { return [] }
        let statement = try await prepared(sql, values)
        do throws(EngineFault) {
            guard case .rows(let rows) = try await perform(.query(statement: statement, values)) else {
                throw .cut("an answer of the wrong kind to QUERY")
            }
            return rows
        } catch {
            throw StoreFailure(beforeCommit: error)
        }
    }

    private func prepared(_ sql: String, _ values: [SQLValue]) async throws(StoreFailure) -> UInt32 {
        guard values.count <= StoreLimits.parameters else { throw .incompatible("\(values.count) parameters") }
        for case .text(let text) in values where text.utf8.contains(0) { throw .constraint("a text holds NUL") }
        if let known = statements[sql] { return known }
        try Self.lint(sql)
        do throws(EngineFault) {
            guard case .statement(let number) = try await perform(.prepare(sql: sql)) else {
                throw .cut("an answer of the wrong kind to PREPARE")
            }
            statements[sql] = number
            return number
        } catch {
            throw StoreFailure(beforeCommit: error)
        }
    }

    private static func lint(_ sql: String) throws(StoreFailure) {
        if let fault = SQLLint.fault(in: sql) { throw .incompatible("SQL with \(fault)") }
    }

    private func perform(_ request: EngineRequest) async throws(EngineFault) -> EngineReply {
        let left = ContinuousClock.now.duration(to: deadline)
        return try await connection.perform(request, within: min(StoreLimits.request, left))
    }
}

extension EngineFault {
    /// SQLITE_BUSY and SQLITE_BUSY_SNAPSHOT.
    var isBusy: Bool {
        if case .refused(let code, _) = self { code == 5 || code == 517 } else { false }
    }

    /// SQLITE_IOERR_NOT_LEADER.
    var isNotLeader: Bool {
        if case .refused(let code, _) = self { code == 10_250 } else { false }
    }

    /// SQLITE_CONSTRAINT in any of its forms.
    var isConstraint: Bool {
        if case .refused(let code, _) = self { code & 0xff == 19 } else { false }
    }

    /// SQLITE_ERROR: no such table and the like.
    var isSQLError: Bool {
        if case .refused(let code, _) = self { code == 1 } else { false }
    }

    var text: String {
        switch self {
        case .refused(let code, let message): "\(message) (code \(code))"
        case .cut(let why): why
        }
    }
}

extension StoreFailure {
    /// What a fault means as long as COMMIT was not sent: in every case nothing is applied.
    init(beforeCommit fault: EngineFault) {
        if fault.isNotLeader {
            self = .notLeader
        } else if fault.isConstraint {
            self = .constraint(fault.text)
        } else if fault.isSQLError {
            self = .incompatible(fault.text)
        } else {
            self = .unavailable(fault.text)
        }
    }

    /// What a fault in answer to COMMIT means. Only a refusal that comes before the log was touched is sure.
    init(ofCommit fault: EngineFault) {
        if fault.isNotLeader {
            self = .notLeader
        } else if fault.isConstraint {
            self = .constraint(fault.text)
        } else {
            self = .unknownOutcome(fault.text)
        }
    }
}
