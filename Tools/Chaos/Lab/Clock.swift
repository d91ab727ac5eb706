import Foundation
import Glibc

/// Times of the run. Wall times are milliseconds since 1970.
enum Clock {
    static func wallMilliseconds() -> Int { milliseconds(CLOCK_REALTIME) }
    static func monotonicMilliseconds() -> Int { milliseconds(CLOCK_MONOTONIC) }

    /// "2026-11-24T14:05:00.123Z" and the same without a fraction.
    static func milliseconds(rfc3339 text: String) -> Int? {
        let parts = text.split { "-T:Z.".contains($0) }
        guard (6...7).contains(parts.count) else { return nil }
        let numbers = parts.prefix(6).compactMap { Int32($0) }
        guard numbers.count == 6 else { return nil }
        var fields = tm()
        (fields.tm_year, fields.tm_mon, fields.tm_mday) = (numbers[0] - 1900, numbers[1] - 1, numbers[2])
        (fields.tm_hour, fields.tm_min, fields.tm_sec) = (numbers[3], numbers[4], numbers[5])
        let fraction = parts.count == 7 ? Int(parts[6].prefix(3)) ?? 0 : 0
        return Int(timegm(&fields)) * 1000 + fraction
    }

    static func pause(milliseconds: Int) { usleep(UInt32(clamping: max(0, milliseconds) * 1000)) }

    private static func milliseconds(_ clock: clockid_t) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int(time.tv_sec) * 1000 + Int(time.tv_nsec) / 1_000_000
    }
}

/// The machine, not the product, is in the way.
struct LabFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
