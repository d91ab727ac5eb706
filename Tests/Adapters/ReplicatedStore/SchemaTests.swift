import Foundation
import GroupModel
import IKEVocabulary
import Testing

@testable import ReplicatedStore

@Suite struct SchemaTests {
    @Test func `a definition is one text, and comes back from it`() throws {
        let text = try StoredDefinition.text(of: Rows.definition)
        #expect(try StoredDefinition.text(of: Rows.definition) == text)
        #expect(try StoredDefinition.definition(from: text, of: Rows.name) == Rows.definition)
        #expect(text.contains("\"spacing\":250000000"))
        #expect(text.contains("\"pattern\":\"fqdn:*.example\""))
        #expect(text.contains("\"keyTree\":{\"degree\":3,\"onLeave\":\"rekey\"}"))
    }

    /// Fixed for ever: what a released store holds must be read by every later program.
    @Test func `the text of a definition does not change`() throws {
        var plain = Rows.definition
        plain.data = []
        plain.rules = []
        plain.keyTree = nil
        let text = try StoredDefinition.text(of: plain)
        #expect(
            text
                == """
                {"activationTimeDelay":3,"data":[],"deactivationTimeDelay":9,"format":1,"identification":{"octets":\
                "6d61726b6574202264617461222 0c3bc","type":11},"memberLimit":1000,"mode":"tunnel","name":"market-data",\
                "rekey":{"authentication":"ecdsa-p256","copies":3,"destination":"239.1.2.3:848","fragmentOctets":1280,\
                "keyWrap":3,"lifetime":86400,"spacing":250000000,"suite":{"encryption":12,"integrity":13,"keyBits":256},\
                "timeToLive":17},"rules":[],"senderIDWidth":12}
                """.replacing("222 0c3", with: "2220c3"))
    }

    @Test(arguments: [
        ("\"format\":1", "\"format\":2"), ("\"mode\":\"tunnel\"", "\"mode\":\"other\""),
        ("\"keyBits\":256", "\"keyBits\":7"), ("market-data\",\"rekey", "another\",\"rekey"),
        ("239.1.2.3:848", "239.1.2.3"), ("\"senderIDWidth\":12", "\"senderIDWidth\":99"), ("{\"act", "{{\"act"),
        ("\"onLeave\":\"rekey\"", "\"onLeave\":\"never\""),
        ("\"permission\":\"sender\"", "\"permission\":\"king\""), ("\"first\":\"::\"", "\"first\":\"1.2.3.4\""),
    ])
    func `a definition that cannot be read is refused`(_ old: String, _ new: String) throws {
        let text = try StoredDefinition.text(of: Rows.definition)
        let changed = text.replacing(old, with: new)
        #expect(changed != text)
        #expect(throws: StoreFailure.self) { try StoredDefinition.definition(from: changed, of: Rows.name) }
    }

    @Test func `datagrams come back, and every damage is seen`() throws {
        let datagrams: [[UInt8]] = [[1, 2, 3], [], [4]]
        let octets = DatagramList.encode(datagrams)
        #expect(octets == [0, 0, 0, 3, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 1, 4])
        #expect(DatagramList.decode(octets) == datagrams)
        for count in 0..<octets.count { #expect(DatagramList.decode(Array(octets.prefix(count))) == nil) }
        #expect(DatagramList.decode(octets + [0]) == nil)
        #expect(DatagramList.decode([0xff, 0xff, 0xff, 0xff]) == nil)
    }

    @Test func `a row of the wrong shape is refused, column by column`() throws {
        let good = try Tables.members.encode(Rows.member(1, senderIDs: [1]))
        #expect(try Tables.members.row(good) == Rows.member(1, senderIDs: [1]))
        for index in good.indices {
            var changed = good
            changed[index] = .real(1)
            #expect(throws: StoreFailure.self, "column \(index)") { try Tables.members.row(changed) }
            #expect(throws: StoreFailure.self) { try Tables.members.row(Array(good.prefix(index))) }
        }
    }

    @Test func `neighbours share a statement`() throws {
        let mutations =
            (0..<85).flatMap { Rows.registration($0) } + [
                .putGroup(Rows.group()), .putGroup(Rows.group(nextSenderID: 2)),
            ]
        let steps = try TransactionSteps(mutations).steps
        // One group; 85 = 64 + 16 + 4 + 1 members and as many operations.
        #expect(steps.count == 1 + 4 + 4)
        #expect(steps.first?.values[3] == .integer(2))
        #expect(throws: StoreFailure.self) {
            try TransactionSteps([.putGroup(Rows.group(nextSenderID: 2)), .putGroup(Rows.group(nextSenderID: 1))])
        }
    }

    /// Forgetting must not look at every row there is: another SQLite (Python's) says how it would go about it.
    @Test func `forgetting goes by the index`() throws {
        let script = """
            import json, sqlite3, sys
            given = json.load(sys.stdin)
            database = sqlite3.connect(":memory:")
            for statement in given["schema"]: database.execute(statement)
            for statement in given["asked"]:
                marks = (0,) * statement.count("?")
                for row in database.execute("EXPLAIN QUERY PLAN " + statement, marks): print(row[3])
            """
        let (process, input, output) = (Process(), Pipe(), Pipe())
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script]
        (process.standardInput, process.standardOutput) = (input, output)
        try process.run()
        let asked = ["schema": Migrations.all.flatMap { $0 }, "asked": Tables.forgetStatements]
        try input.fileHandleForWriting.write(contentsOf: try JSONEncoder().encode(asked))
        try input.fileHandleForWriting.close()
        let plan = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(plan.contains("sender_id_given_at (given_at<?)"), "\(plan)")
        #expect(plan.contains("operation_at (at<?)"), "\(plan)")
        #expect(!plan.contains("SCAN sender_id") && !plan.contains("SCAN operation"), "\(plan)")
    }

    @Test func `a counter alone does not write its group`() throws {
        let steps = try TransactionSteps([.setNextSenderID(5, group: Rows.name)]).steps
        #expect(steps.map(\.values) == [[.integer(5), .text(Rows.name.text)]])
        let merged = try TransactionSteps([.putGroup(Rows.group()), .setNextSenderID(5, group: Rows.name)]).steps
        #expect(merged.count == 1 && merged.first?.values[3] == .integer(5))
    }

    @Test func `order within a table is kept`() throws {
        let steps = try TransactionSteps([
            .removeMember(.fqdn("gm1.example"), group: Rows.name), .putMember(Rows.member(1)),
            .removeMember(.fqdn("gm1.example"), group: Rows.name),
        ]).steps
        #expect(steps.map { String($0.sql.prefix(6)) } == ["DELETE", "INSERT", "DELETE"])
    }

    @Test(arguments: [
        ("authority-2=2@127.0.0.1:7702", StorePeer(name: "authority-2", id: 2, host: "127.0.0.1", port: 7702)),
        ("b=3@[2001:db8::1]:1", StorePeer(name: "b", id: 3, host: "2001:db8::1", port: 1)),
    ])
    func `peers are read and written`(_ text: String, _ peer: StorePeer) {
        #expect(StorePeer(text) == peer)
        #expect(peer.description == text)
    }

    @Test(arguments: ["", "a", "a=1", "a=1@", "a=1@h", "a=0@h:1", "=1@h:1", "a=x@h:1", "a=1@h:99999", "a=1@::1:5"])
    func `other texts are no peers`(_ text: String) { #expect(StorePeer(text) == nil) }

    @Test(arguments: [
        "spiffe://d/gcks/store", "spiffe://d/gcks/store/", "spiffe://d/gcks/store/a/b", "spiffe://d/gcks/authority/a",
        "spiffe:///gcks/store/a", "https://d/gcks/store/a", "spiffe://d/gcks/store/a%20b", "spiffe://d/other/store/a",
    ])
    func `other URIs name no store`(_ uri: String) { #expect(StoreIdentity(uri: uri) == nil) }

    @Test func `a store's URI names it`() {
        let identity = StoreIdentity(uri: "spiffe://gcks.test/gcks/store/authority-1")
        #expect(identity?.name == "authority-1")
        #expect(identity?.trustDomain == "gcks.test")
    }
}
