import IKEVocabulary
import KeyMaterial

enum Jitter {
    /// A duration from zero up to `most`, in steps of a millisecond.
    static func upTo(_ most: Duration, _ entropy: inout any EntropySource) -> Duration {
        let (seconds, attoseconds) = most.components
        let milliseconds = min(max(seconds, 0), 1 << 40) * 1000 + attoseconds / 1_000_000_000_000_000
        guard milliseconds > 0 else { return .zero }
        return .milliseconds(Int64(entropy.uint64() % UInt64(milliseconds + 1)))
    }
}

/// A pause that doubles with every failure; half of it is random, so that members do not come in step.
struct BackOff: Sendable {
    let least: Duration
    let most: Duration
    private var failures = 0

    init(least: Duration, most: Duration) {
        self.least = least
        self.most = most
    }

    mutating func next(_ entropy: inout any EntropySource) -> Duration {
        let pause = min(least * (1 << min(failures, 16)), most)
        failures = min(failures + 1, 16)
        return pause / 2 + Jitter.upTo(pause / 2, &entropy)
    }

    mutating func reset() { failures = 0 }
}
