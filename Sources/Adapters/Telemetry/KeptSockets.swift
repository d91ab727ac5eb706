import CSystemd
import Glibc

/// Sockets that systemd opened for us, or kept for us while we were restarted (sd_listen_fds, FDSTORE).
package enum KeptSockets {
    package struct Inherited: Sendable {
        package let name: String
        package let descriptor: CInt
    }

    /// What systemd handed over; once, and before anything else opens files. Close-on-exec, and gone from the environment.
    package static func take() -> [Inherited] {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = sd_listen_fds_with_names(1, &names)
        guard count > 0, let names else { return [] }
        defer {
            for index in 0..<Int(count) { free(names[index]) }
            free(UnsafeMutableRawPointer(names))
        }
        return (0..<count).map { index in
            Inherited(
                name: names[Int(index)].map { String(cString: $0) } ?? "", descriptor: SD_LISTEN_FDS_START + index)
        }
    }

    /// Nil where no service manager listens.
    package static var keeper: (@Sendable (CInt) -> Void)? {
        guard getenv("NOTIFY_SOCKET") != nil else { return nil }
        return { keep($0, name: "gcks-ike") }
    }

    /// Asks systemd to hold on to a socket while we are restarted. Not polled: an ICMP error must not take it out of the store.
    private static func keep(_ descriptor: CInt, name: String) {
        var descriptor = descriptor
        _ = sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=\(name)\nFDPOLL=0", &descriptor, 1)
    }
}

/// SD_LISTEN_FDS_START is a macro with a cast, which does not reach Swift.
private let SD_LISTEN_FDS_START: CInt = 3
