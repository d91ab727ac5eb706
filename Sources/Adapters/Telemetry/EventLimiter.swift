import IKEVocabulary

/// Lets through a few events and counts the rest: what strangers cause must not fill a disk.
///
/// Two token buckets stand before each line: one for the (event, key), one for the event whatever its key, since a stranger
/// can have many addresses. The table of keys is bounded: it has two generations, and when the younger is full the elder goes.
struct EventLimiter {
    /// For one key: 5 at once, one more every 10 s.
    static let perKey = Rate(burst: 5, refill: .seconds(10))
    /// For one event over all keys: 50 at once, one more every second.
    static let perEvent = Rate(burst: 50, refill: .seconds(1))
    static let keysPerGeneration = 2048

    struct Rate {
        let burst: Int
        let refill: Duration
    }

    struct Bucket {
        private var tokens: Int
        private var filledAt: Moment
        var suppressed = 0

        init(_ rate: Rate, at now: Moment) { (tokens, filledAt) = (rate.burst, now) }

        mutating func takes(_ rate: Rate, at now: Moment) -> Bool {
            while tokens < rate.burst, filledAt + rate.refill <= now {
                tokens += 1
                filledAt = filledAt + rate.refill
            }
            if tokens == rate.burst { filledAt = now }
            guard tokens > 0 else { return false }
            tokens -= 1
            return true
        }
    }

    private var events: [String: Bucket] = [:]
    private var young: [String: Bucket] = [:]
    private var old: [String: Bucket] = [:]

    enum Verdict: Equatable {
        /// Tell it; this many like it were not told since the last one.
        case pass(suppressed: Int)
        case suppress
    }

    /// How many keys are remembered.
    var keyCount: Int { young.count + old.count }

    mutating func judge(_ event: String, _ key: String, at now: Moment) -> Verdict {
        let place = event + "|" + key
        var bucket = young[place] ?? old[place] ?? Bucket(Self.perKey, at: now)
        var whole = events[event] ?? Bucket(Self.perEvent, at: now)
        defer { events[event] = whole }
        guard bucket.takes(Self.perKey, at: now) else {
            bucket.suppressed += 1
            keep(bucket, at: place)
            return .suppress
        }
        guard whole.takes(Self.perEvent, at: now) else {
            whole.suppressed += 1
            keep(bucket, at: place)
            return .suppress
        }
        let suppressed = bucket.suppressed + whole.suppressed
        (bucket.suppressed, whole.suppressed) = (0, 0)
        keep(bucket, at: place)
        return .pass(suppressed: suppressed)
    }

    private mutating func keep(_ bucket: Bucket, at place: String) {
        if young[place] == nil, young.count >= Self.keysPerGeneration {
            old = young
            young = [:]
        }
        young[place] = bucket
    }
}
