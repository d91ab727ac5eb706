import Foundation
import GroupModel
import IKEVocabulary
import Synchronization
import TestKit
import Testing

@testable import ReplicatedStore

@Suite struct FirstStartTests {
    private let cluster = [StoreNode(id: 1, name: "a-1"), StoreNode(id: 2, name: "a-2")]

    private func answers(_ nodes: [[StoreNode]?]) -> [FirstStart.Answer] {
        nodes.enumerated().map { FirstStart.Answer(peer: "a-\($0.offset + 2)", nodes: $0.element) }
    }

    private func isRefused(_ start: FirstStart) -> Bool { if case .refused = start { true } else { false } }
    private func lacksAnswers(_ start: FirstStart) -> Bool { if case .tooFewAnswers = start { true } else { false } }

    @Test func `node 1 needs the word of a majority`() {
        #expect(FirstStart(of: 1, []) == .allowed)
        #expect(FirstStart(of: 1, answers([[], nil])) == .allowed)
        #expect(FirstStart(of: 1, answers([[], []])) == .allowed)
        #expect(lacksAnswers(FirstStart(of: 1, answers([nil]))))
        #expect(lacksAnswers(FirstStart(of: 1, answers([nil, nil]))))
        #expect(lacksAnswers(FirstStart(of: 1, answers([[], nil, nil]))))
        #expect(lacksAnswers(FirstStart(of: 1, answers([[], nil, nil, nil]))))
        #expect(FirstStart(of: 1, answers([[], [], nil, nil])) == .allowed)
    }

    @Test func `one peer with a cluster is enough to refuse node 1`() {
        #expect(isRefused(FirstStart(of: 1, answers([[], cluster]))))
        #expect(isRefused(FirstStart(of: 1, answers([[], [], [StoreNode(id: 2, name: "a-2")]]))))
        #expect(isRefused(FirstStart(of: 1, answers([nil, [StoreNode(id: 1, name: "a-1", duty: .spare)]]))))
    }

    @Test func `the others start unless they are known as voters`() {
        #expect(FirstStart(of: 2, answers([nil, nil])) == .allowed)
        #expect(FirstStart(of: 3, answers([cluster, nil])) == .allowed)
        #expect(FirstStart(of: 3, answers([[StoreNode(id: 3, name: "a-3", duty: .spare)]])) == .allowed)
        #expect(isRefused(FirstStart(of: 2, answers([cluster, nil]))))
    }
}

/// Which node is asked when, with an engine that only answers.
@Suite struct NodeOrderTests {
    private final class Engine: Sendable {
        private let state = Mutex((asked: [String](), told: [String]()))
        private let answer: @Sendable (EngineRequest) -> EngineFault?

        init(_ answer: @escaping @Sendable (EngineRequest) -> EngineFault?) { self.answer = answer }

        var asked: [String] { state.withLock { $0.asked } }
        var told: [String] { state.withLock { $0.told } }

        func change(_ request: EngineRequest) throws(EngineFault) {
            state.withLock { $0.asked.append("\(request)") }
            if let fault = answer(request) { throw fault }
        }

        func tell(_ event: Event) {
            // What went well is told too, and is not counted here.
            guard event.level == .warning else { return }
            state.withLock { $0.told.append("\(event.name) \(event.limitedBy ?? "")") }
        }
    }

    private let wanted = [3, 1, 2].map { StoreNode(id: $0, name: "a-\($0)") }

    private func formation(_ engine: Engine) -> ClusterFormation {
        ClusterFormation(own: 1, nodes: wanted, events: { engine.tell($0) }) { (request, _) throws(EngineFault) in
            try engine.change(request)
        }
    }

    private static func fails(_ request: EngineRequest, _ fault: EngineFault) -> EngineFault? {
        if case .assign(2, _) = request { fault } else { nil }
    }

    @Test func `a node that fails is told, and from then on the last`() async throws {
        let engine = Engine { Self.fails($0, .cut("no answer in time")) }
        let formation = formation(engine)
        let known = [StoreNode(id: 1, name: "a-1")]
        try await formation.reconcile([]) { () throws(StoreFailure) in known }
        try await formation.reconcile([]) { () throws(StoreFailure) in known }
        let ids = engine.asked.filter { $0.hasPrefix("assign") }.map { $0.contains("id: 2") ? 2 : 3 }
        #expect(ids == [2, 3, 3, 2])
        #expect(engine.told == ["store-node-missing a-2", "store-node-missing a-2"])
    }

    @Test func `a change that still runs changes no order`() async throws {
        let engine = Engine { Self.fails($0, .refused(code: 5, "busy")) }
        let formation = formation(engine)
        let spares = wanted.map { Self.spare($0) }
        for _ in 0..<2 { try await formation.reconcile([]) { () throws(StoreFailure) in spares } }
        #expect(engine.asked.map { $0.contains("id: 2") } == [true, false, true, false])
    }

    private static func spare(_ node: StoreNode) -> StoreNode {
        StoreNode(id: node.id, name: node.name, duty: .spare)
    }

