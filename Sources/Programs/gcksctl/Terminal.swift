import Glibc

/// Data on stdout, everything else on stderr.
enum Terminal {
    static func output(_ text: String) { write(text, to: STDOUT_FILENO) }
    static func error(_ text: String) { write(text, to: STDERR_FILENO) }

    /// Colour and redrawing: a terminal that can, and nobody asked for none (https://no-color.org).
    static let isRich: Bool = {
        func variable(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
        return isatty(STDOUT_FILENO) == 1 && variable("NO_COLOR").isEmpty && variable("TERM") != "dumb"
    }()

    /// Somebody is there who can be asked.
    static let isInteractive = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1

    /// The screen, emptied and written anew.
    static func redraw(_ text: String) { output("\u{1b}[H\u{1b}[2J" + text) }

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
