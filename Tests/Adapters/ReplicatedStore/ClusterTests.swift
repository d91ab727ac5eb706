import Foundation
import GroupModel
import IKEVocabulary
import ReplicatedStore
import TestKit
import Testing

/// Three stores over mutual TLS on loopback.
@Suite(.serialized) struct ClusterTests {
    private func form(_ nodes: [StoreHarness.Node]) async throws {
        _ = try await eventually("three voters") { () -> Bool? in
            try await nodes[0].store.formCluster()
            return Set(try await nodes[0].store.nodes()) == nodes[0].wanted ? true : nil
        }
    }

    /// The node that leads now, among those given.
    private func leader(_ nodes: [StoreHarness.Node]) async throws -> StoreHarness.Node {
        try await eventually("a leader") {
            for node in nodes {
                if let leader = try? await node.store.leader(), leader.isOurs { return node }
            }
            return nil
        }
    }

    @Test func `a leader is killed, the next one leads with all that was acknowledged`() async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let nodes = try harness.threeNodes(pki).map { harness.start($0) }
        do {
            try await form(nodes)
            // Forming again changes nothing.
            try await nodes[0].store.formCluster()
            var leading = nodes[0]
            var term = try await leading.leading().term
            var acknowledged: [Int] = []
            var number = 0
            for round in 0..<3 {
                for _ in 0..<25 {
                    let mutations =
                        Rows.registration(number) + [
                            .putGroup(Rows.group(nextSenderID: UInt64(number + 1))),
                            .recordOperation(Rows.join(10_000 + number, senderIDs: [UInt32(number)])),
                        ]
                    _ = try await leading.store.commit(StoreTransaction(term: term, mutations: mutations))
                    acknowledged.append(number)
                    number += 1
                }
                leading.killProcess()
                // Usually another; the one that was killed may be back in time to win.
                leading = try await leader(nodes)
                let state = try await leading.leading()
                #expect(state.term > term)
                term = state.term
                let operations = Set(state.operations.map(\.operation))
                for number in acknowledged { #expect(operations.contains(Rows.operationID(number)), "round \(round)") }
                #expect(state.groups.map(\.nextSenderID) == [UInt64(number)])
            }
            // A fenced leader stays fenced, whoever it is now.
            let old = StoreTransaction(
                term: LeadershipTerm(rawValue: term.rawValue - 1), mutations: Rows.registration(99_999))
            await #expect(throws: StoreFailure.fenced) { try await leading.store.commit(old) }
            try await replicasAreEqual(nodes)
        } catch {
            for node in nodes { await node.stop() }
            throw error
        }
        for node in nodes { await node.stop() }
    }

