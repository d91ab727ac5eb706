/// Who stands where. Settings files are written by `Cluster/cluster.sh` with the same addresses.
struct Topology: Sendable {
    struct Node: Sendable {
        let name: String
        let addresses: [String]
    }

    static let authorities = 3
    static let frontends = 2
    static let broadcasters = 2
    static let memberHosts = 3

    let members: Int
    /// In the order of the switch's ports.
    let nodes: [Node]

    init(members: Int) {
        self.members = members
        var nodes = (1...Self.authorities).map { Node(name: "authority-\($0)", addresses: ["10.77.1.\($0)"]) }
        nodes += (1...Self.frontends).map { Node(name: "frontend-\($0)", addresses: ["10.77.2.\($0)"]) }
        nodes += (1...Self.broadcasters).map { Node(name: "broadcaster-\($0)", addresses: ["10.77.3.\($0)"]) }
        nodes += (1...Self.memberHosts).map { host in
            let numbers = members > 0 ? (1...members).filter { Self.host(ofMember: $0) == host } : []
            return Node(name: "members-\(host)", addresses: numbers.map { "10.77.4.\($0)" } + ["10.77.5.\(host)"])
        }
        nodes.append(Node(name: "operator", addresses: ["10.77.9.1"]))
        self.nodes = nodes
    }

    static func host(ofMember number: Int) -> Int { (number - 1) % memberHosts + 1 }

    func port(_ name: String) -> Int? { nodes.firstIndex { $0.name == name } }

    /// The node a program stands on.
    func node(of process: String) -> String {
        guard process.hasPrefix("member-"), let number = Int(process.dropFirst(7)) else { return process }
        return "members-\(Self.host(ofMember: number))"
    }

    func cuts(from: [String], to: [String]) -> [LinkRules.Cut] {
        let (senders, receivers) = (from.compactMap(port), to.compactMap(port))
        return senders.flatMap { sender in
            receivers.filter { $0 != sender }.map { LinkRules.Cut(from: sender, to: $0) }
        }
    }

    func cutsBothWays(_ one: [String], _ other: [String]) -> [LinkRules.Cut] {
        Array(Set(cuts(from: one, to: other) + cuts(from: other, to: one)))
    }

    func others(_ name: String) -> [String] { nodes.map(\.name).filter { $0 != name } }
}
