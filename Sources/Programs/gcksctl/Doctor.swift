import AuthorityRPC
import GroupModel
import IKEVocabulary
import Settings

/// One thing that was looked at.
struct CheckResult {
    enum Result: String { case ok, warn, fail }

    let check: String
    let result: Result
    let detail: String
    var next: String?

    static func ok(_ check: String, _ detail: String) -> CheckResult {
        CheckResult(check: check, result: .ok, detail: detail)
    }

    static func warn(_ check: String, _ detail: String, _ next: String) -> CheckResult {
        CheckResult(check: check, result: .warn, detail: detail, next: next)
    }

    static func fail(_ check: String, _ detail: String, _ next: String) -> CheckResult {
        CheckResult(check: check, result: .fail, detail: detail, next: next)
    }
}

/// What `gcksctl doctor` looks at, as values: the judgement of what was measured.
enum Doctor {
    /// Keys have lifetimes by wall clock: hosts that differ by more than this expire them at different times.
    static let offsetWarn = Duration.milliseconds(1000)
    static let offsetFail = Duration.seconds(30)
    static let expiryWarn = Int64(14 * 86_400_000)

    static func certificate(_ name: String, expiresAt: WallTime, now: WallTime, next: String) -> CheckResult {
        let left = expiresAt.milliseconds - now.milliseconds
        let when = TimeText.rfc3339(expiresAt)
        if left <= 0 { return .fail(name, "expired at \(when)", next) }
        let text = "expires in \(TimeText.span(milliseconds: left)), at \(when)"
        return left < expiryWarn ? .warn(name, text, next) : .ok(name, text)
    }

    /// `offset`: the authority's clock minus ours. `within`: how exact that is, half of the time the answer took.
    static func clock(_ authority: String, offset: Duration, within: Duration) -> CheckResult {
        let check = "clock of \(authority)"
        let text = "\(milliseconds(offset)) ms from here, known to \(milliseconds(within)) ms"
        let certain = max(.zero, (offset < .zero ? .zero - offset : offset) - within)
        if certain > offsetFail { return .fail(check, text, "set the clock by NTP: timedatectl status") }
        return certain > offsetWarn ? .warn(check, text, "set the clock by NTP: timedatectl status") : .ok(check, text)
    }

    static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// `fragment`: octets of an IKE message that a broadcaster sends at most in one datagram.
    static func fit(_ group: GroupName, _ path: MulticastPath, fragment: Int) -> CheckResult {
        let check = "path MTU of \(group)"
        let needed = fragment + path.headerOctets
        let text = "\(needed) octets of \(path.maximum)"
        return needed > path.maximum
            ? .fail(check, text, "lower rekey.fragment of the group below \(path.maximum - path.headerOctets + 1)")
            : .ok(check, text)
    }

    static func kernel(_ name: String, _ value: Int64?, atLeast: Int64, because: String) -> CheckResult {
        let path = name.split(separator: ".").joined(separator: "/")
        guard let value else { return .warn(name, "cannot be read", "cat /proc/sys/\(path)") }
        return value >= atLeast
            ? .ok(name, "\(value)") : .warn(name, "\(value), \(because)", "sysctl -w \(name)=\(atLeast)")
    }
}