    @Test func `a store that is told to stop hands the log over`() async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let nodes = try harness.threeNodes(pki).map { settings in
            var settings = settings
            settings.latencyMilliseconds = 200
            return harness.start(settings)
        }
        do {
            try await form(nodes)
            let term = try await nodes[0].leading().term
            _ = try await nodes[0].store.commit(StoreTransaction(term: term, mutations: Rows.registration(1)))
            let begun = ContinuousClock.now
            await nodes[0].stop()
            let next = try await leader([nodes[1], nodes[2]])
            // Without it an election begins 3 to 6 s after the last heartbeat, which are 300 ms apart.
            #expect(begun.duration(to: .now) < .milliseconds(2600))
            #expect(try await next.leading().members == [Rows.member(1)])
        } catch {
            for node in nodes { await node.stop() }
            throw error
        }
        for node in nodes { await node.stop() }
    }

    /// Every node holds the same pages.
    private func replicasAreEqual(_ nodes: [StoreHarness.Node]) async throws {
        _ = try await eventually("equal replicas") { () -> Bool? in
            var contents: Set<String> = []
            for node in nodes { contents.insert(try await Replica.content(of: node.store.dump())) }
            return contents.count == 1 && contents.first?.contains("member") == true ? true : nil
        }
    }

    @Test func `a follower refuses to lead and knows who does`() async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let nodes = try harness.threeNodes(pki).map { harness.start($0) }
        do {
            try await form(nodes)
            _ = try await nodes[0].leading()
            let seen = try await eventually("a known leader") { try await nodes[1].store.leader() }
            #expect(seen == StoreLeader(id: 1, name: "authority-1", isOurs: false))
            await #expect(throws: StoreFailure.notLeader) { try await nodes[1].store.lead() }
            await #expect(throws: StoreFailure.notLeader) { try await nodes[1].store.formCluster() }
            #expect(Set(try await nodes[1].store.nodes()) == nodes[1].wanted)
            try await nodes[0].store.removeNode(id: 3)
            #expect(try await nodes[0].store.nodes().map(\.id).sorted() == [1, 2])
        } catch {
            for node in nodes { await node.stop() }
            throw error
        }
        for node in nodes { await node.stop() }
    }

    /// A node with an emptied disk forgot its votes; under its old id it would break what the others rely on. The first node
    /// would even start a second cluster.
    @Test(arguments: [1, 3] as [UInt64]) func `an emptied node does not come back under its old id`(_ id: UInt64)
        async throws
    {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        var nodes = try harness.threeNodes(pki).map { harness.start($0) }
        let index = Int(id) - 1
        do {
            try await form(nodes)
            let term = try await nodes[0].leading().term
            _ = try await nodes[0].store.commit(StoreTransaction(term: term, mutations: Rows.registration(1)))
            let settings = nodes[index].settings
            await nodes[index].stop()
            try FileManager.default.removeItem(atPath: settings.dataDirectory)
            nodes[index] = harness.start(settings)
            _ = try await eventually("refusals") { harness.events.count { $0.name == "store-died" } >= 2 ? true : nil }
            #expect((try? await nodes[index].store.leader()) == nil)
            let others = nodes.filter { $0.settings.id != id }
            #expect(try await leader(others).leading().members == [Rows.member(1)])
        } catch {
            for node in nodes { await node.stop() }
            throw error
        }
        for node in nodes { await node.stop() }
    }

    @Test func `without a majority nothing is acknowledged`() async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let nodes = try harness.threeNodes(pki).map { harness.start($0) }
        do {
            try await form(nodes)
            let term = try await nodes[0].leading().term
            await nodes[1].stop()
            await nodes[2].stop()
            let started = ContinuousClock.now
            await #expect(throws: StoreFailure.self) {
                try await nodes[0].store.commit(StoreTransaction(term: term, mutations: Rows.registration(1)))
            }
            #expect(started.duration(to: .now) < .seconds(6))
        } catch {
            for node in nodes { await node.stop() }
            throw error
        }
        await nodes[0].stop()
    }

    enum Wrong: String, CaseIterable { case name, role, twoURIs, noURI, otherCA }

    private func wrongCredentials(_ wrong: Wrong, _ pki: TestPKI) throws -> TestPKI.Credentials {
        let right = TestPKI.uri(.store, "authority-2")
        switch wrong {
        case .name: return try pki.credentials(.store, "authority-9")
        case .role: return try pki.credentials(.authority, "authority-2")
        case .twoURIs: return try pki.credentials("two", uris: [right, TestPKI.uri(.store, "authority-1")])
        case .noURI: return try pki.credentials("none", uris: [], extra: ["DNS:authority-2"])
        case .otherCA: return try TestPKI().credentials(.store, "authority-2")
        }
    }

    /// A process at the right place with a wrong certificate is not spoken to, and not listened to.
    @Test(arguments: Wrong.allCases) func `a peer with a wrong certificate is refused`(_ wrong: Wrong) async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let settings = try harness.threeNodes(pki)
        let node = harness.start(settings[2])
        _ = try await eventually("an open door") { try await node.store.nodes() }
        let shown = try wrongCredentials(wrong, pki)
        let cluster = try #require(settings[2].cluster)
        let caller = try TLSCaller.connect(
            port: cluster.listenPort, certificate: shown.certificate, key: shown.key, authority: pki.authority)
        // A proper greeting of authority-2; the relay must hang up without giving an octet to the engine.
        caller.send(Greeting.connect(id: 2, name: "authority-2"))
        #expect(await caller.isCut(within: .seconds(3)))
        await node.stop()
    }

    enum Claim: CaseIterable { case otherID, otherName, noConnect, moreThanOneQuestion }

    @Test(arguments: Claim.allCases) func `a peer that claims to be another is refused`(_ claim: Claim) async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let settings = try harness.threeNodes(pki)
        let node = harness.start(settings[2])
        _ = try await eventually("an open door") { try await node.store.nodes() }
        let own = try #require(settings[1].cluster)
        let cluster = try #require(settings[2].cluster)
        let caller = try TLSCaller.connect(
            port: cluster.listenPort, certificate: own.certificateFile, key: own.privateKeyFile,
            authority: pki.authority)
        switch claim {
        case .otherID: caller.send(Greeting.connect(id: 3, name: "authority-2"))
        case .otherName: caller.send(Greeting.connect(id: 2, name: "authority-3"))
        case .moreThanOneQuestion:
            caller.send(Greeting.cluster)
            try await Task.sleep(for: .milliseconds(200))
            caller.send([1, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 8))
        // LEADER, as a client would ask: peers are no clients.
        case .noConnect: caller.send(Greeting.version + [1, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 8))
        }
        // Sooner than the two seconds after which every caller without a greeting is cut.
        #expect(await caller.isCut(within: .milliseconds(1500)))
        // The same certificate with its own claim stays connected.
        let honest = try TLSCaller.connect(
            port: cluster.listenPort, certificate: own.certificateFile, key: own.privateKeyFile,
            authority: pki.authority)
        honest.send(Greeting.connect(id: 2, name: "authority-2"))
        #expect(await !honest.isCut(within: .seconds(3)))
        honest.close()
        await node.stop()
    }
}
