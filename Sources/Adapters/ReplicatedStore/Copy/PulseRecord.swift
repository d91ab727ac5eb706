import Crypto
import GroupModel

/// What the leader writes once a second into a tiny database beside the state: that it lives, and what the last checkpoint
/// looked like. Each node reads it from its own copy, so it also tells how far that copy is.
///
///     | mark (16) | term (8) | beat (8) | leader's id (8) | checkpoint (8) | commit (32) | digest (32) | sum (8) |
struct PulseRecord: Hashable {
    var term: Int64
    var beat: Int64
    var leader: UInt64
    /// 0 before the first one.
    var checkpoint: Int64 = 0
    /// What names the commit of the checkpoint: the hash of its pages.
    var commit = [UInt8](repeating: 0, count: hashOctets)
    /// Of the whole database after it.
    var digest = [UInt8](repeating: 0, count: hashOctets)

    static let hashOctets = 32
    static let octets = 120
    private static let mark = Array("gcks-pulse-rec-1".utf8)

    init(term: LeadershipTerm, beat: Int64, leader: UInt64) {
        self.term = term.rawValue
        self.beat = beat
        self.leader = leader
    }

    var encoded: [UInt8] {
        var octets = Self.mark
        for number in [UInt64(bitPattern: term), UInt64(bitPattern: beat), leader, UInt64(bitPattern: checkpoint)] {
            for shift in stride(from: 56, through: 0, by: -8) {
                octets.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        octets += commit + digest
        return octets + SHA256.hash(data: octets).prefix(8)
    }

    /// Nil unless the octets are a whole record.
    init?(_ octets: ArraySlice<UInt8>) {
        guard octets.count == Self.octets, octets.starts(with: Self.mark) else { return nil }
        let sum = octets.suffix(8)
        guard sum.elementsEqual(SHA256.hash(data: octets.dropLast(8)).prefix(8)) else { return nil }
        func number(_ index: Int) -> UInt64 {
            octets.dropFirst(Self.mark.count + index * 8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
        term = Int64(bitPattern: number(0))
        beat = Int64(bitPattern: number(1))
        leader = number(2)
        checkpoint = Int64(bitPattern: number(3))
        commit = Array(octets.dropFirst(Self.mark.count + 32).prefix(Self.hashOctets))
        digest = Array(octets.dropFirst(Self.mark.count + 32 + Self.hashOctets).prefix(Self.hashOctets))
    }

    /// The newest record in a page; what an update left behind may lie there too.
    static func newest(in page: ArraySlice<UInt8>) -> PulseRecord? {
        var found: PulseRecord?
        var rest = page
        while let start = rest.firstIndex(of: mark[0]) {
            if let record = PulseRecord(rest[start...].prefix(octets)), found.map({ record.isNewer(than: $0) }) ?? true
            {
                found = record
            }
            rest = rest[(start + 1)...]
        }
        return found
    }

    func isNewer(than other: PulseRecord) -> Bool { (term, beat) > (other.term, other.beat) }
}
