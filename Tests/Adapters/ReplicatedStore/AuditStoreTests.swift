import GroupModel
import IKEVocabulary
import KeyMaterial
import NIOPosix
import TestKit
import Testing

@testable import ReplicatedStore

/// The trail on disk: what every store must do, and what the real one refuses whoever asks.
@Suite struct AuditStoreTests {
    private static let key = AuditKeyRow(
        key: AuditKey(cluster: String(repeating: "a", count: 32), publicKey: [1, 2]),
        sealedKey: SealedKey(octets: [3]), createdAt: WallTime(milliseconds: 4))

    private static func hash(_ seq: Int64) -> [UInt8] {
        [UInt8](repeating: 0, count: 30) + [UInt8(truncatingIfNeeded: seq >> 8), UInt8(truncatingIfNeeded: seq)]
    }

    private static func record(_ seq: Int64) -> AuditRecord {
        let entry = AuditEntry(
            actor: "alice", actorRole: "operator", source: "s", action: "act-\(seq)", object: "o\(seq)",
            generationAfter: GSAGeneration(rawValue: seq))
        return AuditRecord(
            seq: seq, at: WallTime(milliseconds: seq), cluster: key.key.cluster, node: "n", entry: entry,
            previousHash: hash(seq - 1), hash: hash(seq))
    }

    private static func anchor(_ seq: Int64) -> AuditAnchor {
        AuditAnchor(
            place: AuditPlace(seq: seq, hash: hash(seq)), at: WallTime(milliseconds: seq), signature: [UInt8(seq & 255)]
        )
    }