    @Test func `another name in the log is told and does not stop the rest`() async throws {
        let engine = Engine { _ in nil }
        let known = [StoreNode(id: 1, name: "a-1"), StoreNode(id: 2, name: "other")]
        try await formation(engine).reconcile([]) { () throws(StoreFailure) in known }
        #expect(engine.told == ["store-node-missing a-2"])
        #expect(engine.asked.count == 2)
    }

    @Test func `the leadership that is gone ends it`() async throws {
        let engine = Engine { _ in .refused(code: 10_250, "not leader") }
        await #expect(throws: StoreFailure.notLeader) {
            try await formation(engine).reconcile([]) { () throws(StoreFailure) in [] }
        }
        #expect(engine.asked.count == 1)
    }

    @Test func `a majority of the configured nodes must vote`() throws {
        let formation = formation(Engine { _ in nil })
        let all = wanted.sorted { $0.id < $1.id }
        #expect(throws: StoreFailure.forming(voters: 0, of: 3)) { try formation.requireMajority([]) }
        #expect(throws: StoreFailure.forming(voters: 1, of: 3)) { try formation.requireMajority([all[0]]) }
        let waiting = [all[0], Self.spare(all[1]), Self.spare(all[2])]
        #expect(throws: StoreFailure.forming(voters: 1, of: 3)) { try formation.requireMajority(waiting) }
        try formation.requireMajority(Array(all.prefix(2)))
        try formation.requireMajority(all)
        let alone = ClusterFormation(own: 1, nodes: [], events: { _ in }, change: { (_, _) throws(EngineFault) in })
        try alone.requireMajority([])
    }
}

/// How three stores become a cluster, and when they do not.
@Suite(.serialized) struct FormationTests {
    /// Runs `body` on three stores' settings and stops whatever it started.
    private func withSettings(
        _ body: (StoreHarness, [StoreNodeSettings], inout [StoreHarness.Node]) async throws -> Void
    ) async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        var started: [StoreHarness.Node] = []
        do {
            try await body(harness, try harness.threeNodes(pki), &started)
        } catch {
            for node in started { await node.stop() }
            throw error
        }
        for node in started { await node.stop() }
    }

    @Test func `three new nodes lead within seconds, and not before two vote`() async throws {
        try await withSettings { harness, settings, nodes in
            let begin = ContinuousClock.now
            nodes = settings.map { harness.start($0) }
            let first = nodes[0]
            _ = try await eventually("a leader") { try await first.store.leader().flatMap { $0.isOurs ? $0 : nil } }
            await #expect(throws: StoreFailure.forming(voters: 1, of: 3)) { try await first.store.lead() }
            let state = try await eventually("a majority") { () -> StoredState? in
                try await first.store.formCluster()
                return try await first.store.lead()
            }
            #expect(begin.duration(to: .now) < .seconds(6))
            #expect(state.term.rawValue == 1, "nothing was written before")
            #expect(!harness.events.contains { $0.name == "store-died" })
        }
    }

    /// The engine itself gives up on the one that is down, after 50 to 60 s; until then no other change goes.
    @Test func `a node that is down does not keep the next one out, and is told`() async throws {
        try await withSettings { harness, settings, nodes in
            nodes = [harness.start(settings[0]), harness.start(settings[2])]
            let first = nodes[0]
            _ = try await eventually("a majority", within: .seconds(90)) { () -> StoredState? in
                try await first.store.formCluster()
                return try await first.store.lead()
            }
            let voters = try await first.store.nodes().filter { $0.duty == .voter }.map(\.id)
            #expect(voters.sorted() == [1, 3])
            let told = harness.events.filter { $0.name == "store-node-missing" }
            #expect(told.contains { $0.limitedBy == "authority-2" })
        }
    }

    /// The peers that would know it are down: it must not take their silence for "there is no cluster".
    @Test func `an emptied first node starts nothing while its peers are silent`() async throws {
        try await withSettings { harness, settings, nodes in
            nodes = settings.map { harness.start($0) }
            let first = nodes[0]
            let term = try await eventually("a majority") { () -> LeadershipTerm? in
                try await first.store.formCluster()
                return Set(try await first.store.nodes()) == first.wanted ? try await first.store.lead().term : nil
            }
            _ = try await first.store.commit(StoreTransaction(term: term, mutations: Rows.registration(1)))
            for node in nodes { await node.stop() }
            try FileManager.default.removeItem(atPath: settings[0].dataDirectory)
            nodes = [harness.start(settings[0])]
            let emptied = nodes[0]
            _ = try await eventually("its end") { harness.events.contains { $0.name == "store-died" } ? true : nil }
            #expect((try? await emptied.store.leader()) == nil)
            nodes += settings.dropFirst().map { harness.start($0) }
            let others = Array(nodes.dropFirst())
            let state = try await eventually("the old cluster leads") { () -> StoredState? in
                for node in others { if let state = try? await node.store.lead() { return state } }
                return nil
            }
            #expect(state.members == [Rows.member(1)])
            #expect((try? await emptied.store.leader()) == nil)
        }
    }
}
