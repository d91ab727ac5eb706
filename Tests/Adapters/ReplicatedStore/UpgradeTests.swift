import Foundation
import GroupModel
import IKEVocabulary
import NIOPosix
import TestKit
import Testing

@testable import ReplicatedStore

/// From a released schema to the newest, on the real engine.
@Suite(.serialized) struct UpgradeTests {
    /// Statements of a released schema, which are on record and not taken from this program.
    static func released(_ version: Int) throws -> [String] {
        let text = try String(
            contentsOfFile: BuiltProducts.checkout + "/Cluster/released/schema-\(version).sql", encoding: .utf8)
        return text.components(separatedBy: "\n\n").filter { !$0.hasPrefix("--") && !$0.allSatisfy(\.isWhitespace) }
    }

    private static let filling: [StoreMutation] =
        [
            .putGroup(Rows.group(nextSenderID: 2)), .putRekeySA(Rows.rekeySA(nextMessageID: 1)),
            .putDataSA(Rows.dataSA()), .addRekeyOrder(Rows.order(1, messageID: 0)),
            .recordOperation(Rows.join(900, senderIDs: [0, 1])),
        ] + (0..<5).flatMap { Rows.registration($0) }

    /// A store as the first release left it: made by its statements, filled with groups, members, SAs and operations.
    private func makeReleased(_ node: StoreHarness.Node) async throws {
        _ = try await eventually("a leader") { try await node.store.leader().flatMap { $0.isOurs ? $0 : nil } }
        let writer = Writer(socketPath: node.settings.socketPath, group: MultiThreadedEventLoopGroup.singleton)
        let steps = try TransactionSteps(Self.filling).steps
        let statements = try Self.released(1)
        try await writer.transaction(lasting: StoreLimits.transaction) { (session) throws(StoreFailure) in
            for statement in statements { try await session.execute(statement) }
            for step in steps { _ = try await session.execute(step.sql, step.values) }
        }
        await writer.close()
    }

    private func setVersion(_ version: Int64, _ node: StoreHarness.Node) async throws {
        let writer = Writer(socketPath: node.settings.socketPath, group: MultiThreadedEventLoopGroup.singleton)
        try await writer.transaction(lasting: StoreLimits.transaction) { (session) throws(StoreFailure) in
            _ = try await session.execute("UPDATE schema_version SET version = ?", [.integer(version)])
        }
        await writer.close()
    }

    private func requireFilling(_ state: StoredState) {
        #expect(state.groups == [Rows.group(nextSenderID: 2)])
        #expect(state.rekeySAs == [Rows.rekeySA(nextMessageID: 1)])
        #expect(state.dataSAs == [Rows.dataSA()])
        #expect(state.rekeyOrders == [Rows.order(1, messageID: 0)])
        #expect(Set(state.members) == Set((0..<5).map { Rows.member($0) }))
        #expect(
            Set(state.operations) == Set([Rows.join(900, senderIDs: [0, 1])] + (0..<5).map { Rows.join($0) }))
    }

    @Test func `schema 1 on record is the one of this program`() throws {
        let flat = { (text: String) in text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
        #expect(try Self.released(1).dropFirst(2).map(flat) == Migrations.all[0].map(flat))
    }

    @Test func `a cluster of one goes to the newest schema by itself and keeps everything`() async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        try await makeReleased(node)
        let state = try await node.leading()
        #expect(state.upkeep.schema == Migrations.current)
        requireFilling(state)
        // What the old schema promised still holds, and what the new one has works.
        let twice = StoreTransaction(term: state.term, mutations: [.recordOperation(Rows.join(901, senderIDs: [1]))])
        await #expect(throws: StoreFailure.self) { try await node.store.commit(twice) }
        let id = try #require(ClusterID(octets: [UInt8](repeating: 7, count: 16)))
        _ = try await node.store.commit(
            StoreTransaction(term: state.term, mutations: [.upkeep(.setCluster(id))]))
        #expect(try await node.leading().upkeep.cluster == id)
        await node.stop()
    }

    @Test func `several nodes work in the old schema until it is raised`() async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let nodes = try harness.threeNodes(pki).map { harness.start($0) }
        do {
            try await makeReleased(nodes[0])
            _ = try await eventually("three voters") { () -> Bool? in
                try await nodes[0].store.formCluster()
                return Set(try await nodes[0].store.nodes()) == nodes[0].wanted ? true : nil
            }
            let store = nodes[0].store
            let old = try await nodes[0].leading()
            #expect(old.upkeep.schema == 1)
            requireFilling(old)
            // An older program would understand all of what is written.
            _ = try await store.commit(
                StoreTransaction(term: old.term, mutations: Rows.registration(5)))
            let row = ClusterNodeRow(
                id: 9, name: "authority-9", store: "192.0.2.9:7702", duty: .voter,
                changedAt: WallTime(milliseconds: 5))
            await #expect(throws: StoreFailure.self, "it would be acknowledged and lost") {
                try await store.commit(StoreTransaction(term: old.term, mutations: [.upkeep(.putNode(row))]))
            }
            _ = try await store.commit(
                StoreTransaction(
                    term: old.term, mutations: [.upkeep(.raiseSchema(from: 1, to: Migrations.current))]))
            let new = try await nodes[0].leading()
            #expect(new.upkeep.schema == Migrations.current)
            #expect(new.members.count == 6)
            // Raised twice, it is refused whole.
            await #expect(throws: StoreFailure.self) {
                try await store.commit(
                    StoreTransaction(
                        term: new.term,
                        mutations: Rows.registration(6) + [.upkeep(.raiseSchema(from: 1, to: Migrations.current))]))
            }
            #expect(try await nodes[0].leading().members.count == 6)
        } catch {
            for node in nodes { await node.stop() }
            throw error
        }
        for node in nodes { await node.stop() }
    }

    @Test func `a schema of a newer program is refused by name and left as it is`() async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        try await makeReleased(node)
        try await setVersion(99, node)
        let before = try await Replica.content(of: node.store.dump())
        let failure = await #expect(throws: StoreFailure.self) { _ = try await node.store.lead() }
        let why = if case .incompatible(let text)? = failure { text } else { "\(failure as Any)" }
        #expect(why.contains("schema 99") && why.contains("1 to \(Migrations.current)"), "\(why)")
        #expect(!why.contains("\n"))
        #expect(try await Replica.content(of: node.store.dump()) == before)
        try await setVersion(1, node)
        requireFilling(try await node.leading())
        await node.stop()
    }
}
