import Foundation
import GroupModel
import IKEVocabulary
import TestKit
import Testing

@testable import ReplicatedStore

/// Nodes that come and go at run time, on the real engine: no file of the others is changed.
@Suite(.serialized) struct MembershipTests {
    /// A store that knows those peers only which are given.
    private func settings(
        _ harness: StoreHarness, _ pki: TestPKI, _ number: Int, port: Int, id: UInt64? = nil, peers: [StorePeer] = []
    ) throws -> StoreNodeSettings {
        let name = "authority-\(number)"
        let credentials = try pki.credentials(.store, name)
        let cluster = StoreClusterSettings(
            listenHost: "127.0.0.1", listenPort: port, peers: peers, trustRootsFile: credentials.authority,
            certificateFile: credentials.certificate, privateKeyFile: credentials.key)
        return StoreNodeSettings(
            name: name, id: id ?? UInt64(number),
            dataDirectory: harness.folder.appending(path: "data-\(id ?? UInt64(number))").path,
            socketPath: harness.folder.appending(path: "\(id ?? UInt64(number)).sock").path,
            latencyMilliseconds: StoreHarness.latency, cluster: cluster)
    }

    private func peer(_ number: Int, _ port: Int, id: UInt64? = nil) -> StorePeer {
        StorePeer(name: "authority-\(number)", id: id ?? UInt64(number), host: "127.0.0.1", port: port)
    }

    private func row(
        _ number: Int, _ port: Int, id: UInt64? = nil, _ duty: ClusterNodeRow.Duty = .voter
    ) -> ClusterNodeRow {
        ClusterNodeRow(
            id: id ?? UInt64(number), name: "authority-\(number)", store: "127.0.0.1:\(port)", duty: duty,
            changedAt: WallTime(milliseconds: 1))
    }

    private func put(_ row: ClusterNodeRow, _ term: LeadershipTerm, _ node: StoreHarness.Node) async throws {
        _ = try await node.store.commit(StoreTransaction(term: term, mutations: [.upkeep(.putNode(row))]))
    }

    private func voters(_ ids: Set<UInt64>, as node: StoreHarness.Node) async throws {
        _ = try await eventually("voters \(ids.sorted()) as \(node.settings.name) sees them") { () -> Bool? in
            if try await node.store.leader()?.isOurs == true { try await node.store.formCluster() }
            let found = try await node.store.nodes().filter { $0.duty == .voter }
            return Set(found.map(\.id)) == ids && found.count == ids.count ? true : nil
        }
    }

    private func leader(_ nodes: [StoreHarness.Node]) async throws -> StoreHarness.Node {
        try await eventually("a leader") {
            for node in nodes {
                if let leader = try? await node.store.leader(), leader.isOurs { return node }
            }
            return nil
        }
    }

