import ArgumentParser
import AuditTrail
import Foundation
import GroupModel
import IKECrypto
import IKEVocabulary
import Octets

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Reads and checks the audit trail.",
        discussion: "Example: gcksctl audit tail",
        subcommands: [
            AuditTail.self, AuditSearch.self, AuditExport.self, AuditVerify.self, AuditAnchorNow.self,
            AuditShowKey.self,
        ])
}

extension ConnectionOptions {
    func auditPage(_ query: AuditQuery) async throws -> AuditPage {
        guard case .audit(let page) = try await perform(.audit(.read(query))) else {
            throw CommandEnd(.failed, ["an answer of another kind"])
        }
        return page
    }

    /// Every page from the floor to the head, oldest first.
    func auditTrail(_ filter: AuditFilter = AuditFilter(), _ body: (AuditPage) throws -> Void) async throws {
        var after: Int64 = 0
        while true {
            let page = try await auditPage(AuditQuery(start: .after(after), filter: filter))
            try body(page)
            guard page.lookedThrough < page.head, page.lookedThrough > after else { return }
            after = page.lookedThrough
        }
    }
}

struct AuditTail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Shows the newest records.",
        discussion: """
            With --watch it goes on, a record a line; with -o json as NDJSON.

            Example: gcksctl audit tail -n 50 --watch
            """)

    @Option(name: [.customShort("n"), .customLong("lines")], help: "How many records.") var lines: UInt16 = 20
    @Flag(help: "Go on with new records as they come.") var watch = false
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let count = min(max(1, Int(lines)), AuditQuery.pageRecords)
        let page = try await connection.auditPage(AuditQuery(start: .newest(count)))
        guard watch else {
            connection.show(AuditView.table(page.records), AuditView.json(page.records))
            Terminal.next("gcksctl audit verify")
            return
        }
        for record in page.records { show(record) }
        var after = page.lookedThrough
        var isWaiting = false
        while true {
            try await Task.sleep(for: .seconds(1))
            do {
                let page = try await connection.auditPage(AuditQuery(start: .after(after)))
                for record in page.records { show(record) }
                (after, isWaiting) = (max(after, page.lookedThrough), false)
            } catch let end as CommandEnd where end.code == .unavailable {
                if !isWaiting { for line in end.lines { Terminal.error("waiting: \(line)") } }
                isWaiting = true
            }
        }
    }

    private func show(_ record: AuditRecord) {
        Terminal.output(connection.output.output == .json ? AuditView.json(record).line() : AuditView.line(record))
    }
}

struct AuditSearch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Finds records.",
        discussion: """
            Texts match whole; with * at an end, a part. Times are RFC 3339 in UTC, or how long ago.

            Example: gcksctl audit search --since 2d --action 'member-*' --object '*gm1.example'
            """)

    @Option(help: "Not before.") var since: TimeArgument?
    @Option(help: "Not after.") var until: TimeArgument?
    @Option(help: "Who.") var actor: String?
    @Option(help: "What was done.") var action: String?
    @Option(help: "To what.") var object: String?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let now = TimeText.now()
        let filter = AuditFilter(
            since: since?.time(at: now), until: until?.time(at: now), actor: actor, action: action, object: object)
        var found: [AuditRecord] = []
        try await connection.auditTrail(filter) { found += $0.records }
        connection.show(AuditView.table(found), AuditView.json(found))
        Terminal.next("gcksctl audit export")
    }
}

struct AuditExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Writes the whole trail to standard output, as NDJSON.",
        discussion: """
            The audit key, then records and anchors, oldest first: what `audit verify FILE` reads.

            Example: gcksctl audit export > trail.ndjson
            """)

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var hasKey = false
        try await connection.auditTrail { page in
            if let key = page.key, !hasKey {
                Terminal.output(AuditView.json(key).line())
                hasKey = true
            }
            let lines = page.inOrder.map { item -> String in
                switch item {
                case .record(let record): AuditView.json(record).line()
                case .anchor(let anchor): AuditView.json(anchor).line()
                }
            }
            if !lines.isEmpty { Terminal.output(lines.joined(separator: "\n")) }
        }
        Terminal.next("gcksctl audit verify FILE")
    }
}

extension AuditPage {
    enum Item {
        case record(AuditRecord)
        case anchor(AuditAnchor)
    }

    /// Each anchor behind its record.
    var inOrder: [Item] {
        var items: [Item] = []
        var rest = anchors[...]
        func take(through seq: Int64) {
            while let anchor = rest.first, anchor.place.seq <= seq {
                items.append(.anchor(anchor))
                rest.removeFirst()
            }
        }
        take(through: (records.first?.seq ?? .max) - 1)
        for record in records {
            items.append(.record(record))
            take(through: record.seq)
        }
        return items
    }
}

