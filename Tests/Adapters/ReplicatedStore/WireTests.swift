import GroupModel
import NIOCore
import Testing

@testable import ReplicatedStore

/// The engine's wire format against octets written by hand.
@Suite struct WireTests {
    private func octets(_ request: EngineRequest) -> [UInt8] {
        var buffer = ByteBuffer()
        request.encode(into: &buffer)
        return Array(buffer.readableBytesView)
    }

    private func word(_ value: UInt8) -> [UInt8] { [value, 0, 0, 0, 0, 0, 0, 0] }
    private static let end = [UInt8](repeating: 0xff, count: 8)
    private static let more = [UInt8](repeating: 0xee, count: 8)

    private func text(_ text: String) -> [UInt8] {
        var octets = Array(text.utf8) + [0]
        while octets.count % 8 != 0 { octets.append(0) }
        return octets
    }

    @Test func `requests are framed as the engine reads them`() {
        #expect(octets(.leader) == [1, 0, 0, 0, 0, 0, 0, 0] + word(0))
        #expect(octets(.open(database: "gcks")) == [3, 0, 0, 0, 3, 0, 0, 0] + text("gcks") + word(0) + word(0))
        #expect(octets(.execSQL("COMMIT")) == [2, 0, 0, 0, 8, 0, 0, 0] + word(0) + text("COMMIT"))
        // Seven letters and NUL fill a word exactly; eight need another.
        #expect(octets(.dump(database: "seven77")).count == 16)
        #expect(octets(.dump(database: "eight888")).count == 24)
        #expect(octets(.assign(id: 2, duty: .voter)) == [2, 0, 0, 0, 13, 0, 0, 0] + word(2) + word(0))
        #expect(octets(.assign(id: 2, duty: .spare)).suffix(8) == word(2))
        #expect(octets(.add(id: 3, name: "n3")) == [2, 0, 0, 0, 12, 0, 0, 0] + word(3) + text("n3"))
        #expect(octets(.remove(id: 3)) == [1, 0, 0, 0, 14, 0, 0, 0] + word(3))
        #expect(octets(.cluster) == [1, 0, 0, 0, 16, 0, 0, 0] + word(1))
    }

    @Test func `parameters follow schema 1`() {
        let statement: [UInt8] = [0, 0, 0, 0, 7, 0, 0, 0]
        #expect(octets(.exec(statement: 7, [])) == [1, 0, 0, 0, 5, 0, 0, 0] + statement)
        let values: [SQLValue] = [.integer(-2), .real(1.5), .text("ab"), .blob([9, 8]), .null]
        let wanted: [UInt8] =
            [9, 0, 0, 0, 6, 1, 0, 0] + statement + [5, 0, 0, 0, 1, 2, 3, 4] + [5, 0, 0, 0, 0, 0, 0, 0]
            + [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff] + [0, 0, 0, 0, 0, 0, 0xf8, 0x3f] + text("ab") + word(2)
            + [9, 8, 0, 0, 0, 0, 0, 0] + word(0)
        #expect(octets(.query(statement: 7, values)) == wanted)
    }

    private func decode(_ type: UInt8, _ body: [UInt8]) throws -> EngineReplyPart {
        try EngineReplyPart(type: type, body: ByteBuffer(bytes: body))
    }

    private var rowsBody: [UInt8] {
        // Two columns, two rows: (1, "x") and (NULL, blob 3 octets).
        word(2) + text("a") + text("b") + [0x31, 0, 0, 0, 0, 0, 0, 0] + word(1) + text("x")
            + [0x45, 0, 0, 0, 0, 0, 0, 0] + word(0) + word(3) + [7, 8, 9, 0, 0, 0, 0, 0]
    }

    @Test func `replies are read`() throws {
        guard case .whole(.failure(let code, let message)) = try decode(0, word(5) + text("busy")) else {
            Issue.record("not a failure")
            return
        }
        #expect(code == 5)
        #expect(message == "busy")
        guard case .whole(.servers(let nodes)) = try decode(3, word(1) + word(2) + text("n2") + word(1)) else {
            Issue.record("not servers")
            return
        }
        #expect(nodes == [StoreNode(id: 2, name: "n2", duty: .standby)])
        for (mark, isEnd) in [(Self.end, true), (Self.more, false)] {
            guard case .rows(let rows, let isLast) = try decode(7, rowsBody + mark) else {
                Issue.record("not rows")
                return
            }
            #expect(rows == [[.integer(1), .text("x")], [.null, .blob([7, 8, 9])]])
            #expect(isLast == isEnd)
        }
    }

