import Glibc
package import IKEVocabulary

/// The host's clocks. Cores never read them; programs hand on what these say.
package struct Clocks: Sendable {
    package init() {}

    /// CLOCK_MONOTONIC, in nanoseconds since some start.
    package func monotonic() -> Moment {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Moment(nanoseconds: UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec))
    }

    /// CLOCK_REALTIME, in milliseconds since 1970 UTC.
    package func wall() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: Int64(time.tv_sec) &* 1000 &+ Int64(time.tv_nsec / 1_000_000))
    }
}
