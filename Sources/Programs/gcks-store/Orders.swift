import Dispatch
import Glibc

/// What ends the process.
enum Orders {
    /// Waits for the first of: standard input ends, for its other side is the authority's and nothing is ever written to it;
    /// SIGTERM.
    static func first() async -> String {
        let (orders, gate) = AsyncStream.makeStream(of: String.self)
        DispatchQueue(label: "standard input").async {
            waitForEndOfInput()
            gate.yield("the authority is gone")
        }
        signal(SIGTERM, SIG_IGN)
        let termination = DispatchSource.makeSignalSource(signal: SIGTERM)
        termination.setEventHandler { gate.yield("SIGTERM") }
        termination.resume()
        defer { termination.cancel() }
        for await order in orders { return order }
        return "no more orders"
    }

    private static func waitForEndOfInput() {
        var octets = [UInt8](repeating: 0, count: 64)
        while true {
            let count = read(STDIN_FILENO, &octets, octets.count)
            if count == 0 || (count < 0 && errno != EINTR) { return }
        }
    }
}
