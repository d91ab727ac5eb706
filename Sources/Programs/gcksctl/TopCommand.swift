import ArgumentParser
import AuthorityRPC
import GroupModel
import IKEVocabulary

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Shows what frontends, broadcasters and groups do, with rates.",
        discussion: """
            Looks at the counters twice, one interval apart, and again until it is ended.

            Examples:
              gcksctl top -i 1s
              gcksctl top --group market-data --once -o json
            """)

    @Option(help: "Only this group's line beside the processes.") var group: GroupName?
    @Option(name: [.customShort("i"), .long], help: ArgumentHelp("Between two looks.", valueName: "seconds"))
    var interval: Interval = Interval(milliseconds: 1000)
    @Flag(help: "Show one interval, then end.") var once = false
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let reach = try connection.reach()
        let client = OperatorClient(link: reach.link, timeout: reach.timeout)
        var before = try await look(client)
        repeat {
            try await Task.sleep(for: interval.duration)
            let now = try await look(client)
            let view = TrafficView(before: before, now: now, group: group)
            switch connection.output.output {
            case .table where !once && Terminal.isRich: Terminal.redraw(view.table())
            case .json where !once: Terminal.output(view.json().line())
            default: connection.show(view.table(), view.json())
            }
            before = now
        } while !once
        Terminal.next("gcksctl status")
    }

    private func look(_ client: OperatorClient) async throws -> TrafficView.Look {
        do {
            let status = try await client.status()
            if let group, !status.groups.contains(where: { $0.definition.name == group }), status.leader != nil {
                throw CommandEnd(.notFound, ["there is no group \(group)"], next: "gcksctl group list")
            }
            return TrafficView.Look(status: status, at: ContinuousClock.now)
        } catch let failure as OperatorFailure {
            throw CommandEnd(failure)
        }
    }
}

/// Counters of two looks beside each other.
struct TrafficView {
    struct Look {
        let status: ClusterStatus
        let at: ContinuousClock.Instant
    }

    private struct Row {
        let name: String
        let role: String
        let isConnected: Bool
        let counters: [String: Int64]
        let perSecond: [String: Double]
    }

    private let rows: [Row]
    private let seconds: Double
    private let summary: String

    init(before: Look, now: Look, group: GroupName?) {
        let passed = (now.at - before.at).components
        let seconds = max(Double(passed.seconds) + Double(passed.attoseconds) / 1e18, 0.001)
        let (old, new) = (before.status, now.status)
        var rows = [
            Self.row("authorities", "authority", true, ["commits": old.commits], ["commits": new.commits], seconds)
        ]
        for (role, earlier, later) in [
            ("frontend", old.frontends, new.frontends), ("broadcaster", old.broadcasters, new.broadcasters),
        ] {
            for link in later.sorted(by: { $0.name < $1.name }) {
                let counters = earlier.first { $0.name == link.name && $0.since == link.since }?.counters
                rows.append(Self.row(link.name, role, link.isConnected, counters, link.counters, seconds))
            }
        }
        for status in new.groups where group == nil || status.definition.name == group {
            let earlier = old.groups.first { $0.definition.name == status.definition.name }
            rows.append(
                Self.row(
                    status.definition.name.text, "group", true, earlier.map(Self.counters), Self.counters(status),
                    seconds))
        }
        self.rows = rows
        self.seconds = seconds
        summary =
            "leader \(new.leader ?? "none")   term \(new.term)   over \((seconds * 10).rounded() / 10) s"
    }

    private static func counters(_ group: GroupStatus) -> [String: Int64] {
        [
            "members": Int64(group.members), "senders": Int64(group.senders), "generation": group.generation.rawValue,
            "sender-ids": Int64(clamping: group.senderIDsGiven),
            "rekey-messages": Int64(group.rekeySA?.nextMessageID ?? 0),
        ]
    }

    /// Rates of what only grows; a counter that is new, or went back because its process began anew, has none yet.
    private static func row(
        _ name: String, _ role: String, _ isConnected: Bool, _ before: [String: Int64]?, _ now: [String: Int64],
        _ seconds: Double
    ) -> Row {
        var rates: [String: Double] = [:]
        for (counter, value) in now {
            guard let earlier = before?[counter], value >= earlier, !levels.contains(counter) else { continue }
            rates[counter] = Double(value - earlier) / seconds
        }
        return Row(name: name, role: role, isConnected: isConnected, counters: now, perSecond: rates)
    }

    /// Counters that say how many there are now, not how many there were.
    private static let levels: Set<String> = [
        "asking", "half-open", "ike-sas", "members", "senders", "generation", "outstanding", "cookies-on",
        "orders-waiting",
    ]

    func table() -> String {
        var table = TextTable(["NAME", "ROLE", "STATE", "NOW", "PER SECOND"])
        for row in rows {
            let levels = row.counters.filter { Self.levels.contains($0.key) || row.perSecond[$0.key] == nil }
            let rates = row.perSecond.filter { $0.value > 0 }
            table.add([
                row.name, row.role, row.isConnected ? "connected" : "lost",
                levels.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "),
                rates.sorted { $0.key < $1.key }.map { "\($0.key) \(($0.value * 10).rounded() / 10)" }
                    .joined(separator: ", "),
            ])
        }
        return TextTable.printable(summary) + "\n\n" + table.rendered()
    }

    func json() -> JSONValue {
        .document(
            kind: "Traffic",
            items: rows.map { row in
                .object([
                    ("name", .text(row.name)), ("role", .text(row.role)), ("connected", .bool(row.isConnected)),
                    ("seconds", .number(seconds)),
                    (
                        "counters",
                        .object(row.counters.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
                    ),
                    (
                        "per_second",
                        .object(row.perSecond.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) })
                    ),
                ])
            })
    }
}
