import GroupModel

/// Puts together what each authority says of itself with what the leader says of the cluster.
struct StatusMerger {
    private var best: ClusterStatus?
    private var seen: [(name: String, state: String, detail: String)] = []
    private var hint: String?
    private var answers = 0

    mutating func answered(_ name: String, _ status: ClusterStatus) {
        answers += 1
        seen.append((name, status.leader == name ? "leader" : "follower", ""))
        let isBetter = status.term > (best?.term ?? .min) || (status.term == best?.term && status.leader == name)
        if isBetter { best = status }
    }

    mutating func follows(_ name: String, _ hint: String?) {
        answers += 1
        self.hint = hint ?? self.hint
        seen.append((name, "follower", hint == nil ? "knows no leader" : ""))
    }

    mutating func unreachable(_ name: String, _ reason: String, wasReached: Bool) {
        if wasReached { answers += 1 }
        seen.append((name, "unreachable", reason))
    }

    /// The nodes the leader knows and the targets asked, by name; what was seen from here wins, its detail is completed.
    func seenFromHere() -> ClusterStatus {
        var status =
            best
            ?? ClusterStatus(
                nodes: [], leader: nil, term: 0, commits: 0, frontends: [], broadcasters: [], groups: [])
        for node in seen {
            if let index = status.nodes.firstIndex(where: { $0.name == node.name }) {
                status.nodes[index].state = node.state
                if !node.detail.isEmpty { status.nodes[index].detail = node.detail }
            } else {
                status.nodes.append(NodeStatus(name: node.name, state: node.state, detail: node.detail))
            }
        }
        status.nodes.sort { $0.name < $1.name }
        return status
    }
}
