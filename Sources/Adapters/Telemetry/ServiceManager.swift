import CSystemd
import Glibc

/// Tells systemd how we are; without systemd it does nothing.
package enum ServiceManager {
    package static func ready(_ status: String) { notify("READY=1\nSTATUS=\(status)") }
    package static func status(_ status: String) { notify("STATUS=\(status)") }
    package static func stopping() { notify("STOPPING=1") }
    package static func watchdog() { notify("WATCHDOG=1") }

    private static func notify(_ state: String) { _ = sd_notify(0, state) }
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
