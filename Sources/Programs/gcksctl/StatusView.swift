import GroupModel
import IKEVocabulary

/// `gcksctl status`: one screen, most important first.
struct StatusView {
    let status: ClusterStatus
    let now: WallTime

    private var reachable: Int { status.nodes.count { $0.state != "unreachable" } }

    /// How many authorities may still fail.
    private var tolerance: Int { max(0, reachable - (status.nodes.count / 2 + 1)) }

    var health: String {
        if status.leader == nil { return "no-leader" }
        return reachable == status.nodes.count ? "healthy" : "degraded"
    }

    func table() -> String {
        let leader = status.leader.map { "\($0) (term \(status.term))" } ?? "none"
        let summary = [
            "CLUSTER  \(health)", "quorum \(reachable)/\(status.nodes.count)", "tolerance \(tolerance)",
            "leader \(TextTable.printable(leader))", "commits \(status.commits)",
        ]
        var sections = [summary.joined(separator: "   ")]
        var nodes = TextTable(["AUTHORITY", "STATE", "DETAIL"])
        for node in status.nodes { nodes.add([node.name, node.state, node.detail]) }
        sections.append(nodes.rendered())
        if !status.frontends.isEmpty { sections.append(links("FRONTEND", status.frontends)) }
        if !status.broadcasters.isEmpty { sections.append(links("BROADCASTER", status.broadcasters)) }
        if !status.groups.isEmpty { sections.append(GroupsView(groups: status.groups, now: now).table()) }
        return sections.joined(separator: "\n\n")
    }

    private func links(_ title: String, _ links: [LinkStatus]) -> String {
        var table = TextTable([title, "STATE", "SINCE", "COUNTERS"])
        for link in links.sorted(by: { $0.name < $1.name }) {
            let counters = link.counters.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            table.add([
                link.name, link.isConnected ? "connected" : "lost", TimeText.since(link.since, at: now),
                counters.joined(separator: ", "),
            ])
        }
        return table.rendered()
    }

    func json() -> JSONValue {
        let item = JSONValue.object([
            ("health", .text(health)), ("leader", .optional(status.leader)), ("term", .integer(status.term)),
            ("commits", .integer(status.commits)), ("reachable", .integer(Int64(reachable))),
            ("tolerance", .integer(Int64(tolerance))),
            (
                "authorities",
                .list(
                    status.nodes.map {
                        .object([("name", .text($0.name)), ("state", .text($0.state)), ("detail", .text($0.detail))])
                    })
            ),
            ("frontends", .list(status.frontends.map(StatusView.json))),
            ("broadcasters", .list(status.broadcasters.map(StatusView.json))),
            ("groups", .list(status.groups.map(GroupsView.json))),
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
