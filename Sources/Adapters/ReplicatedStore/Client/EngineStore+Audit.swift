import GroupModel

extension EngineStore {
    /// What `lead()` reads of the trail: its end, not its records.
    static func auditState(_ session: DatabaseSession) async throws(StoreFailure) -> AuditState {
        guard let row = try await session.query(AuditTables.state).first else { return AuditState() }
        let stored = try AuditTables.state(row)
        var state = AuditState(key: stored.key, head: stored.floor, floor: stored.floor, oldest: stored.floor.seq + 1)
        if let last = try await session.query(AuditTables.head).first {
            var reader = RowReader(last, of: "audit")
            let seq = try reader.integer("seq")
            state.head = AuditPlace(seq: seq, hash: try reader.blob("hash"))
        }
        if let first = try await session.query(AuditTables.oldest).first {
            var reader = RowReader(first, of: "audit")
            state.oldest = try reader.integer("seq")
        }
        state.anchors = try await readAll(AuditTables.anchors, session)
        return state
    }

    static func auditPage(
        _ start: AuditQuery.Start, atMost limit: Int, _ session: DatabaseSession
    ) async throws(StoreFailure) -> AuditPage {
        guard let row = try await session.query(AuditTables.state).first else {
            return AuditPage(key: nil, records: [], anchors: [], lookedThrough: 0, head: 0, floor: 0)
        }
        let stored = try AuditTables.state(row)
        var head = stored.floor.seq
        if let last = try await session.query(AuditTables.head).first {
            var reader = RowReader(last, of: "audit")
            head = try reader.integer("seq")
        }
        let after: Int64
        switch start {
        case .after(let seq): after = min(max(seq, stored.floor.seq), head)
        case .newest(let count): after = max(head - Int64(clamping: count), stored.floor.seq)
        }
        // What lies under the floor is forgotten, though it may still be on disk.
        let rows = try await session.query(AuditTables.page, [.integer(after), .number(limit + 1)])
        var previous = after == 0 ? AuditPlace.start : stored.floor
        var (records, octets): ([AuditRecord], Int) = ([], 0)
        for row in rows {
            let stored = try AuditTables.records.row(row)
            if stored.seq > after, records.count < limit {
                guard octets <= StoreLimits.auditPageOctets else { break }
                octets += stored.octets.count
                guard previous.seq == stored.seq - 1 else {
                    throw .incompatible("audit record \(stored.seq - 1) is missing")
                }
                do {
                    records.append(
                        try AuditRecord(
                            canonicalOctets: stored.octets, previousHash: previous.hash, hash: stored.hash))
                } catch {
                    throw .incompatible("audit record \(stored.seq): \(error)")
                }
            }
            previous = AuditPlace(seq: stored.seq, hash: stored.hash)
        }
        let through = records.last?.seq ?? after
        let firstAnchor = after <= stored.floor.seq ? stored.floor.seq : after + 1
        let anchors = try await session.query(
            AuditTables.pageAnchors, [.integer(firstAnchor), .integer(through)])
        return AuditPage(
            key: stored.key.key, records: records,
            anchors: try anchors.map { (row) throws(StoreFailure) in try AuditTables.anchors.row(row) },
            lookedThrough: through, head: head, floor: stored.floor.seq)
    }
}
