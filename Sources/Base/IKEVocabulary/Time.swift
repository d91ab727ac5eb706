/// A point on this host's monotonic clock, handed to the cores by the programs. Never compared between hosts.
package struct Moment: Hashable, Comparable, Sendable {
    package let nanoseconds: UInt64
    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    package static func < (one: Moment, other: Moment) -> Bool { one.nanoseconds < other.nanoseconds }

    /// Saturates at both ends: a huge delay means "never", not a trap.
    package static func + (moment: Moment, delay: Duration) -> Moment {
        let (seconds, attoseconds) = delay.components
        guard seconds >= 0, attoseconds >= 0 else { return moment }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = moment.nanoseconds.addingReportingOverflow(whole)
        let (total, carryAgain) = sum.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
        return overflow || carry || carryAgain ? .never : Moment(nanoseconds: total)
    }

    /// Zero when `earlier` is later.
    package func since(_ earlier: Moment) -> Duration {
        nanoseconds <= earlier.nanoseconds
            ? .zero : .nanoseconds(Int64(clamping: nanoseconds - earlier.nanoseconds))
    }

    package static let never = Moment(nanoseconds: .max)
}

/// Wall-clock time in whole milliseconds since 1970 UTC: what the replicated state records and people read.
package struct WallTime: Hashable, Comparable, Sendable {
    package let milliseconds: Int64
    package init(milliseconds: Int64) { self.milliseconds = milliseconds }
    package static func < (one: WallTime, other: WallTime) -> Bool { one.milliseconds < other.milliseconds }

    package func adding(_ seconds: Lifetime) -> WallTime {
        WallTime(milliseconds: milliseconds &+ Int64(seconds.seconds) * 1000)
    }

    /// Whole seconds from `now` until this time, rounded down; zero when it has passed.
    package func remaining(from now: WallTime) -> Lifetime {
        guard milliseconds > now.milliseconds else { return Lifetime(seconds: 0) }
        return Lifetime(seconds: UInt32(clamping: (milliseconds - now.milliseconds) / 1000))
    }
}

/// How long a key lives: whole seconds, 32 bits on the wire (GSA_KEY_LIFETIME).
package struct Lifetime: Hashable, Comparable, Sendable {
    package let seconds: UInt32
    package init(seconds: UInt32) { self.seconds = seconds }
    package static func < (one: Lifetime, other: Lifetime) -> Bool { one.seconds < other.seconds }
    package var duration: Duration { .seconds(Int64(seconds)) }
}