    private func onEngine(_ body: (EngineStore, Writer) async throws -> Void) async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        do {
            _ = try await eventually("a leader") { try await node.store.leader().flatMap { $0.isOurs ? $0 : nil } }
            try await body(
                node.store,
                Writer(socketPath: node.settings.socketPath, group: MultiThreadedEventLoopGroup.singleton))
        } catch {
            await node.stop()
            throw error
        }
        await node.stop()
    }

    private func on(_ kind: StoreContractTests.Kind, _ body: (any ReplicatedStoring) async throws -> Void) async throws
    {
        guard kind == .engine else { return try await body(ModelStore()) }
        try await onEngine { store, _ in try await body(store) }
    }

    private func isConstraint(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return false
        } catch StoreFailure.constraint {
            return true
        } catch {
            return false
        }
    }

    @Test(arguments: StoreContractTests.Kind.allCases) func `pages follow each other, and anchors stand in theirs`(
        _ kind: StoreContractTests.Kind
    ) async throws {
        try await on(kind) { store in
            let term = try await store.lead().term
            let empty = try await store.audit(.after(0), atMost: 10)
            #expect(empty.key == nil && empty.records.isEmpty && empty.head == 0)
            let first: [StoreMutation] = [.putAuditKey(Self.key)] + (1...90).map { .appendAudit(Self.record($0)) }
            _ = try await store.commit(
                StoreTransaction(term: term, mutations: first + [.addAuditAnchor(Self.anchor(90))]))
            let rest: [StoreMutation] = (91...100).map { .appendAudit(Self.record($0)) }
            _ = try await store.commit(StoreTransaction(term: term, mutations: rest))
            var (seen, anchors, after): ([AuditRecord], [AuditAnchor], Int64) = ([], [], 0)
            while after < 100 {
                let page = try await store.audit(.after(after), atMost: 30)
                #expect(page.key == Self.key.key && page.head == 100 && page.floor == 0)
                seen += page.records
                anchors += page.anchors
                after = page.lookedThrough
            }
            #expect(seen == (1...100).map { Self.record($0) })
            #expect(anchors == [Self.anchor(90)])
            #expect(try await store.audit(.newest(3), atMost: 100).records.map(\.seq) == [98, 99, 100])
            #expect(try await store.audit(.after(100), atMost: 100).records.isEmpty)
            let state = try await store.lead().audit
            #expect(state.key == Self.key && state.anchors == [Self.anchor(90)])
            #expect(state.head == AuditPlace(seq: 100, hash: Self.hash(100)) && state.floor == .start)
        }
    }

    @Test(arguments: StoreContractTests.Kind.allCases) func `a gap is refused with its whole transaction`(
        _ kind: StoreContractTests.Kind
    ) async throws {
        try await on(kind) { store in
            let term = try await store.lead().term
            func commit(_ mutations: [StoreMutation]) async throws {
                _ = try await store.commit(StoreTransaction(term: term, mutations: mutations))
            }
            try await commit([.putAuditKey(Self.key), .appendAudit(Self.record(1)), .appendAudit(Self.record(2))])
            for bad in [2, 4, 1] as [Int64] {
                #expect(
                    await isConstraint {
                        try await commit([.putMember(Rows.member(1)), .appendAudit(Self.record(bad))])
                    }
                )
            }
            #expect(await isConstraint { try await commit([.addAuditAnchor(Self.anchor(3))]) })
            var other = Self.key
            other.key = AuditKey(cluster: String(repeating: "b", count: 32), publicKey: [1, 2])
            #expect(await isConstraint { try await commit([.putAuditKey(other)]) })
            // Sealed anew under another root key, it is the same key.
            var resealed = Self.key
            resealed.sealedKey = SealedKey(octets: [9, 9])
            try await commit([.putAuditKey(resealed)])
            let state = try await store.lead()
            #expect(state.members.isEmpty && state.audit.head.seq == 2 && state.audit.key == resealed)
        }
    }

    @Test(arguments: StoreContractTests.Kind.allCases) func `prefixes are forgotten behind an anchor only`(
        _ kind: StoreContractTests.Kind
    ) async throws {
        try await on(kind) { store in
            var term = try await store.lead().term
            let first: [StoreMutation] = [.putAuditKey(Self.key)] + (1...20).map { .appendAudit(Self.record($0)) }
            _ = try await store.commit(
                StoreTransaction(term: term, mutations: first + [.addAuditAnchor(Self.anchor(20))]))
            let second: [StoreMutation] = (21...30).map { .appendAudit(Self.record($0)) }
            _ = try await store.commit(
                StoreTransaction(term: term, mutations: second + [.addAuditAnchor(Self.anchor(30))]))
            let wrong = StoreMutation.forgetAudit(through: AuditPlace(seq: 25, hash: Self.hash(25)))
            #expect(
                await isConstraint { _ = try await store.commit(StoreTransaction(term: term, mutations: [wrong])) })
            let forget = StoreMutation.forgetAudit(through: Self.anchor(20).place)
            _ = try await store.commit(StoreTransaction(term: term, mutations: [forget]))
            let page = try await store.audit(.after(0), atMost: 100)
            #expect(page.records.map(\.seq) == Array(21...30) && page.floor == 20)
            #expect(page.records.first?.previousHash == Self.hash(20))
            #expect(page.anchors == [Self.anchor(20), Self.anchor(30)])
            let state = try await store.lead()
            #expect(state.audit.oldest == 21 && state.audit.floor == Self.anchor(20).place)
            #expect(state.audit.anchors == [Self.anchor(20), Self.anchor(30)])
            term = state.term
            _ = try await store.commit(StoreTransaction(term: term, mutations: [.appendAudit(Self.record(31))]))
        }
    }

    @Test func `nobody changes a record, not with SQL either`() async throws {
        try await onEngine { store, writer in
            let term = try await store.lead().term
            let mutations: [StoreMutation] =
                [.putAuditKey(Self.key)] + (1...5).map { .appendAudit(Self.record($0)) } + [
                    .addAuditAnchor(Self.anchor(5))
                ]
            _ = try await store.commit(StoreTransaction(term: term, mutations: mutations))
            for statement in [
                "UPDATE audit SET record = x'00' WHERE seq = 3", "DELETE FROM audit WHERE seq = 3",
                "DELETE FROM audit", "INSERT INTO audit (seq, record, hash) VALUES (7, x'00', zeroblob(32))",
                "UPDATE audit_anchor SET signature = x'00'", "DELETE FROM audit_anchor",
                "UPDATE audit_state SET public_key = x'00'", "DELETE FROM audit_state",
                "UPDATE audit_state SET floor_seq = 4, floor_hash = zeroblob(32)",
                "INSERT INTO audit_anchor (seq, hash, at, signature) VALUES (4, zeroblob(32), 1, x'00')",
            ] {
                let isRefused = await isConstraint {
                    try await writer.transaction(lasting: .seconds(5)) { (session) throws(StoreFailure) in
                        try await session.execute(statement)
                    }
                }
                #expect(isRefused, "\(statement)")
            }
            #expect(try await store.audit(.after(0), atMost: 10).records == (1...5).map { Self.record($0) })
        }
    }

    @Test(arguments: StoreContractTests.Kind.allCases) func `exclusions, schedules and history come back`(
        _ kind: StoreContractTests.Kind
    ) async throws {
        try await on(kind) { store in
            let term = try await store.lead().term
            let exclusion = ExclusionRow(
                group: Rows.name, identity: .fqdn("gm1.example"), at: WallTime(milliseconds: 1), by: "alice",
                reason: "ticket")
            let other = ExclusionRow(
                group: Rows.name, identity: .keyID("x"), at: WallTime(milliseconds: 2), by: "bob", reason: "")
            let schedule = RekeyScheduleRow(
                group: Rows.name, schedule: RekeySchedule(kekPercent: 80, tekPercent: 70, jitterPercent: 5),
                pausedAt: WallTime(milliseconds: 9))
            func history(_ number: Int64) -> RekeyHistoryRow {
                RekeyHistoryRow(
                    number: number, group: Rows.name, at: WallTime(milliseconds: number), cause: "operator",
                    by: "alice",
                    spi: Rows.spi, messageID: MessageID(rawValue: UInt32(number)),
                    newRekeySPI: number % 2 == 0 ? nil : Rows.spi, newDataSPIs: [ESPSPI(rawValue: 256)],
                    generation: GSAGeneration(rawValue: number), members: 7)
            }
            _ = try await store.commit(
                StoreTransaction(
                    term: term,
                    mutations: [
                        .putExclusion(exclusion), .putExclusion(other), .putRekeySchedule(schedule),
                        .removeExclusion(.keyID("x"), group: Rows.name), .recordRekey(history(1)),
                    ]))
            let state = try await store.lead()
            #expect(state.exclusions == [exclusion] && state.rekeySchedules == [schedule])
            #expect(state.rekeyHistory == [history(1)])
            for number in 2...110 as ClosedRange<Int64> {
                _ = try await store.commit(
                    StoreTransaction(term: state.term, mutations: [.recordRekey(history(number))]))
            }
            #expect(try await store.lead().rekeyHistory == (11...110).map { history($0) })
        }
    }

    @Test(arguments: StoreContractTests.Kind.allCases) func `key trees come back, and go when they are planted anew`(
        _ kind: StoreContractTests.Kind
    ) async throws {
        try await on(kind) { store in
            let term = try await store.lead().term
            func tree(_ lastKeyID: UInt32) -> KeyTreeRow {
                KeyTreeRow(
                    group: Rows.name, sealedSecret: SealedKey(octets: [1, 2]), lastKeyID: lastKeyID, leaves: 3,
                    knownHeight: 2)
            }
            func node(_ keyID: UInt32) -> KeyTreeNodeRow {
                KeyTreeNodeRow(group: Rows.name, node: KeyTreeNode(level: 4, index: 5), keyID: keyID)
            }
            func leaf(_ leaf: UInt32, _ holder: Identity?) -> KeyLeafRow {
                KeyLeafRow(
                    group: Rows.name, leaf: leaf, keyID: holder == nil ? 0 : 6 + leaf, holder: holder,
                    isMarked: holder == nil)
            }
            let puts: [KeyTreeMutation] = [
                .putTree(tree(7)), .putNode(node(8)), .putLeaf(leaf(0, .fqdn("gm1.example"))),
                .putLeaf(leaf(1, .keyID("x"))), .putLeaf(leaf(2, .keyID("y"))), .putLeaf(leaf(1, nil)),
                .removeLeaf(2, group: Rows.name), .putNode(node(9)), .putTree(tree(9)),
            ]
            _ = try await store.commit(StoreTransaction(term: term, mutations: puts.map { .keyTree($0) }))
            let state = try await store.lead()
            #expect(state.keyTrees == [tree(9)] && state.keyTreeNodes == [node(9)])
            #expect(Set(state.keyLeaves) == [leaf(0, .fqdn("gm1.example")), leaf(1, nil)])
            let anew: [KeyTreeMutation] = [.clear(Rows.name), .putTree(tree(1)), .putLeaf(leaf(0, .keyID("z")))]
            _ = try await store.commit(StoreTransaction(term: state.term, mutations: anew.map { .keyTree($0) }))
            let next = try await store.lead()
            #expect(next.keyTrees == [tree(1)] && next.keyTreeNodes.isEmpty)
            #expect(next.keyLeaves == [leaf(0, .keyID("z"))])
        }
    }

    /// A store of the first schema, as an older program left it.
    @Test func `the first schema is brought up to date`() async throws {
        try await onEngine { store, writer in
            try await writer.transaction(lasting: .seconds(5)) { (session) throws(StoreFailure) in
                try await session.execute(Migrations.versionTable)
                for statement in Migrations.all[0] { try await session.execute(statement) }
                try await session.execute("INSERT INTO schema_version (only_row, version) VALUES (1, 1)")
                _ = try await session.execute(
                    Tables.members.addStatement(rows: 1), try Tables.members.encode(Rows.member(1)))
            }
            let state = try await store.lead()
            #expect(state.members == [Rows.member(1)] && state.audit == AuditState())
            let mutations: [StoreMutation] = [.putAuditKey(Self.key), .appendAudit(Self.record(1))]
            _ = try await store.commit(StoreTransaction(term: state.term, mutations: mutations))
            #expect(try await store.lead().audit.head.seq == 1)
        }
    }
}
