import Foundation
import Glibc

/// A running process as the kernel accounts for it.
struct ProcessMeter: Sendable {
    let name: String
    let pid: pid_t
    private let clock: clockid_t

    struct Sample {
        /// All threads, those that ended too.
        let cpuNanoseconds: Int64
        let residentOctets: Int
    }

    /// Nil when there is no such process.
    init?(name: String, pid: pid_t) {
        var clock = clockid_t()
        guard clock_getcpuclockid(pid, &clock) == 0 else { return nil }
        (self.name, self.pid, self.clock) = (name, pid, clock)
    }

    func sample() -> Sample {
        var time = timespec()
        clock_gettime(clock, &time)
        return Sample(
            cpuNanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec), residentOctets: residentOctets)
    }

    /// Exact from smaps_rollup where we may read it, else VmRSS, which the kernel brings up to date in batches.
    private var residentOctets: Int {
        kibibytes("Rss:", in: "/proc/\(pid)/smaps_rollup") ?? kibibytes("VmRSS:", in: "/proc/\(pid)/status") ?? 0
    }

    private func kibibytes(_ field: String, in path: String) -> Int? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix(field) }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
}
