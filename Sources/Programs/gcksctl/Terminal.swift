import Glibc

/// Data on stdout, everything else on stderr.
enum Terminal {
    static func output(_ text: String) { write(text, to: STDOUT_FILENO) }
    static func error(_ text: String) { write(text, to: STDERR_FILENO) }

    /// The next useful command, on stderr.
    static func next(_ command: String) { error("next: \(command)") }

    private static func write(_ text: String, to descriptor: Int32) {
        let octets = Array(text.utf8) + (text.hasSuffix("\n") ? [] : [0x0a])
        var rest = octets[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