struct AuditVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Checks that nothing of the trail was changed, removed or moved.",
        discussion: """
            Goes through the chain of hashes and the signed anchors, of a file or of the authorities' trail. The key is that of
            --public-key (hex, as `audit key` prints it; keep it elsewhere), else the one that comes with the trail.
            Ends with 1 and the number of the record where something is wrong.

            Example: gcksctl audit verify trail.ndjson --public-key 302a3005…
            """)

    @Argument(help: "A file of `audit export`; without one the trail is fetched.") var file: String?
    @Option(help: ArgumentHelp("The audit key.", valueName: "hex")) var publicKey: HexArgument?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var walk = AuditWalk(given: publicKey?.octets)
        if let file {
            try walk.read(file)
        } else {
            try await connection.auditTrail { page in
                if let key = page.key { try walk.begin(key) }
                for item in page.inOrder {
                    switch item {
                    case .record(let record): try walk.take { verifier throws(AuditFault) in try verifier.take(record) }
                    case .anchor(let anchor): try walk.take { verifier throws(AuditFault) in try verifier.take(anchor) }
                    }
                }
            }
        }
        let result = try walk.result()
        connection.show(result.text, result.json)
        Terminal.next("gcksctl audit tail")
    }
}

struct HexArgument: ExpressibleByArgument {
    let octets: [UInt8]

    init?(argument: String) {
        guard let octets = Hex.decode(argument), !octets.isEmpty else { return nil }
        self.octets = octets
    }
}

/// Takes a trail in, says where it stopped being one, or how far it is good.
struct AuditWalk {
    let given: [UInt8]?
    private var verifier: AuditVerifier?
    private let engine = CryptoEngine()

    init(given: [UInt8]?) { self.given = given }

    mutating func begin(_ key: AuditKey) throws(CommandEnd) {
        guard verifier == nil else { return }
        do throws(AuditFault) {
            verifier = try AuditVerifier(
                AuditKey(cluster: key.cluster, publicKey: given ?? key.publicKey), engine: engine)
        } catch {
            throw CommandEnd(.failed, [error.description])
        }
    }

    mutating func take(_ step: (inout AuditVerifier) throws(AuditFault) -> Void) throws(CommandEnd) {
        guard var current = verifier else { throw CommandEnd(.failed, ["the trail has no key in front"]) }
        do throws(AuditFault) {
            try step(&current)
        } catch {
            throw CommandEnd(.failed, [error.description])
        }
        verifier = current
    }

    mutating func read(_ path: String) throws(CommandEnd) {
        var reader = try LineReader(path: path)
        var number = 0
        while let text = reader.next() {
            number += 1
            guard let line = AuditLine(text) else {
                let after = verifier?.lastSeq ?? 0
                throw CommandEnd(
                    .failed, ["\(path): line \(number), after record \(after), is no line of an audit export"])
            }
            switch line {
            case .key(let key): try begin(key)
            case .record(let record): try take { verifier throws(AuditFault) in try verifier.take(record) }
            case .anchor(let anchor): try take { verifier throws(AuditFault) in try verifier.take(anchor) }
            }
        }
    }

    func result() throws(CommandEnd) -> (text: String, json: JSONValue) {
        guard let verifier else { throw CommandEnd(.notFound, ["there is no audit trail"]) }
        let signed = verifier.signed
        let unsigned = verifier.lastSeq - (signed?.place.seq ?? 0)
        var text = "records \(verifier.first ?? 0) to \(verifier.lastSeq) are whole"
        if let signed {
            text += "; signed up to \(signed.place.seq) at \(TimeText.rfc3339(signed.at)), \(verifier.anchors) anchors"
        } else {
            text += "; no anchor yet"
        }
        if unsigned > 0 { text += "; \(unsigned) after it are not signed yet" }
        text += given == nil ? "\nthe key came with the trail: compare it with one you kept (gcksctl audit key)" : ""
        let item = JSONValue.object([
            ("first", .integer(verifier.first ?? 0)), ("last", .integer(verifier.lastSeq)),
            ("records", .integer(Int64(verifier.records))), ("anchors", .integer(Int64(verifier.anchors))),
            ("signed_through", .integer(signed?.place.seq ?? 0)),
            ("signed_at", .optional(signed.map { TimeText.rfc3339($0.at) })),
            ("key_was_given", .bool(given != nil)),
        ])
        return (text, .document(kind: "AuditVerification", items: [item]))
    }
}

struct AuditAnchorNow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "anchor", abstract: "Signs the newest record now; it happens every hour by itself.",
        discussion: "Example: gcksctl audit anchor")

    @OptionGroup var request: RequestOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let mandate = Mandate(operation: try request.operation())
        guard case .done(let lines) = try await connection.perform(.audit(.anchor(mandate))) else { return }
        let view = ChangeView(lines: lines, operation: mandate.operation, isDryRun: false)
        connection.show(view.text(), view.json())
        Terminal.next("gcksctl audit verify")
    }
}

struct AuditShowKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Shows the public key that the anchors are signed with.",
        discussion: "Keep it outside the cluster, for `audit verify --public-key`. Example: gcksctl audit key > key.hex"
    )

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let page = try await connection.auditPage(AuditQuery(start: .newest(1), atMost: 1))
        guard let key = page.key else { throw CommandEnd(.notFound, ["there is no audit trail yet"]) }
        connection.show(Hex.encode(key.publicKey), .document(kind: "AuditKey", items: [AuditView.json(key)]))
        Terminal.next("gcksctl audit verify --public-key \(Hex.encode(key.publicKey))")
    }
}
