import Dispatch
import Glibc

/// What ends the process.
enum Orders {
    /// Where the signal handler writes; set once, before the handler is.
    private nonisolated(unsafe) static var bell: CInt = -1

    /// Waits for the first of: standard input ends, for its other side is the authority's and nothing is ever written to it;
    /// SIGTERM.
    static func first() async -> String {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { return "no pipe" }
        bell = ends[1]
        signal(SIGTERM) { _ in
            var octet: UInt8 = 1
            _ = write(Orders.bell, &octet, 1)
        }
        let termination = ends[0]
        return await withCheckedContinuation { continuation in
            DispatchQueue(label: "orders").async { continuation.resume(returning: wait(for: termination)) }
        }
    }

    private static func wait(for termination: CInt) -> String {
        var octets = [UInt8](repeating: 0, count: 64)
        while true {
            var watched = [
                pollfd(fd: termination, events: Int16(POLLIN), revents: 0),
                pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&watched, nfds_t(watched.count), -1) > 0 else { continue }
            if watched[0].revents != 0 { return "SIGTERM" }
            let count = read(STDIN_FILENO, &octets, octets.count)
            if count == 0 || (count < 0 && errno != EINTR) { return "the authority is gone" }
        }
    }
}
