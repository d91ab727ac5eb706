import Glibc
import IKEVocabulary

/// What the kernel says of this process, under Prometheus' usual names. Read from files that anybody may read, so that the ban
/// on dumps does not hide them from ourselves.
package enum ProcessFigures {
    package static func add(to page: inout MetricsPage) {
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            let seconds = [usage.ru_utime, usage.ru_stime].reduce(0.0) {
                $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
            }
            page.counter(
                "process_cpu_seconds", "Processor time of user and system.", [.init(.real(seconds))])
        }
        if let octets = residentOctets {
            page.gauge("process_resident_memory_bytes", "Memory that is resident.", octets)
        }
        page.gauge("process_start_time_seconds", "When this process began, in seconds since 1970.", startedAt)
    }

    /// The second field of /proc/self/statm: resident pages.
    private static var residentOctets: Int64? {
        guard let file = fopen("/proc/self/statm", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, CInt(line.count), file) != nil else { return nil }
        let fields = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: " ")
        guard fields.count > 1, let pages = Int64(fields[1]) else { return nil }
        return pages * Int64(sysconf(CInt(_SC_PAGESIZE)))
    }

    /// The first look is at the start of the process, near enough.
    private static let startedAt = Clocks().wall().milliseconds / 1000

    /// Called once, early.
    package static func markStart() { _ = startedAt }
}
