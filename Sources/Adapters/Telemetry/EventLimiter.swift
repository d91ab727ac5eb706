import IKEVocabulary

/// Lets through a few events of each key and counts the rest: what strangers cause must not fill a disk.
///
/// A token bucket for each (event, key): `burst` at once, one more every `refill`. The table is bounded; when it is full the
/// longest unused key goes.
struct EventLimiter {
    static let burst = 5
    static let refill = Duration.seconds(10)
    static let keys = 4096

    private struct Bucket {
        var tokens: Int
        var filledAt: Moment
        var suppressed = 0
    }

    private var buckets: [String: Bucket] = [:]

    enum Verdict: Equatable {
        /// Tell it; this many like it were not told since the last one.
        case pass(suppressed: Int)
        case suppress
    }

    mutating func judge(_ event: String, _ key: String, at now: Moment) -> Verdict {
        let place = event + "|" + key
        if buckets[place] == nil, buckets.count >= Self.keys {
            if let oldest = buckets.min(by: { $0.value.filledAt < $1.value.filledAt })?.key {
                buckets.removeValue(forKey: oldest)
            }
        }
        var bucket = buckets[place] ?? Bucket(tokens: Self.burst, filledAt: now)
        while bucket.tokens < Self.burst, bucket.filledAt + Self.refill <= now {
            bucket.tokens += 1
            bucket.filledAt = bucket.filledAt + Self.refill
        }
        if bucket.tokens == Self.burst { bucket.filledAt = now }
        defer { buckets[place] = bucket }
        guard bucket.tokens > 0 else {
            bucket.suppressed += 1
            return .suppress
        }
        bucket.tokens -= 1
        let suppressed = bucket.suppressed
        bucket.suppressed = 0
        return .pass(suppressed: suppressed)
    }
}
