import ArgumentParser
import Glibc
import IKEVocabulary

/// A moment on the command line: RFC 3339 in UTC ("2026-11-24T14:05:00Z"), or how long ago ("90m", "2d").
struct TimeArgument: ExpressibleByArgument {
    private enum Form {
        case moment(WallTime)
        case ago(milliseconds: Int64)
    }

    private let form: Form

    init?(argument: String) {
        if let time = TimeText.parsed(argument) {
            form = .moment(time)
        } else if let milliseconds = Self.span(argument) {
            form = .ago(milliseconds: milliseconds)
        } else {
            return nil
        }
    }

    func time(at now: WallTime) -> WallTime {
        switch form {
        case .moment(let time): time
        case .ago(let milliseconds): WallTime(milliseconds: max(0, now.milliseconds - milliseconds))
        }
    }

    private static func span(_ text: String) -> Int64? {
        let units: [Character: Int64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let last = text.last, let unit = units[last], let count = Int64(text.dropLast()),
            (0...36_500).contains(count) || unit < 86_400_000
        else { return nil }
        let (milliseconds, overflow) = count.multipliedReportingOverflow(by: unit)
        return overflow || count < 0 ? nil : milliseconds
    }
}

extension TimeText {
    /// Reads what `rfc3339` writes, and nothing else.
    static func parsed(_ text: String) -> WallTime? {
        let octets = Array(text.utf8)
        guard octets.count == 20 || octets.count == 24, octets.last == UInt8(ascii: "Z") else { return nil }
        func number(_ from: Int, _ count: Int) -> Int64? {
            var value: Int64 = 0
            for octet in octets[from..<from + count] {
                guard (0x30...0x39).contains(octet) else { return nil }
                value = value * 10 + Int64(octet - 0x30)
            }
            return value
        }
        let marks = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")]
        guard marks.allSatisfy({ octets[$0.0] == Array($0.1.utf8)[0] }),
            let year = number(0, 4), let month = number(5, 2), let day = number(8, 2), let hour = number(11, 2),
            let minute = number(14, 2), let second = number(17, 2)
        else { return nil }
        var fraction: Int64 = 0
        if octets.count == 24 {
            guard octets[19] == UInt8(ascii: "."), let digits = number(20, 3) else { return nil }
            fraction = digits
        }
        var parts = tm()
        parts.tm_year = Int32(year) - 1900
        parts.tm_mon = Int32(month) - 1
        parts.tm_mday = Int32(day)
        parts.tm_hour = Int32(hour)
        parts.tm_min = Int32(minute)
        parts.tm_sec = Int32(second)
        let time = WallTime(milliseconds: Int64(timegm(&parts)) * 1000 + fraction)
        // timegm takes 31 February for 3 March: only what is written the same again is taken.
        return rfc3339(time) == text ? time : nil
    }
}
