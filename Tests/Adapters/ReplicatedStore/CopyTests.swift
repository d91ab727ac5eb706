import Foundation
import GroupModel
import IKEVocabulary
import Synchronization
import TestKit
import Testing

@testable import ReplicatedStore

private final class Box: Sendable {
    private let inside = Mutex<[String]>([])
    func add(_ text: String) { inside.withLock { $0.append(text) } }
    var all: [String] { inside.withLock { $0 } }
}

/// Copies of the state on three real nodes: equal when they are, told apart when one is damaged.
@Suite(.serialized) struct CopyTests {
    /// A node with its watch.
    private struct Watched {
        let node: StoreHarness.Node
        let watch: CopyWatch
        /// Why it was to be started afresh.
        let told: Box

        init(_ node: StoreHarness.Node, pace: CopyWatch.Pace) {
            self.node = node
            let told = Box()
            watch = CopyWatch(
                node.store, id: node.settings.id, folder: node.settings.dataDirectory, pace: pace,
                wall: { WallTime(milliseconds: 1) }, events: { _ in }, restart: { told.add($0) })
            self.told = told
        }
    }

    private var quick: CopyWatch.Pace {
        var pace = CopyWatch.Pace()
        (pace.beat, pace.beatsPerCheckpoint, pace.patience) = (.milliseconds(100), 5, .seconds(2))
        return pace
    }

    private func form(_ nodes: [StoreHarness.Node]) async throws {
        _ = try await eventually("three voters") { () -> Bool? in
            try await nodes[0].store.formCluster()
            return Set(try await nodes[0].store.nodes()) == nodes[0].wanted ? true : nil
        }
    }

    /// One round on each node, the leader's first.
    private func round(_ watched: [Watched], leads term: LeadershipTerm) async {
        for (index, each) in watched.enumerated() { await each.watch.look(leads: index == 0 ? term : nil) }
    }

