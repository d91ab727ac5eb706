import GroupModel
import IKEVocabulary

/// `gcksctl status`: one screen, most important first.
struct StatusView {
    let status: ClusterStatus
    let now: WallTime
    var context: String?

    private var reachable: Int { status.nodes.count { $0.state != "unreachable" } }
    private var quorum: Int { status.nodes.count / 2 + 1 }

    /// How many authorities may still fail.
    private var tolerance: Int { max(0, reachable - quorum) }

    var health: String {
        if reachable == 0 { return "no-answer" }
        if status.leader == nil { return "no-leader" }
        let isWhole =
            reachable == status.nodes.count && (status.frontends + status.broadcasters).allSatisfy(\.isConnected)
        return isWhole ? "healthy" : "degraded"
    }

    struct Warning {
        let text: String
        let next: String
    }

    /// What an operator should look at, the worst first, each with the command that helps.
    var warnings: [Warning] {
        var found: [Warning] = []
        for node in status.nodes where node.state == "unreachable" {
            found.append(
                Warning(text: "authority \(node.name) does not answer: \(node.detail)", next: "gcksctl doctor"))
        }
        if status.nodes.count > 1, tolerance == 0, health != "no-answer" {
            found.append(Warning(text: "no further authority may fail", next: "gcksctl doctor"))
        }
        for link in status.frontends where !link.isConnected {
            found.append(Warning(text: "frontend \(link.name) is lost", next: "gcksctl top --once"))
        }
        for link in status.broadcasters where !link.isConnected {
            found.append(Warning(text: "broadcaster \(link.name) is lost", next: "gcksctl top --once"))
        }
        if status.leader != nil, !status.groups.isEmpty {
            if !status.frontends.contains(where: \.isConnected) {
                found.append(Warning(text: "no frontend: nobody can register", next: "gcksctl doctor"))
            }
            if !status.broadcasters.contains(where: \.isConnected) {
                found.append(Warning(text: "no broadcaster: no rekey leaves", next: "gcksctl doctor"))
            }
        }
        for group in status.groups { found += GroupsView.warnings(group, now: now) }
        return found
    }

    func table(isWide: Bool = false) -> String {
        let leader = status.leader.map { name in
            let since = status.leadingSince.map { ", \(TimeText.since($0, at: now))" } ?? ""
            return "\(name) (term \(status.term)\(since))"
        }
        let word = Terminal.isRich ? Style.marked(health) : health
        let summary = [
            "CLUSTER \(context ?? "")".trimmed + "  \(word)", "quorum \(reachable)/\(status.nodes.count)",
            "tolerance \(tolerance)", "leader \(TextTable.printable(leader ?? "none"))", "commits \(status.commits)",
        ]
        var sections = [summary.joined(separator: "   ")]
        var nodes = TextTable(["AUTHORITY", "STATE", "DETAIL"])
        for node in status.nodes { nodes.add([node.name, node.state, node.detail]) }
        sections.append(nodes.rendered())
        if !status.frontends.isEmpty { sections.append(links("FRONTEND", status.frontends, isWide)) }
        if !status.broadcasters.isEmpty { sections.append(links("BROADCASTER", status.broadcasters, isWide)) }
        if !status.groups.isEmpty { sections.append(GroupsView(groups: status.groups, now: now).table(isWide: isWide)) }
        let warnings = warnings
        if !warnings.isEmpty {
            var table = TextTable(["WARNING", "NEXT"])
            for warning in warnings { table.add([warning.text, warning.next]) }
            sections.append(table.rendered())
        }
        return sections.joined(separator: "\n\n")
    }

    /// Counters that are shown without -o wide although they are 0.
    private static let always: Set<String> = ["registrations", "half-open", "ike-sas", "messages", "pending"]

    private func links(_ title: String, _ links: [LinkStatus], _ isWide: Bool) -> String {
        var table = TextTable([title, "STATE", "SINCE", "COUNTERS"])
        for link in links.sorted(by: { $0.name < $1.name }) {
            let counters = link.counters.filter { isWide || $0.value != 0 || Self.always.contains($0.key) }
                .sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            table.add([
                link.name, link.isConnected ? "connected" : "lost", TimeText.since(link.since, at: now),
                counters.joined(separator: ", "),
            ])
        }
        return table.rendered()
    }

    func json() -> JSONValue {
        let item = JSONValue.object([
            ("health", .text(health)), ("context", .optional(context)), ("leader", .optional(status.leader)),
            ("term", .integer(status.term)),
            ("leading_since", .optional(status.leadingSince.map(TimeText.rfc3339))),
            ("commits", .integer(status.commits)), ("reachable", .integer(Int64(reachable))),
            ("quorum", .integer(Int64(quorum))), ("tolerance", .integer(Int64(tolerance))),
            (
                "authorities",
                .list(
                    status.nodes.map {
                        .object([("name", .text($0.name)), ("state", .text($0.state)), ("detail", .text($0.detail))])
                    })
            ),
            ("frontends", .list(status.frontends.map(StatusView.json))),
            ("broadcasters", .list(status.broadcasters.map(StatusView.json))),
            ("groups", .list(status.groups.map { GroupsView.json($0, now: now) })),
            (
                "warnings",
                .list(warnings.map { .object([("text", .text($0.text)), ("next", .text($0.next))]) })
            ),
        ])
        return .document(kind: "ClusterStatus", items: [item])
    }

    private static func json(_ link: LinkStatus) -> JSONValue {
        let counters = link.counters.sorted { $0.key < $1.key }
        return .object([
            ("name", .text(link.name)), ("connected", .bool(link.isConnected)),
            ("since", .text(TimeText.rfc3339(link.since))),
            ("counters", .object(counters.map { ($0.key, .integer($0.value)) })),
        ])
    }
}

extension String {
    /// Without blanks at the end.
    fileprivate var trimmed: String {
        String(self[..<(lastIndex { $0 != " " }.map(index(after:)) ?? startIndex)])
    }
}
