import CSystemd
import Glibc

/// Tells systemd how we are; without systemd it does nothing.
package enum ServiceManager {
    /// Also ends a reload.
    package static func ready(_ status: String? = nil) {
        notify("READY=1" + (status.map { "\nSTATUS=\(line($0))" } ?? ""))
    }
    package static func status(_ status: String) { notify("STATUS=\(line(status))") }
    package static func stopping() { notify("STOPPING=1") }
    package static func watchdog() { notify("WATCHDOG=1") }

    /// The moment lets systemd tell this reload from an earlier one (Type=notify-reload).
    package static func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec / 1000)
        notify("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }

    /// How often the watchdog wants to be fed: a third of its patience. Nil without a watchdog.
    package static let feedInterval: Duration? = {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0, microseconds > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds / 3))
    }()

    private static func notify(_ state: String) { _ = sd_notify(0, state) }

    /// Reasons in a status may hold what a peer said: one line, and not a long one.
    private static func line(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(240).map { $0.value < 0x20 ? " " : $0 }))
    }
}

/// Keeps STATUS up to date and feeds the watchdog. A driver's own loop calls `beat`, so that a loop which does not turn feeds
/// nothing.
package struct ServicePulse: Sendable {
    /// Between beats: often enough for the watchdog, and never more than a second.
    package static var interval: Duration { min(ServiceManager.feedInterval ?? .seconds(1), .seconds(1)) }

    private var told = ""

    package init() {}

    package mutating func beat(_ status: String) {
        if ServiceManager.feedInterval != nil { ServiceManager.watchdog() }
        guard status != told else { return }
        told = status
        ServiceManager.status(status)
    }
}

/// What every program does first: no core dumps with keys in them, no death by a closed pipe.
package enum ProcessHardening {
    package static func apply() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        gcks_forbid_dumps()
        signal(SIGPIPE, SIG_IGN)
    }
}
