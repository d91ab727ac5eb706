import Glibc
import IKEVocabulary

/// Times for people and for scripts.
enum TimeText {
    /// RFC 3339 in UTC with milliseconds only where there are some: "2026-11-24T14:05:00Z".
    static func rfc3339(_ time: WallTime) -> String {
        var seconds = time_t(time.milliseconds / 1000)
        var parts = tm()
        guard gmtime_r(&seconds, &parts) != nil else { return "-" }
        let fraction = time.milliseconds % 1000
        let date =
            "\(padded(Int(parts.tm_year) + 1900, 4))-\(padded(Int(parts.tm_mon) + 1))-\(padded(Int(parts.tm_mday)))"
        let clock = "\(padded(Int(parts.tm_hour))):\(padded(Int(parts.tm_min))):\(padded(Int(parts.tm_sec)))"
        return "\(date)T\(clock)\(fraction == 0 ? "" : ".\(padded(Int(fraction), 3))")Z"
    }

    /// "6d2h", "21h06m", "41m10s", "12s": the two largest units.
    static func span(milliseconds: Int64) -> String {
        let seconds = milliseconds / 1000
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
        if days > 0 { return "\(days)d\(hours)h" }
        if hours > 0 { return "\(hours)h\(padded(Int(minutes)))m" }
        if minutes > 0 { return "\(minutes)m\(padded(Int(seconds % 60)))s" }
        return "\(seconds)s"
    }

    static func until(_ time: WallTime, from now: WallTime) -> String {
        time > now ? span(milliseconds: time.milliseconds - now.milliseconds) : "expired"
    }

    static func since(_ time: WallTime, at now: WallTime) -> String {
        span(milliseconds: max(0, now.milliseconds - time.milliseconds))
    }

    static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    private static func padded(_ number: Int, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
