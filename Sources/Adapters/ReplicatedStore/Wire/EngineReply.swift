import NIOCore

/// What the engine's node answers.
enum EngineReply: Sendable {
    case failure(code: UInt64, message: String)
    case server(id: UInt64, name: String)
    case servers([StoreNode])
    case database
    case statement(UInt32)
    case result(rowsAffected: UInt64)
    /// All rows, of all parts.
    case rows([SQLRow])
    case done
    case files([(name: String, octets: [UInt8])])
}

/// A reply that does not follow the format. The connection is of no more use.
struct ReplyFault: Error, Hashable {
    let field: String
    init(_ field: String) { self.field = field }
}

/// One message of a reply, decoded: rows may come in several.
enum EngineReplyPart {
    case whole(EngineReply)
    case rows([SQLRow], isLast: Bool)

    /// - Throws: `ReplyFault` for an unknown type, a count above its limit, or octets that end early.
    init(type: UInt8, body: ByteBuffer) throws(ReplyFault) {
        var body = body
        switch type {
        case 0: self = .whole(.failure(code: try body.word("code"), message: try body.text("message")))
        case 1:
            let id = try body.word("id")
            self = .whole(.server(id: id, name: StoreNode.parts(of: try body.text("address")).name))
        case 3: self = .whole(.servers(try body.servers()))
        case 4: self = .whole(.database)
        case 5:
            _ = try body.halfWord("database")
            self = .whole(.statement(try body.halfWord("statement")))
        case 6:
            _ = try body.word("last row")
            self = .whole(.result(rowsAffected: try body.word("rows affected")))
        case 7: self = try body.rowPart()
        case 8: self = .whole(.done)
        case 9: self = .whole(.files(try body.files()))
        default: throw ReplyFault("type \(type)")
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func word(_ field: String) throws(ReplyFault) -> UInt64 {
        guard let value = readInteger(endianness: .little, as: UInt64.self) else { throw ReplyFault(field) }
        return value
    }

    fileprivate mutating func halfWord(_ field: String) throws(ReplyFault) -> UInt32 {
        guard let value = readInteger(endianness: .little, as: UInt32.self) else { throw ReplyFault(field) }
        return value
    }

    fileprivate mutating func count(_ field: String, atMost limit: UInt64) throws(ReplyFault) -> UInt64 {
        let count = try word(field)
        guard count <= limit else { throw ReplyFault(field) }
        return count
    }

    fileprivate mutating func text(_ field: String) throws(ReplyFault) -> String {
        guard let end = readableBytesView.firstIndex(of: 0) else { throw ReplyFault(field) }
        let length = end - readerIndex
        guard let text = readString(length: length), readSlice(length: 8 - length % 8) != nil else {
            throw ReplyFault(field)
        }
        return text
    }

    fileprivate mutating func blob(_ field: String) throws(ReplyFault) -> [UInt8] {
        let length = Int(try count(field, atMost: UInt64(readableBytes)))
        guard let octets = readBytes(length: length), readSlice(length: EngineFrame.padding(length)) != nil else {
            throw ReplyFault(field)
        }
        return octets
    }

    fileprivate mutating func servers() throws(ReplyFault) -> [StoreNode] {
        var nodes: [StoreNode] = []
        for _ in 0..<(try count("servers", atMost: StoreLimits.clusterNodes)) {
            let id = try word("id")
            let address = try text("address")
            guard let duty = StoreNode.Duty(code: try word("role")) else { throw ReplyFault("role") }
            nodes.append(StoreNode(id: id, address: address, duty: duty))
        }
        return nodes
    }

    fileprivate mutating func files() throws(ReplyFault) -> [(name: String, octets: [UInt8])] {
        var files: [(name: String, octets: [UInt8])] = []
        for _ in 0..<(try count("files", atMost: StoreLimits.dumpFiles)) {
            let name = try text("file name")
            files.append((name, try blob("file")))
        }
        return files
    }

    /// Column count, column names, rows; then a word of 0xff (the end) or 0xee (another message follows).
    fileprivate mutating func rowPart() throws(ReplyFault) -> EngineReplyPart {
        let columns = Int(try count("columns", atMost: StoreLimits.columns))
        guard columns > 0 else { throw ReplyFault("columns") }
        for _ in 0..<columns { _ = try text("column name") }
        var rows: [SQLRow] = []
        while true {
            guard let mark = getInteger(at: readerIndex, endianness: .little, as: UInt64.self) else {
                throw ReplyFault("row")
            }
            if mark == 0xffff_ffff_ffff_ffff { return .rows(rows, isLast: true) }
            if mark == 0xeeee_eeee_eeee_eeee { return .rows(rows, isLast: false) }
            rows.append(try row(columns))
        }
    }

    /// Codes of four bits, low half first, filled to a multiple of 8 octets; then the values.
    private mutating func row(_ columns: Int) throws(ReplyFault) -> SQLRow {
        let codeOctets = (columns + 1) / 2
        guard let codes = readBytes(length: codeOctets + EngineFrame.padding(codeOctets)) else {
            throw ReplyFault("row codes")
        }
        var row: SQLRow = []
        row.reserveCapacity(columns)
        for column in 0..<columns {
            let pair = codes[column / 2]
            switch column % 2 == 0 ? pair & 15 : pair >> 4 {
            case 1, 9, 11: row.append(.integer(Int64(bitPattern: try word("integer"))))
            case 2: row.append(.real(Double(bitPattern: try word("real"))))
            case 3, 10: row.append(.text(try text("text")))
            case 4: row.append(.blob(try blob("blob")))
            case 5:
                _ = try word("null")
                row.append(.null)
            default: throw ReplyFault("value code")
            }
        }
        return row
    }
}
