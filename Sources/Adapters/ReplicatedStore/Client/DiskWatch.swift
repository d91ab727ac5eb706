import Dispatch
import Glibc
package import GroupModel
import Synchronization

package enum DiskState: Hashable, Sendable {
    /// Not tried yet.
    case unknown
    case good(freeOctets: Int64)
    case failing(String)

    package var fault: String? {
        if case .failing(let why) = self { why } else { nil }
    }
}

/// Tries the disk of a store's folder again and again. The engine does not tell when it cannot write: its leader goes on
/// committing through its followers.
package final class DiskWatch: Sendable {
    private struct State {
        var disk = DiskState.unknown
        var isTrying = false
    }

    private let folder: String
    private let reserve: Int64
    private let events: @Sendable (Event) -> Void
    private let recovered: @Sendable () -> Void
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "disk")

    /// - Parameters:
    ///   - folder: the authority's; the store's own folder in it is tried as soon as it is claimed.
    ///   - recovered: called when the disk can be written again.
    package init(
        folder: String, reserveOctets: Int64? = nil, events: @escaping @Sendable (Event) -> Void,
        recovered: @escaping @Sendable () -> Void
    ) {
        self.folder = folder
        reserve = reserveOctets ?? StoreLimits.diskReserve
        self.events = events
        self.recovered = recovered
    }

    package var disk: DiskState { state.withLock { $0.disk } }

    /// Returns when the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            await look()
            try? await Task.sleep(for: StoreLimits.diskLook)
        }
    }

    /// One try. A write that does not come back is a fault by itself; no second one is begun meanwhile.
    package func look() async {
        let isFree = state.withLock { state in
            defer { state.isTrying = true }
            return !state.isTrying
        }
        guard isFree else { return note(.failing("a write has not come back for \(StoreLimits.diskWrite)")) }
        let (results, output) = AsyncStream<DiskState?>.makeStream(bufferingPolicy: .bufferingOldest(1))
        queue.async { [self] in
            let found = DiskProbe.state(of: folder, reserve: reserve)
            state.withLock { $0.isTrying = false }
            output.yield(found)
        }
        let alarm = Task {
            try? await Task.sleep(for: StoreLimits.diskWrite)
            output.yield(nil)
        }
        defer { alarm.cancel() }
        for await result in results {
            return note(result ?? .failing("a write has not come back for \(StoreLimits.diskWrite)"))
        }
    }

    private func note(_ found: DiskState) {
        let before = state.withLock { state in
            defer { state.disk = found }
            return state.disk
        }
        switch (before.fault, found.fault) {
        case (nil, let why?): events(Event("disk-failing", .error, [("folder", folder), ("why", why)]))
        case (.some, nil):
            events(Event("disk-good", .notice, [("folder", folder)]))
            recovered()
        default: break
        }
    }
}

/// One look at a disk: room, and a small write that is new each time, so that it needs room too.
enum DiskProbe {
    static func state(of folder: String, reserve: Int64) -> DiskState {
        let own = folder + "/store"
        // Before the store has claimed its folder nothing of others may lie in it.
        let place = access(own + "/node", F_OK) == 0 ? own : folder
        var room = statvfs()
        guard statvfs(place, &room) == 0 else { return .failing("\(place) cannot be looked at: \(reason)") }
        let (free, overflow) = Int64(clamping: room.f_bavail).multipliedReportingOverflow(
            by: Int64(clamping: room.f_frsize))
        let freeOctets = overflow ? Int64.max : free
        guard freeOctets >= reserve else {
            return .failing("\(place) has \(freeOctets >> 20) MiB free; \(reserve >> 20) MiB are needed")
        }
        if let why = write(place + "/probe") { return .failing("\(place) cannot be written: \(why)") }
        return .good(freeOctets: freeOctets)
    }

    /// Why it failed; nil when the octets are on the disk.
    private static func write(_ path: String) -> String? {
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_DSYNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return reason }
        defer { close(descriptor) }
        let octets = [UInt8](repeating: 0x5a, count: StoreLimits.diskProbeOctets)
        let count = Glibc.write(descriptor, octets, octets.count)
        guard count == octets.count else { return count < 0 ? reason : "only \(count) octets fit" }
        return nil
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
