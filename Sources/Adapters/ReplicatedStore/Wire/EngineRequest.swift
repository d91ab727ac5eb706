import NIOCore

/// What a client may ask of the engine's node, in the engine's wire format (all integers little-endian).
///
///     | words of the body (4) | type (1) | schema (1) | 0 (2) | body, a multiple of 8 octets |
///
/// There is one request at a time on a connection and one database, whose number is 0.
enum EngineRequest: Sendable {
    case leader
    case open(database: String)
    case prepare(sql: String)
    case exec(statement: UInt32, [SQLValue])
    case query(statement: UInt32, [SQLValue])
    /// One statement without parameters.
    case execSQL(String)
    case add(id: UInt64, name: String)
    case assign(id: UInt64, duty: StoreNode.Duty)
    case remove(id: UInt64)
    case transfer(id: UInt64)
    case dump(database: String)
    case cluster

    /// Written once, before the first request.
    static let protocolVersion: UInt64 = 1

    func encode(into buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.writeRepeatingByte(0, count: EngineFrame.headerOctets)
        encodeBody(into: &buffer)
        let words = (buffer.writerIndex - start - EngineFrame.headerOctets) / 8
        buffer.setInteger(UInt32(clamping: words), at: start, endianness: .little)
        buffer.setInteger(type, at: start + 4)
        buffer.setInteger(UInt8(parameters.isEmpty ? 0 : 1), at: start + 5)
    }

    private var type: UInt8 {
        switch self {
        case .leader: 0
        case .open: 3
        case .prepare: 4
        case .exec: 5
        case .query: 6
        case .execSQL: 8
        case .add: 12
        case .assign: 13
        case .remove: 14
        case .dump: 15
        case .cluster: 16
        case .transfer: 17
        }
    }

    private var parameters: [SQLValue] {
        switch self {
        case .exec(_, let values), .query(_, let values): values
        default: []
        }
    }

    private func encodeBody(into buffer: inout ByteBuffer) {
        switch self {
        case .leader: buffer.writeWord(0)
        case .open(let database):
            buffer.writeText(database)
            buffer.writeWord(0)
            buffer.writeText("")
        case .prepare(let sql), .execSQL(let sql):
            buffer.writeWord(0)
            buffer.writeText(sql)
        case .exec(let statement, let values), .query(let statement, let values):
            buffer.writeInteger(UInt32(0), endianness: .little)
            buffer.writeInteger(statement, endianness: .little)
            buffer.writeParameters(values)
        case .add(let id, let name):
            buffer.writeWord(id)
            buffer.writeText(name)
        case .assign(let id, let duty):
            buffer.writeWord(id)
            buffer.writeWord(duty.code)
        case .remove(let id), .transfer(let id): buffer.writeWord(id)
        case .dump(let database): buffer.writeText(database)
        case .cluster: buffer.writeWord(1)
        }
    }
}

extension StoreNode.Duty {
    var code: UInt64 {
        switch self {
        case .voter: 0
        case .standby: 1
        case .spare: 2
        }
    }

    init?(code: UInt64) {
        switch code {
        case 0: self = .voter
        case 1: self = .standby
        case 2: self = .spare
        default: return nil
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeWord(_ value: UInt64) { writeInteger(value, endianness: .little) }

    /// UTF-8 and NUL, filled with zeros to a multiple of 8. Callers have refused text that holds NUL.
    fileprivate mutating func writeText(_ text: String) {
        let count = writeString(text)
        writeRepeatingByte(0, count: 8 - count % 8)
    }

    /// Schema 1: count (4), one code per value, zeros to a multiple of 8, then the values.
    fileprivate mutating func writeParameters(_ values: [SQLValue]) {
        guard !values.isEmpty else { return }
        writeInteger(UInt32(clamping: values.count), endianness: .little)
        for value in values { writeInteger(value.code) }
        writeRepeatingByte(0, count: EngineFrame.padding(4 + values.count))
        for value in values {
            switch value {
            case .integer(let number): writeInteger(number, endianness: .little)
            case .real(let number): writeWord(number.bitPattern)
            case .text(let text): writeText(text)
            case .blob(let octets):
                writeWord(UInt64(octets.count))
                writeBytes(octets)
                writeRepeatingByte(0, count: EngineFrame.padding(octets.count))
            case .null: writeWord(0)
            }
        }
    }
}

extension SQLValue {
    fileprivate var code: UInt8 {
        switch self {
        case .integer: 1
        case .real: 2
        case .text: 3
        case .blob: 4
        case .null: 5
        }
    }
}

enum EngineFrame {
    static let headerOctets = 8
    /// Zeros that fill `count` octets to a multiple of 8.
    static func padding(_ count: Int) -> Int { (8 - count % 8) % 8 }
}