    @Test func `every shorter reply is refused`() {
        let replies: [(UInt8, [UInt8])] = [
            (0, word(5) + text("busy")), (1, word(1) + text("n1")), (3, word(1) + word(2) + text("n2") + word(0)),
            (5, word(0)), (6, word(1) + word(1)), (7, rowsBody + Self.end),
            (9, word(1) + text("gcks") + word(3) + [1, 2, 3, 0, 0, 0, 0, 0]),
        ]
        for (type, body) in replies {
            #expect(throws: Never.self) { try decode(type, body) }
            for count in 0..<body.count {
                #expect(throws: ReplyFault.self, "type \(type), \(count) octets") {
                    try decode(type, Array(body.prefix(count)))
                }
            }
        }
    }

    /// Whatever stands in an octet, it is read or refused; it never traps.
    @Test func `any single octet may be anything`() {
        let bodies: [(UInt8, [UInt8])] = [
            (3, word(2) + word(2) + text("n2") + word(0) + word(3) + text("n3") + word(1)), (7, rowsBody + Self.end),
            (9, word(1) + text("gcks") + word(3) + [1, 2, 3, 0, 0, 0, 0, 0]),
        ]
        var refused = 0
        for (type, body) in bodies {
            for index in body.indices {
                for value in [0, 1, 0x7f, 0x80, 0xee, 0xff] as [UInt8] {
                    var changed = body
                    changed[index] = value
                    if (try? decode(type, changed)) == nil { refused += 1 }
                }
            }
        }
        #expect(refused > 100)
    }

    @Test(arguments: [2, 8 + 3, 200] as [UInt8]) func `unknown types are refused`(_ type: UInt8) {
        #expect(throws: ReplyFault.self) { try decode(type, word(0)) }
    }

    @Test func `counts have limits`() {
        let huge: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
        for type in [3, 7, 9] as [UInt8] {
            #expect(throws: ReplyFault.self) { try decode(type, huge + [UInt8](repeating: 0, count: 64)) }
        }
    }

    @Test func `a greeting is read without trust`() {
        let whole = Greeting.connect(id: 2, name: "authority-2")
        #expect(PeerGreeting.read(ByteBuffer(bytes: whole)) == .connect(id: 2, name: "authority-2"))
        for count in 0..<whole.count {
            #expect(PeerGreeting.read(ByteBuffer(bytes: whole.prefix(count))) == .incomplete)
        }
        for index in whole.indices {
            var changed = whole
            changed[index] ^= 0xff
            // Schema, two octets without meaning and what fills the last word may be anything.
            let mayDiffer = (13...15).contains(index) || index > 35
            #expect(
                (PeerGreeting.read(ByteBuffer(bytes: changed)) == .connect(id: 2, name: "authority-2")) == mayDiffer)
        }
    }

    @Test func `the one question of a peer is known to the octet`() {
        let question = Greeting.cluster
        #expect(PeerGreeting.read(ByteBuffer(bytes: question)) == .cluster)
        for count in 0..<question.count {
            #expect(PeerGreeting.read(ByteBuffer(bytes: question.prefix(count))) == .incomplete)
        }
        #expect(PeerGreeting.read(ByteBuffer(bytes: question + [0])) == .malformed)
        // DUMP in its place.
        #expect(PeerGreeting.read(ByteBuffer(bytes: Greeting.version + [2, 0, 0, 0, 15, 0, 0, 0])) == .malformed)
    }

    @Test(arguments: [
        "INSERT INTO t VALUES (1) RETURNING a", "insert into t values (1) returning a", "ATTACH 'x' AS y", "VACUUM",
        "DETACH y", "PRAGMA journal_mode = DELETE", "PRAGMA journal_mode", "PRAGMA table_info = 3", "", " ",
        "BEGIN; COMMIT", "SELECT 1; SELECT 2", "SELECT 'a\0b'", "CREATE TABLE t (a); DROP TABLE t",
    ])
    func `dangerous SQL does not leave`(_ sql: String) { #expect(SQLLint.fault(in: sql) != nil) }

    @Test(arguments: [
        "SELECT 'RETURNING; VACUUM'", "SELECT \"returning\" FROM t", "COMMIT;", "PRAGMA integrity_check",
        "CREATE TRIGGER a BEFORE INSERT ON t BEGIN SELECT 1; SELECT 2; END",
    ])
    func `ordinary SQL leaves`(_ sql: String) { #expect(SQLLint.fault(in: sql) == nil) }

    @Test func `every migration passes the lint`() {
        for statement in Migrations.all.joined() { #expect(SQLLint.fault(in: statement) == nil, "\(statement)") }
    }

    @Test func `a commit's failure says only what is sure`() {
        let cases: [(EngineFault, StoreFailure)] = [
            (.refused(code: 10_250, "not leader"), .notLeader),
            (.refused(code: 10_506, "lost"), .unknownOutcome("lost (code 10506)")),
            (.refused(code: 7, "no more rows"), .unknownOutcome("no more rows (code 7)")),
            (.refused(code: 778, "disk"), .unknownOutcome("disk (code 778)")),
            (.refused(code: 2067, "unique"), .constraint("unique (code 2067)")),
            (.cut("closed"), .unknownOutcome("closed")),
        ]
        for (fault, meaning) in cases { #expect(StoreFailure(ofCommit: fault) == meaning) }
        #expect(StoreFailure(beforeCommit: .cut("closed")) == .unavailable("closed"))
        #expect(
            StoreFailure(beforeCommit: .refused(code: 1, "no such table")) == .incompatible("no such table (code 1)"))
    }
}
