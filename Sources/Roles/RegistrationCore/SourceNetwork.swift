import IKEVocabulary

/// What one stranger can have for nothing: an IPv4 address, or an IPv6 /64.
struct SourceNetwork: Hashable {
    private let prefix: UInt64
    private let isIPv4: Bool

    init(_ address: IPAddress) {
        let octets = address.octets
        // An IPv4 address as a socket of both families shows it: ::ffff:a.b.c.d.
        let isMapped =
            octets.count == 16 && octets[..<10].allSatisfy { $0 == 0 } && octets[10] == 0xff && octets[11] == 0xff
        isIPv4 = octets.count == 4 || isMapped
        let counted = isMapped ? octets[12...] : octets.prefix(8)
        prefix = counted.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Half-open SAs by where they come from, each network's in the order of their arrival.
struct HalfOpenTable {
    private struct Entry {
        let spi: IKESPI
        let since: Moment
    }

    /// Networks with equally many that are compared for the oldest SA.
    private static let candidates = 8

    private var entries: [SourceNetwork: [Entry]] = [:]
    /// Networks by how many they hold.
    private var ranks: [Int: Set<SourceNetwork>] = [:]
    private var most = 0
    private(set) var count = 0

    func count(of source: SourceNetwork) -> Int { entries[source]?.count ?? 0 }

    mutating func add(_ spi: IKESPI, _ source: SourceNetwork, at now: Moment) {
        let before = count(of: source)
        entries[source, default: []].append(Entry(spi: spi, since: now))
        count += 1
        move(source, from: before, to: before + 1)
    }

    mutating func remove(_ spi: IKESPI, _ source: SourceNetwork) {
        let before = count(of: source)
        guard let index = entries[source]?.firstIndex(where: { $0.spi == spi }) else { return }
        entries[source]?.remove(at: index)
        if before == 1 { entries[source] = nil }
        count -= 1
        move(source, from: before, to: before - 1)
    }

    /// Who gives way to a newcomer: the oldest of the network that holds the most.
    var oldestOfTheLargest: IKESPI? {
        (ranks[most] ?? []).prefix(Self.candidates).compactMap { entries[$0]?.first }
            .min { $0.since < $1.since }?.spi
    }

    private mutating func move(_ source: SourceNetwork, from before: Int, to after: Int) {
        ranks[before]?.remove(source)
        if ranks[before]?.isEmpty == true { ranks[before] = nil }
        if after > 0 { ranks[after, default: []].insert(source) }
        most = max(most, after)
        if ranks[most] == nil { most = after }
    }
}

/// How much each of many may have, networks or SPIs: a burst, then so many a second.
///
/// Of a bucket only the moment is kept at which it is full again, and no bucket once it is. Those beyond the capacity share
/// one bucket.
struct FairBuckets<Source: Hashable> {
    private let pause: Duration
    private let burst: Duration
    private let capacity: Int
    private var fullAt: [Source: Moment] = [:]
    private var others = Moment(nanoseconds: 0)
    private var sweepAt = Moment(nanoseconds: 0)

    init(perSecond: Int, burst: Int, capacity: Int) {
        pause = .seconds(1) / max(perSecond, 1)
        self.burst = pause * max(burst, 1)
        self.capacity = capacity
    }

    /// True when `source` may have one more now.
    mutating func take(_ source: Source, at now: Moment) -> Bool {
        if fullAt[source] == nil, fullAt.count >= capacity { sweep(at: now) }
        let isCounted = fullAt[source] != nil || fullAt.count < capacity
        let after = max(isCounted ? fullAt[source] ?? now : others, now) + pause
        guard after.since(now) <= burst else { return false }
        if isCounted { fullAt[source] = after } else { others = after }
        return true
    }

    /// Once a second at most: it looks at all of them.
    private mutating func sweep(at now: Moment) {
        guard sweepAt <= now else { return }
        sweepAt = now + .seconds(1)
        fullAt = fullAt.filter { $0.value > now }
    }
}