    @Test func `a damaged copy is found, the whole ones are equal`() async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let settings = try harness.threeNodes(pki)
        var nodes = settings.map { harness.start($0) }
        do {
            try await form(nodes)
            let state = try await nodes[0].leading()
            for number in 0..<20 {
                _ = try await nodes[0].store.commit(
                    StoreTransaction(term: state.term, mutations: Rows.registration(number)))
            }
            var watched = nodes.map { Watched($0, pace: quick) }
            _ = try await eventually("equal copies") { () -> Bool? in
                await round(watched, leads: state.term)
                return watched.map { $0.watch.report.comparison?.verdict } == [.leader, .equal, .equal] ? true : nil
            }
            #expect(watched.allSatisfy { $0.watch.fault == nil })
            #expect(watched.allSatisfy { ($0.watch.report.beatAge ?? .seconds(99)) < .seconds(3) })

            // One octet of a name in one node's log is changed, with the sums made right again: the engine cannot know.
            await nodes[2].stop()
            try damage(settings[2].dataDirectory)
            nodes[2] = harness.start(settings[2])
            _ = try await eventually("it is back") { try await nodes[2].store.leader().map { _ in true } }
            watched[2] = Watched(nodes[2], pace: quick)
            _ = try await eventually("the damage is found") { () -> Bool? in
                await round(watched, leads: state.term)
                return watched[2].watch.report.comparison?.verdict == .differs ? true : nil
            }
            #expect(watched[2].watch.fault?.contains("join under a new id") == true)
            #expect(watched[0].watch.fault == nil && watched[1].watch.fault == nil)
            #expect(watched[1].watch.report.comparison?.verdict == .equal)
            // It is remembered with the folder, not with the process.
            #expect(Watched(nodes[2], pace: quick).watch.fault != nil)
        } catch {
            for node in nodes { await node.stop() }
            throw error
        }
        for node in nodes { await node.stop() }
    }

    @Test func `a copy that gets no beats while its leader lives is started afresh`() async throws {
        let pki = try TestPKI()
        defer { pki.remove() }
        let harness = try StoreHarness()
        let nodes = try harness.threeNodes(pki).map { harness.start($0) }
        do {
            try await form(nodes)
            let term = try await nodes[0].leading().term
            let watched = nodes.map { Watched($0, pace: quick) }
            _ = try await eventually("a beat everywhere") { () -> Bool? in
                await round(watched, leads: term)
                return watched.allSatisfy { $0.watch.report.beat != nil } ? true : nil
            }
            try await Task.sleep(for: .milliseconds(300))
            for each in watched.dropFirst() { await each.watch.look(leads: nil) }
            // The leader's store lives on, and no beat comes.
            try await Task.sleep(for: .seconds(2.2))
            await watched[1].watch.look(leads: nil)
            #expect(watched[1].told.all.count == 1)
            await watched[1].watch.look(leads: nil)
            #expect(watched[1].told.all.count == 1, "not again and again")
            await watched[0].watch.look(leads: nil)
            #expect(watched[0].told.all.isEmpty, "the leader's own is not restarted for its own silence")
        } catch {
            for node in nodes { await node.stop() }
            throw error
        }
        for node in nodes { await node.stop() }
    }

    /// Changes a row in the pages of a stopped node's log.
    private func damage(_ folder: String) throws {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", Self.damager, folder]
        process.standardOutput = output
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(String(decoding: text, as: UTF8.self))")
    }

    /// Segments: format (8), then batches: sum of the head (4), sum of the data (4), head: entries (8), for each term (8), type (1),
    /// zeros (3), size (4); then the data.
    private static let damager = """
        import glob, struct, sys
        def entry(octet):
            value = octet << 24
            for _ in range(8): value = (value << 1 ^ 0x04c11db7 if value & 1 << 31 else value << 1) & 0xffffffff
            return value
        table = [entry(octet) for octet in range(256)]
        def crc(octets):
            value = 0
            for octet in octets: value = value << 8 & 0xffffffff ^ table[value >> 24 ^ octet]
            return value
        changed = 0
        files = glob.glob(sys.argv[1] + "/open-*") + glob.glob(sys.argv[1] + "/0*-0*")
        for path in sorted(files):
            data = bytearray(open(path, "rb").read())
            at = 8
            while at + 16 <= len(data):
                head_sum, data_sum = struct.unpack_from("<II", data, at)
                count = struct.unpack_from("<Q", data, at + 8)[0]
                if count == 0 or count > 1 << 20: break
                head_end = at + 16 + 16 * count
                size = sum(struct.unpack_from("<I", data, at + 16 + 16 * i + 12)[0] for i in range(count))
                end = head_end + size
                if end > len(data): break
                body = bytes(data[head_end:end])
                fresh = body.replace(b"frontend-1", b"frontend-X")
                if fresh != body:
                    if crc(body) != data_sum: print("sum", path, at); sys.exit(1)
                    changed += 1
                    data[head_end:end] = fresh
                    struct.pack_into("<I", data, at + 4, crc(fresh))
                at = end
            open(path, "r+b").write(data)
        print(changed, files)
        sys.exit(0 if changed else 2)
        """
}

