import GroupModel
import Synchronization

/// The other stores by name: who may come in, and where each is. It begins with the settings; what the own log says goes before
/// them, so that nodes which join or go at run time need no change of any file. A node that was away while others changed asks
/// the peers it knows for their list.
final class PeerDirectory: Sendable {
    private struct Lists {
        /// As the own log has them.
        var logged: [String: StoreNode] = [:]
        /// As a peer's log has them; for a node whose own log is behind.
        var heard: [String: StoreNode] = [:]

        /// A name that came back has a higher id than before.
        func node(_ name: String) -> StoreNode? {
            switch (logged[name], heard[name]) {
            case (let one?, let other?): one.id >= other.id ? one : other
            case (let one, let other): one ?? other
            }
        }
    }

    private let configured: [String: StorePeer]
    private let lists = Mutex(Lists())

    init(configured peers: [StorePeer]) {
        configured = Dictionary(peers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The nodes of the log as this node's engine knows them. While it follows a leader that is among them, what peers said is
    /// forgotten: a node that was taken out must not come in by what was heard before.
    ///
    /// - Parameter leader: the id of the leader that this node follows; 0 for none.
    func learn(_ nodes: [StoreNode], following leader: UInt64) {
        let logged = Self.byName(nodes)
        let isCurrent = nodes.contains { $0.id == leader }
        lists.withLock { lists in
            lists.logged = logged
            if isCurrent { lists.heard = [:] }
        }
    }

    /// The nodes of the log as a peer knows them; for a node that follows no leader.
    func hear(_ nodes: [StoreNode]) {
        let heard = Self.byName(nodes)
        lists.withLock { $0.heard = heard }
    }

    private static func byName(_ nodes: [StoreNode]) -> [String: StoreNode] {
        Dictionary(nodes.map { ($0.name, $0) }, uniquingKeysWith: { $0.id > $1.id ? $0 : $1 })
    }

    /// The id under which a store may take part in the log; while there is no log, those of the settings may.
    func member(_ name: String) -> UInt64? {
        lists.withLock { lists in
            lists.node(name)?.id ?? (lists.logged.isEmpty ? configured[name]?.id : nil)
        }
    }

    /// Whether a store may ask who is in the log.
    func mayAsk(_ name: String) -> Bool { configured[name] != nil || lists.withLock { $0.node(name) } != nil }

    /// - Parameter address: as the engine names a peer: "NAME", or "NAME@HOST:PORT".
    func peer(at address: String) -> StorePeer? {
        let parts = StoreNode.parts(of: address)
        let node = lists.withLock { $0.node(parts.name) }
        let store = parts.store.isEmpty ? node?.store ?? "" : parts.store
        guard !store.isEmpty, let place = StorePeer.place(store) else { return configured[parts.name] }
        let id = node?.id ?? configured[parts.name]?.id ?? 0
        return StorePeer(name: parts.name, id: id, host: place.host, port: place.port)
    }

    /// All that can be asked, but for one name.
    func peers(without name: String) -> [StorePeer] {
        let named = lists.withLock { Set($0.logged.keys).union($0.heard.keys) }.union(configured.keys)
        return named.subtracting([name]).sorted().compactMap { peer(at: $0) }
    }
}
