import CSystemd
import Glibc
package import GroupModel
import IKEVocabulary
import Synchronization

/// Where events go: journald when systemd gave us its stream, plain lines on a terminal, JSON lines otherwise.
package enum EventSink: Sendable {
    case journal
    case plain
    case json

    package static func detected() -> EventSink {
        if let stream = getenv("JOURNAL_STREAM"), isStandardError(String(cString: stream)) { return .journal }
        return isatty(STDERR_FILENO) == 1 ? .plain : .json
    }

    /// "device:inode" of the stream the journal gave us. Somebody between may have sent standard error elsewhere since.
    private static func isStandardError(_ stream: String) -> Bool {
        var status = stat()
        guard fstat(STDERR_FILENO, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }
}

/// Words events, limits those that strangers cause, counts all of them.
package final class EventLog: Sendable {
    private let program: String
    private let sink: EventSink
    private let clocks: Clocks
    private let write: @Sendable (String) -> Void
    private let state: Mutex<State>

    private struct State {
        var least: Event.Level
        var limiter = EventLimiter()
        var counts: [String: Int64] = [:]
    }

    package init(
        program: String, level: Event.Level = .info, sink: EventSink = .detected(), clocks: Clocks = Clocks(),
        write: (@Sendable (String) -> Void)? = nil
    ) {
        self.program = program
        state = Mutex(State(least: level))
        self.sink = sink
        self.clocks = clocks
        self.write =
            write ?? { line in
                var line = line + "\n"
                // One write per line keeps lines of several processes apart.
                line.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            }
    }

    /// How often each event happened, told or not.
    package var counts: [String: Int64] { state.withLock { $0.counts } }

    /// What is less is counted and not told, from now on.
    package func tell(from level: Event.Level) { state.withLock { $0.least = level } }

    package func record(_ event: Event) {
        let now = clocks.monotonic()
        let verdict = state.withLock { state -> EventLimiter.Verdict in
            state.counts[event.name, default: 0] += 1
            guard event.level.rank >= state.least.rank else { return .suppress }
            guard let key = event.limitedBy else { return .pass(suppressed: 0) }
            return state.limiter.judge(event.name, key, at: now)
        }
        guard case .pass(let suppressed) = verdict else { return }
        var fields = event.fields
        if suppressed > 0 { fields.append(("suppressed", String(suppressed))) }
        switch sink {
        case .journal: Journal.send(program, event, fields)
        case .plain: write(EventWording.plain(program, event, fields))
        case .json: write(EventWording.json(program, event, fields, at: clocks.wall()))
        }
    }
}

extension Event.Level {
    var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .notice: 2
        case .warning: 3
        case .error: 4
        }
    }

    /// syslog's priorities, as journald wants them.
    var priority: Int {
        switch self {
        case .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        }
    }
}

/// Events as text. Values come from peers too: whatever is not a plain character is escaped.
enum EventWording {
    static func plain(_ program: String, _ event: Event, _ fields: [(key: String, value: String)]) -> String {
        let pairs = fields.map { " \($0.key)=\(quoted($0.value))" }.joined()
        return "\(program) \(event.level.rawValue): \(event.name)\(pairs)"
    }

    private static func quoted(_ value: String) -> String {
        let isPlain = !value.isEmpty && value.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x22 && $0 != 0x5c }
        return isPlain ? value : jsonString(value)
    }

    static func json(
        _ program: String, _ event: Event, _ fields: [(key: String, value: String)], at time: WallTime
    ) -> String {
        var line = JSONLine()
        line.add("time", timestamp(time))
        line.add("level", event.level.rawValue)
        line.add("program", program)
        line.add("event", event.name)
        for field in fields { line.add(field.key, field.value) }
        return line.text
    }

    static func jsonString(_ text: String) -> String { JSONLine.quoted(text) }

    /// RFC 3339 in UTC with milliseconds.
    static func timestamp(_ time: WallTime) -> String {
        var seconds = time_t(time.milliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text: [UInt8] = []
        text.reserveCapacity(24)
        func add(_ number: Int, from unit: Int, then end: Unicode.Scalar) {
            var unit = unit
            while unit > 0 {
                text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / unit % 10))
                unit /= 10
            }
            text.append(UInt8(ascii: end))
        }
        add(Int(parts.tm_year) + 1900, from: 1000, then: "-")
        add(Int(parts.tm_mon) + 1, from: 10, then: "-")
        add(Int(parts.tm_mday), from: 10, then: "T")
        add(Int(parts.tm_hour), from: 10, then: ":")
        add(Int(parts.tm_min), from: 10, then: ":")
        add(Int(parts.tm_sec), from: 10, then: ".")
        add(Int(time.milliseconds % 1000), from: 100, then: "Z")
        return String(decoding: text, as: UTF8.self)
    }
}

/// journald's native protocol, with fields of our own.
private enum Journal {
    static func send(_ program: String, _ event: Event, _ fields: [(key: String, value: String)]) {
        var lines = [
            "MESSAGE=\(EventWording.plain(program, event, fields))", "PRIORITY=\(event.level.priority)",
            "SYSLOG_IDENTIFIER=\(program)", "GCKS_EVENT=\(event.name)",
            "MESSAGE_ID=\(EventIdentity.messageID(of: event.name))",
        ]
        for field in fields { lines.append("GCKS_\(field.key.uppercased())=\(field.value)") }
        var octets = lines.map { Array($0.utf8) }
        let count = octets.count
        // iovec wants stable addresses: one buffer for all lines.
        var whole = octets.flatMap { $0 }
        let lengths = octets.map(\.count)
        octets = []
        whole.withUnsafeMutableBytes { buffer in
            var vectors: [iovec] = []
            var at = 0
            for length in lengths {
                vectors.append(iovec(iov_base: buffer.baseAddress.map { $0 + at }, iov_len: length))
                at += length
            }
            _ = sd_journal_sendv(&vectors, Int32(count))
        }
    }
}
