/// One change that the operator asked for, and every answer.
struct LedgerEntry: Hashable, Sendable, Codable {
    enum Change: Hashable, Sendable, Codable {
        case createGroup(String)
        case memberLimit(group: String, Int)
        case rekey(group: String, scope: String)
        case evict(group: String, member: String)
        case allow(group: String, member: String)
        case transfer(to: String)
    }

    struct Attempt: Hashable, Sendable, Codable {
        /// Milliseconds since 1970.
        let sent: Int
        let answered: Int
        /// Exit code of gcksctl.
        let code: Int32
    }

    let requestID: String
    let change: Change
    var attempts: [Attempt] = []

    /// Exit codes that leave the question open: unavailable and unknown outcome.
    static let openCodes: Set<Int32> = [6, 7, -1]

    var isAcknowledged: Bool { attempts.contains { $0.code == 0 } }
    var isResolved: Bool { attempts.contains { !Self.openCodes.contains($0.code) } }
    /// The answer of an attempt was lost or not known.
    var wasUnknown: Bool { attempts.contains { Self.openCodes.contains($0.code) } }
    var acknowledgedAt: Int? { attempts.first { $0.code == 0 }?.answered }
}

/// A group as `gcksctl group show` told it.
struct GroupView: Hashable, Sendable {
    /// Milliseconds since 1970, when the answer was there.
    let time: Int
    let name: String
    let generation: Int
    let memberLimit: Int
    /// Check values by "kind SPI".
    let associations: [String: String]
    let rekeySPI: String?
    let nextMessageID: UInt32?
}
