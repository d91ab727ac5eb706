/// The store of an authority and its nodes: what would only be found out when the store dies is found out here.
extension AuthoritySettings {
    package struct Peer: Hashable, Sendable {
        package let name: String
        package let id: UInt64
        /// Where its store listens for other stores.
        package let store: String
        package let rpc: String?
    }

    struct Store {
        var listen: String?
        var latency: Duration
        var binary: String?
        var tls: TLSFiles?
        /// The cluster is there already: nobody has to start it.
        var joins: Bool
    }

    /// The store's own socket lies in the folder, and its path has a limit.
    static let dataFolder = "a folder whose path has at most \(Forms.socketPathOctets - socketName.utf8.count) octets"
    private static let socketName = "/store.sock"
    static func dataFolder(_ text: String) -> String? {
        Forms.socketPath(text + socketName) == nil ? nil : Forms.text(text)
    }

    static func readStore(_ section: Section) -> Store {
        defer { section.finish() }
        return Store(
            listen: section.optional("listen", Forms.hostPort, Forms.hostPort),
            latency: section.value("latency", "1ms to 10s", default: .milliseconds(50)) { text in
                Forms.duration(text).flatMap { (.milliseconds(1)...(.seconds(10))).contains($0) ? $0 : nil }
            },
            binary: section.optional("binary", "a path", Forms.text), tls: section.tls(),
            joins: section.value("joins", Forms.flag, default: false, Forms.flag))
    }

    static func readNodes(_ section: Section, own name: String?, _ id: UInt64, joins: Bool) -> [Peer] {
        var nodes: [Peer] = []
        for entry in section.sections("nodes") {
            guard let node = readPeer(entry) else { continue }
            if nodes.contains(where: { $0.name == node.name }) {
                entry.file.fault(
                    entry.line(of: "name"), entry.place("name"), "\(node.name) stands twice", "unique names")
            }
            if nodes.contains(where: { $0.id == node.id }) {
                entry.file.fault(entry.line(of: "id"), entry.place("id"), "\(node.id) stands twice", "unique ids")
            }
            nodes.append(node)
        }
        guard section.has("nodes") else {
            if id != 1, !joins {
                section.file.fault(
                    section.line(of: "id"), section.place("id"), "a cluster of one has the id 1", "1, or nodes")
            }
            return []
        }
        let line = section.line(of: "nodes")
        if let name, !nodes.contains(where: { $0.name == name && $0.id == id }) {
            section.file.fault(
                line, section.place("nodes"), "this node is not among them", "an entry with name \(name) and id \(id)")
        }
        if !joins, !nodes.contains(where: { $0.id == 1 }) {
            section.file.fault(
                line, section.place("nodes"), "no node has id 1, and only that one starts a new cluster",
                "a node with id 1, or store.joins: true when the cluster is there already")
        }
        return nodes
    }

    private static func readPeer(_ section: Section) -> Peer? {
        defer { section.finish() }
        let name = section.required("name", Forms.name, Forms.name)
        let id = section.required("id", "1 to 1000000", Forms.number(UInt64(1)...1_000_000))
        let store = section.required("store", Forms.hostPort, Forms.hostPort)
        let rpc = section.optional("rpc", Forms.hostPort, Forms.hostPort)
        guard let name, let id, let store else { return nil }
        return Peer(name: name, id: id, store: store, rpc: rpc)
    }
}
