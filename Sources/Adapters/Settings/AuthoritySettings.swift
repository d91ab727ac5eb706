package import GroupModel
package import IKEVocabulary

/// `gcks-authority`'s file.
package struct AuthoritySettings: Sendable {
    package struct Peer: Hashable, Sendable {
        package let name: String
        package let id: UInt64
        /// Where its store listens for other stores.
        package let store: String
        package let rpc: String?
    }

    package enum RootKeySource: Hashable, Sendable {
        case file(String)
        case credential(String)
    }

    package let name: String
    package let id: UInt64
    package let dataDirectory: String
    package let storeListen: String?
    package let storeLatency: Duration
    package let storeBinary: String?
    package let storeTLS: TLSFiles?
    /// All nodes, this one included; empty for a cluster of one.
    package let nodes: [Peer]
    package let rpcListen: Endpoint?
    package let rpcUnix: String?
    package let rpcUnixUsers: [UInt32]
    package let tls: TLSFiles?
    package let rootKey: RootKeySource
    package let operationsKept: Lifetime
    package let logLevel: Event.Level

    package static func load(file: String) throws(SettingsFaults) -> AuthoritySettings { try Settings.load(file, read) }

    private static func read(_ section: Section) -> AuthoritySettings? {
        let name = section.required("name", Forms.text, Forms.text)
        let id = section.value("id", "1 to 1000000", default: UInt64(1), Forms.number(1...1_000_000))
        let data = section.required("data", "a folder", Forms.text)
        let nodes = section.sections("nodes").compactMap(readPeer)
        let store = section.section("store")
        let storeListen = store?.optional("listen", Forms.endpoint, Forms.text)
        let latency = store?.value("latency", Forms.duration, default: .milliseconds(50), Forms.duration)
        let binary = store?.optional("binary", "a path", Forms.text)
        let storeTLS = store?.tls()
        store?.finish()
        let rpc = section.requiredSection("rpc", "listen or unix")
        let listen = rpc?.optional("listen", Forms.endpoint) { Endpoint($0) }
        let unix = rpc?.optional("unix", "a path", Forms.text)
        let users = rpc?.list("unix_uids", "a user id", Forms.number(UInt32(0)...UInt32.max)) ?? []
        rpc?.finish()
        let tls = section.tls()
        let rootKey = readRootKey(section)
        let kept = section.section("limits")?.operationsKept() ?? Lifetime(seconds: 3600)
        let level = section.logLevel()
        if listen == nil, unix == nil {
            section.file.fault(
                section.line(of: "rpc"), section.place("rpc"), "nobody can reach it", "listen, unix or both")
        }
        if listen != nil, tls == nil, !section.has("tls") {
            section.file.fault(
                section.line(of: "rpc"), section.place("tls"), "missing", "certificates, because rpc.listen is set")
        }
        if nodes.count > 1, storeTLS == nil || storeListen == nil {
            section.file.fault(
                section.line(of: "nodes"), section.place("store"), "several nodes need store.listen and store.tls",
                "an address and certificates")
        }
        if !nodes.isEmpty, !nodes.contains(where: { $0.name == name && $0.id == id }) {
            section.file.fault(
                section.line(of: "nodes"), section.place("nodes"), "this node is not among them",
                "an entry with name \(name ?? "?") and id \(id)")
        }
        guard let name, let data, let rootKey else { return nil }
        return AuthoritySettings(
            name: name, id: id, dataDirectory: data, storeListen: storeListen,
            storeLatency: latency ?? .milliseconds(50), storeBinary: binary, storeTLS: storeTLS, nodes: nodes,
            rpcListen: listen, rpcUnix: unix, rpcUnixUsers: users, tls: tls, rootKey: rootKey, operationsKept: kept,
            logLevel: level)
    }

    private static func readPeer(_ section: Section) -> Peer? {
        defer { section.finish() }
        let name = section.required("name", Forms.text, Forms.text)
        let id = section.required("id", "1 to 1000000", Forms.number(UInt64(1)...1_000_000))
        let store = section.required("store", "HOST:PORT", Forms.text)
        let rpc = section.optional("rpc", "HOST:PORT", Forms.text)
        guard let name, let id, let store else { return nil }
        return Peer(name: name, id: id, store: store, rpc: rpc)
    }

    private static func readRootKey(_ section: Section) -> RootKeySource? {
        guard let key = section.requiredSection("root_key", "file or credential") else { return nil }
        defer { key.finish() }
        let file = key.optional("file", "a file of mode 0600", Forms.text)
        let credential = key.optional("credential", "a systemd credential's name", Forms.text)
        switch (file, credential) {
        case (.some(let file), nil): return .file(file)
        case (nil, .some(let name)): return .credential(name)
        default:
            key.file.fault(key.line(of: "file"), key.path, "one of file and credential", "file or credential")
            return nil
        }
    }
}

extension Section {
    fileprivate func operationsKept() -> Lifetime {
        defer { finish() }
        return value("operations_kept", Forms.duration, default: Lifetime(seconds: 3600), Forms.lifetime)
    }
}