/// The pages of a dump and the record in them, on octets made by hand.
@Suite struct DatabaseImageTests {
    private func frame(_ page: UInt32, _ pages: UInt32, _ fill: UInt8, salt: UInt8 = 7) -> [UInt8] {
        func big(_ number: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) } }
        return big(page) + big(pages) + [UInt8](repeating: salt, count: 8) + [UInt8](repeating: 0, count: 8)
            + [UInt8](repeating: fill, count: 4096)
    }

    private func header() -> [UInt8] {
        [0x37, 0x7f, 6, 0x82, 0, 0x2d, 0xe2, 0x18, 0, 0, 0x10, 0, 0, 0, 0, 0] + [UInt8](repeating: 7, count: 8)
            + [UInt8](repeating: 0, count: 8)
    }

    private func image(_ frames: [[UInt8]], main: Int = 2) -> DatabaseImage {
        DatabaseImage([
            ("gcks", [UInt8](repeating: 1, count: main * 4096)), ("gcks-wal", header() + frames.flatMap { $0 }),
        ])
    }

    @Test func `the same commit is found in a copy that is further, and in one that emptied its log before`() throws {
        let first = [frame(2, 0, 5), frame(1, 2, 6)]
        let last = try #require(image(first).lastCommit())
        #expect(image(first + [frame(2, 2, 9)]).digest(after: last.hash) == last.digest)
        #expect(image([frame(2, 2, 3)] + first).digest(after: last.hash) == last.digest)
        #expect(image([frame(2, 2, 9)]).digest(after: last.hash) == nil)
    }

    @Test func `a page that was not part of the commit counts`() throws {
        let last = try #require(image([frame(2, 2, 5)]).lastCommit())
        let damaged = DatabaseImage([
            ("gcks", [2] + [UInt8](repeating: 1, count: 2 * 4096 - 1)), ("gcks-wal", header() + frame(2, 2, 5)),
        ])
        let digest = try #require(damaged.digest(after: last.hash))
        #expect(digest != last.digest)
    }

    @Test func `an open transaction and frames of an earlier life are left out`() throws {
        let last = try #require(image([frame(2, 2, 5)]).lastCommit())
        #expect(image([frame(2, 2, 5), frame(1, 0, 8)]).lastCommit() == last)
        #expect(image([frame(2, 2, 5), frame(1, 2, 8, salt: 3)]).lastCommit() == last)
    }

    @Test func `what is too short, empty or claims too much does no harm`() {
        #expect(DatabaseImage([]).lastCommit() == nil)
        #expect(DatabaseImage([("gcks-wal", [1, 2, 3])]).lastCommit() == nil)
        #expect(image([Array(frame(2, 2, 5).dropLast(9))]).lastCommit() == nil)
        #expect(image([frame(2, .max, 5)], main: 0).lastCommit() != nil)
    }

    @Test func `a record comes back, a torn one does not, the newest wins`() throws {
        var record = PulseRecord(term: LeadershipTerm(rawValue: 3), beat: 9, leader: 2)
        record.checkpoint = 4
        record.commit = Array(0..<32)
        record.digest = Array(32..<64)
        #expect(record.encoded.count == PulseRecord.octets)
        #expect(PulseRecord(record.encoded[...]) == record)
        for index in record.encoded.indices {
            var torn = record.encoded
            torn[index] ^= 1
            #expect(PulseRecord(torn[...]) == nil)
        }
        var older = record
        older.beat = 8
        let page = [UInt8](repeating: 0x67, count: 5) + older.encoded + record.encoded + [0x67, 1]
        #expect(PulseRecord.newest(in: page[...]) == record)
    }
}

/// A disk that is tried.
@Suite struct DiskWatchTests {
    @Test func `a folder that can be written is good, one without room or right is not`() async throws {
        let folder = "/tmp/gcks-disk-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (events, recoveries) = (Box(), Box())
        func watch(_ folder: String, reserve: Int64) -> DiskWatch {
            DiskWatch(
                folder: folder, reserveOctets: reserve, events: { events.add($0.name) },
                recovered: { recoveries.add("again") })
        }
        let good = watch(folder, reserve: 1)
        await good.look()
        #expect(good.disk.fault == nil && good.disk != .unknown)
        let full = watch(folder, reserve: .max)
        await full.look()
        #expect(full.disk.fault?.contains("MiB are needed") == true)
        let missing = watch(folder + "/later", reserve: 1)
        await missing.look()
        #expect(missing.disk.fault != nil)
        try FileManager.default.createDirectory(atPath: folder + "/later", withIntermediateDirectories: true)
        await missing.look()
        #expect(missing.disk.fault == nil)
        #expect(recoveries.all.count == 1)
        #expect(events.all == ["disk-failing", "disk-failing", "disk-good"])
    }
}
