import AuthorityRPC
import GroupModel
import IKEVocabulary

/// The authorities as they see themselves: `leader show`, `node list`, `node show`, `cluster peers`.
struct NodesView {
    let answers: [NodeAnswer]
    let now: WallTime

    /// The one that decides. Of two that say so the one of the higher term is right.
    var leading: NodeReport? {
        answers.compactMap { try? $0.report.get() }.filter(\.isLeading).max { ($0.term ?? 0) < ($1.term ?? 0) }
    }

    /// Who leads as far as can be told from here; nil when nobody names anybody.
    var leaderName: String? { leading?.name ?? answers.lazy.compactMap { try? $0.report.get().leader }.first }

    struct Row {
        let name: String
        let id: UInt64?
        let role: String
        /// "leading", "following", "no-leader", "unreachable".
        let state: String
        let isDrained: Bool
        let report: NodeReport?
        /// What to look at; empty when all is well.
        let detail: String
        /// It is not this node's own word, or nobody leads.
        let isStale: Bool
    }

    /// The log's nodes and whom the settings name, by name.
    var rows: [Row] {
        let reports = answers.compactMap { try? $0.report.get() }
        let source = leading ?? reports.first
        var names = Set(answers.map(\.name))
        for node in source?.nodes ?? [] { names.insert(node.name) }
        let drained = Set(leading?.drained ?? reports.flatMap(\.drained))
        return names.sorted().map { name in
            let answer = answers.first { $0.name == name }
            let report = reports.first { $0.name == name }
            let node = source?.nodes.first { $0.name == name }
            return Row(
                name: name, id: report?.id ?? node?.id, role: node?.role ?? "none", state: Self.state(report),
                isDrained: drained.contains(name), report: report, detail: Self.detail(answer, report),
                isStale: report == nil || leading == nil)
        }
    }

    private static func state(_ report: NodeReport?) -> String {
        guard let report else { return "unreachable" }
        if report.isLeading { return "leading" }
        return report.leader == nil ? "no-leader" : "following"
    }

    private static func detail(_ answer: NodeAnswer?, _ report: NodeReport?) -> String {
        if let report { return report.keptBack ?? report.diskFault ?? "" }
        guard case .failure(let failure)? = answer?.report else { return "no address is known here" }
        return CommandEnd(failure).lines.joined(separator: "; ")
    }

    // MARK: Tables

    func leaderTable() -> String {
        var table = TextTable(["LEADER", "TERM", "SINCE", "SEEN"])
        if let leading {
            table.add([
                leading.name, leading.term.map { String($0) } ?? "-",
                leading.leadingSince.map { TimeText.since($0, at: now) } ?? "-", "it says so itself",
            ])
        } else {
            table.add([leaderName ?? "none", "-", "-", leaderName == nil ? "-" : "stale: others say so"])
        }
        return table.rendered()
    }

    func leaderJSON() -> JSONValue {
        let fields: [(String, JSONValue)] = [
            ("leader", .optional(leaderName)), ("term", Self.number(leading?.term)),
            ("since", Self.time(leading?.leadingSince)), ("stale", .bool(leading == nil)),
        ]
        return .document(kind: "Leader", items: [.object(fields)])
    }

    func nodesTable() -> String {
        var table = TextTable(["NODE", "ID", "ROLE", "STATE", "DRAINED", "DISK FREE", "DETAIL"])
        for row in rows {
            let disk = row.report.map { $0.diskFault == nil ? "\($0.diskFreeOctets >> 20) MiB" : "failing" }
            table.add([
                row.name, row.id.map { String($0) } ?? "-", row.role, row.state, row.isDrained ? "yes" : "no",
                disk ?? "-", row.detail,
            ])
        }
        return table.rendered()
    }

    func nodesJSON(_ chosen: [Row]) -> JSONValue {
        .document(kind: "Node", items: chosen.map(Self.json))
    }

    private static func json(_ row: Row) -> JSONValue {
        let fields: [(String, JSONValue)] = [
            ("name", .text(row.name)), ("id", number(row.id.map { Int64(clamping: $0) })), ("role", .text(row.role)),
            ("state", .text(row.state)), ("drained", .bool(row.isDrained)), ("leader", .optional(row.report?.leader)),
            ("disk_free_octets", number(row.report?.diskFreeOctets)),
            ("disk_fault", .optional(row.report?.diskFault)), ("detail", .text(row.detail)),
            ("stale", .bool(row.isStale)),
        ]
        return .object(fields)
    }

    private static func number(_ value: Int64?) -> JSONValue { value.map { .integer($0) } ?? .null }
    private static func time(_ value: WallTime?) -> JSONValue { value.map { .text(TimeText.rfc3339($0)) } ?? .null }

    func nodeDetail(_ row: Row) -> String {
        let disk = row.report.map { report in
            report.diskFault ?? "good, \(report.diskFreeOctets >> 20) MiB free"
        }
        let fields: [(String, String)] = [
            ("Node", row.name), ("Id", row.id.map { String($0) } ?? "-"), ("Role", row.role), ("State", row.state),
            ("Drained", row.isDrained ? "yes" : "no"), ("Leader", row.report?.leader ?? "-"), ("Disk", disk ?? "-"),
            ("Copy", row.report.map { Self.copy($0, now) } ?? "-"), ("Detail", row.detail),
        ]
        let lines = fields.map { name, value -> String in
            let gap = String(repeating: " ", count: 9 - name.count)
            return "\(name):\(gap)\(TextTable.printable(value))"
        }
        return lines.joined(separator: "\n")
    }

    func peersTable() -> String {
        var table = TextTable(["NODE", "ID", "ROLE", "STATE", "BEAT", "LAG", "DIGEST"])
        for row in rows {
            let copy = row.report?.copy
            let lag = copy?.beatAge.map { TimeText.span(milliseconds: Self.milliseconds($0)) }
            table.add([
                row.name, row.id.map { String($0) } ?? "-", row.role, row.state, copy?.beat.map { String($0) } ?? "-",
                lag ?? "-", row.report.map { Self.digest($0, now) } ?? "-",
            ])
        }
        return table.rendered()
    }

    func peersJSON() -> JSONValue { .document(kind: "Peer", items: rows.map(Self.peer)) }

    private static func peer(_ row: Row) -> JSONValue {
        let copy = row.report?.copy
        let fields: [(String, JSONValue)] = [
            ("name", .text(row.name)), ("id", number(row.id.map { Int64(clamping: $0) })), ("role", .text(row.role)),
            ("state", .text(row.state)), ("beat", number(copy?.beat)),
            ("lag_milliseconds", number(copy?.beatAge.map(milliseconds))),
            ("digest", .optional(copy?.comparison?.verdict.rawValue)),
            ("checkpoint", number(copy?.comparison?.checkpoint)), ("compared_at", time(copy?.comparison?.at)),
            ("stale", .bool(row.isStale)),
        ]
        return .object(fields)
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
    }

    private static func copy(_ report: NodeReport, _ now: WallTime) -> String {
        let age = report.copy.beatAge.map { "last beat \(TimeText.span(milliseconds: milliseconds($0))) ago" }
        return "\(age ?? "no beat yet"), digest \(digest(report, now))"
    }

    private static func digest(_ report: NodeReport, _ now: WallTime) -> String {
        guard let comparison = report.copy.comparison else { return "not compared yet" }
        return "\(comparison.verdict.rawValue) at checkpoint \(comparison.checkpoint), "
            + "\(TimeText.since(comparison.at, at: now)) ago"
    }
}