    @Test func `a cluster of one grows, and a wiped node comes back under a new id`() async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let ports = FreePorts.take(3)
        var running: [StoreHarness.Node] = []
        do {
            let first = harness.start(try settings(harness, pki, 1, port: ports[0]))
            running.append(first)
            let term = try await first.leading().term
            _ = try await first.store.commit(StoreTransaction(term: term, mutations: Rows.registration(1)))
            for number in 2...3 {
                try await put(row(number, ports[number - 1]), term, first)
                // A newcomer is told of those that are there; the others learn of it from the log alone.
                let known = (1..<number).map { peer($0, ports[$0 - 1]) }
                running.append(
                    harness.start(try settings(harness, pki, number, port: ports[number - 1], peers: known)))
                try await voters(Set(1...UInt64(number)), as: first)
            }
            try await voters([1, 2, 3], as: running[1])

            // The disk of the second is lost.
            await running[1].stop()
            try FileManager.default.removeItem(atPath: running[1].settings.dataDirectory)
            try await put(row(2, ports[1], .retired), term, first)
            try await voters([1, 3], as: first)
            try await put(row(2, ports[1], id: 4), term, first)
            running[1] = harness.start(
                try settings(
                    harness, pki, 2, port: ports[1], id: 4, peers: [peer(1, ports[0]), peer(3, ports[2])]))
            try await voters([1, 3, 4], as: first)

            // The founder dies; the other two, who joined at run time, go on with everything.
            await first.stop()
            let next = try await leader([running[1], running[2]])
            let state = try await next.leading()
            #expect(state.members == [Rows.member(1)])
            #expect(Set(state.upkeep.nodes.map(\.id)) == [2, 3, 4])
            _ = try await next.store.commit(StoreTransaction(term: state.term, mutations: Rows.registration(2)))
            // An id that is gone stays gone.
            await #expect(throws: StoreFailure.self) { try await put(row(2, ports[1]), state.term, next) }
        } catch {
            for node in running { await node.stop() }
            throw error
        }
        for node in running { await node.stop() }
    }

    @Test func `a configured node that was taken out stays out, and the leadership goes to those who stay`()
        async throws
    {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let nodes = try harness.threeNodes(pki).map { harness.start($0) }
        do {
            try await voters([1, 2, 3], as: nodes[0])
            let term = try await nodes[0].leading().term
            let gone = ClusterNodeRow(
                id: 1, name: "authority-1", store: "", duty: .retired, changedAt: WallTime(milliseconds: 1))
            try await put(gone, term, nodes[0])
            // The leader is to go: it hands over, and the next one takes it out.
            try await nodes[0].store.formCluster()
            let next = try await leader([nodes[1], nodes[2]])
            let newTerm = try await next.leading().term
            try await voters([2, 3], as: next)
            // Its file still names the first; that must not bring it back.
            for _ in 0..<5 { try await next.store.formCluster() }
            try await voters([2, 3], as: next)
            try await put(
                ClusterNodeRow(
                    id: 2, name: "authority-2", store: "", duty: .voter, changedAt: WallTime(milliseconds: 2)),
                newTerm, next)
            // Of three configured nodes two are left, and they lead again after a restart.
            await nodes[0].stop()
            next.killProcess()
            _ = try await leader([nodes[1], nodes[2]]).leading()
        } catch {
            for node in nodes { await node.stop() }
            throw error
        }
        for node in nodes { await node.stop() }
    }

    @Test func `a certificate of this cluster that is in nobody's log gets no further than its question`() async throws
    {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let port = FreePorts.take(1)[0]
        let node = harness.start(try settings(harness, pki, 1, port: port))
        _ = try await node.leading()
        let shown = try pki.credentials(.store, "authority-9")
        let caller = try TLSCaller.connect(
            port: port, certificate: shown.certificate, key: shown.key, authority: pki.authority)
        caller.send(Greeting.connect(id: 9, name: "authority-9"))
        #expect(await caller.isCut(within: .seconds(3)))
        await node.stop()
    }

    @Test func `a directory believes the log before the settings, and the higher id`() {
        let directory = PeerDirectory(configured: [peer(1, 1), peer(2, 2)])
        #expect(directory.member("authority-2") == 2)
        #expect(directory.peer(at: "authority-2") == peer(2, 2))
        directory.learn(
            [
                StoreNode(id: 1, name: "authority-1"), StoreNode(id: 3, address: "authority-3@[::1]:7", duty: .voter),
            ], following: 0)
        #expect(directory.member("authority-2") == nil)
        #expect(directory.mayAsk("authority-2"))
        #expect(!directory.mayAsk("authority-9"))
        #expect(directory.peer(at: "authority-3") == StorePeer(name: "authority-3", id: 3, host: "::1", port: 7))
        #expect(directory.peer(at: "authority-4@h:9") == StorePeer(name: "authority-4", id: 0, host: "h", port: 9))
        directory.hear([StoreNode(id: 4, name: "authority-3", store: "h:8")])
        #expect(directory.member("authority-3") == 4)
        #expect(directory.peer(at: "authority-3")?.port == 8)
        #expect(directory.peers(without: "authority-1").map(\.name) == ["authority-2", "authority-3"])
    }

    /// A store that was away hears of another; once it follows a leader, only the log says who may come in.
    @Test func `what was heard is forgotten under a leader of the own log`() {
        let directory = PeerDirectory(configured: [peer(1, 1)])
        let (one, two) = (StoreNode(id: 1, name: "authority-1"), StoreNode(id: 2, name: "authority-2"))
        directory.learn([one], following: 0)
        directory.hear([one, two])
        directory.learn([one], following: 0)
        #expect(directory.member("authority-2") == 2)
        // Its log is behind: it does not know the leader yet that another store told it of.
        directory.learn([one], following: 2)
        #expect(directory.member("authority-2") == 2)
        directory.learn([one, two], following: 2)
        #expect(directory.member("authority-2") == 2)
        // The second is taken out for good.
        directory.learn([one], following: 1)
        #expect(directory.member("authority-2") == nil)
        #expect(!directory.mayAsk("authority-2"))
        #expect(directory.peers(without: "authority-1").isEmpty)
    }

    @Test(arguments: [("a", "a", ""), ("a@h:1", "a", "h:1"), ("a@", "a", ""), ("", "", ""), ("a@b@c", "a", "b@c")])
    func `an address of the log is a name and perhaps a place`(_ address: String, _ name: String, _ store: String) {
        let parts = StoreNode.parts(of: address)
        #expect(parts.name == name && parts.store == store)
    }
}
