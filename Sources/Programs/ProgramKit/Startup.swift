import Glibc
import Telemetry
import UnixSignals

/// What every program does at its start and end.
package enum Startup {
    /// Exit code for a wrong command line or file.
    package static let usage: Int32 = 2
    package static let failure: Int32 = 1

    /// Loads settings, or says every fault on standard error and ends.
    package static func settings<Value>(
        _ path: String, check: Bool, _ load: (String) throws -> Value
    ) -> Value {
        do {
            let settings = try load(path)
            if check {
                say("\(path): valid")
                exit(0)
            }
            return settings
        } catch {
            fail("\(error)", code: usage)
        }
    }

    package static func fail(_ why: String, code: Int32 = failure) -> Never {
        say(why)
        exit(code)
    }

    package static func tell(_ text: String) { say(text) }

    private static func say(_ text: String) {
        let octets = Array((text + "\n").utf8)
        _ = write(STDERR_FILENO, octets, octets.count)
    }

    /// Returns at SIGTERM or SIGINT. SIGHUP reads the settings again; systemd is told when that begins and ends.
    package static func untilStopped(reload: () async -> Void) async {
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) {
            guard signal == .sighup else { return }
            ServiceManager.reloading()
            await reload()
            ServiceManager.ready()
        }
    }
}
