package import GroupModel
package import IKEVocabulary

/// `gcks-authority`'s file.
package struct AuthoritySettings: Sendable {
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
    package let rpcUnix: UnixDoors
    package let tls: TLSFiles?
    package let rootKey: RootKeySource
    package let operationsKept: Lifetime
    package let audit: AuditSettings
    /// Metrics and health; nil: not shown.
    package let admin: Endpoint?
    package let logLevel: Event.Level

    package static func load(file: String) throws(SettingsFaults) -> AuthoritySettings { try Settings.load(file, read) }

    private static func read(_ section: Section) -> AuthoritySettings? {
        let name = section.required("name", Forms.name, Forms.name)
        let id = section.value("id", "1 to 1000000", default: UInt64(1), Forms.number(1...1_000_000))
        let data = section.required("data", dataFolder, dataFolder)
        let store = section.section("store").map(readStore)
        let nodes = readNodes(section, own: name, id, joins: store?.joins ?? false)
        let rpc = section.requiredSection("rpc", "listen, unix, or sockets of a role")
        let listen = rpc?.optional("listen", Forms.endpoint) { Endpoint($0) }
        let doors = rpc.map { UnixDoors($0) } ?? UnixDoors()
        rpc?.finish()
        let tls = section.tls()
        let rootKey = readRootKey(section)
        let kept = section.section("limits")?.operationsKept() ?? Lifetime(seconds: 3600)
        let admin = section.admin()
        let audit = AuditSettings(section.section("audit"))
        let level = section.logLevel()
        if let rpc, !["listen", "unix", "unix_frontend", "unix_broadcaster"].contains(where: rpc.has) {
            section.file.fault(
                section.line(of: "rpc"), section.place("rpc"), "nobody can reach it", "listen, unix or both")
        }
        if listen != nil, tls == nil, !section.has("tls") {
            section.file.fault(
                section.line(of: "rpc"), section.place("tls"), "missing", "certificates, because rpc.listen is set")
        }
        if nodes.count > 1, store?.tls == nil || store?.listen == nil {
            section.file.fault(
                section.line(of: "nodes"), section.place("store"), "several nodes need store.listen and store.tls",
                "an address and certificates")
        }
        guard let name, let data, let rootKey else { return nil }
        return AuthoritySettings(
            name: name, id: id, dataDirectory: data, storeListen: store?.listen,
            storeLatency: store?.latency ?? .milliseconds(50), storeBinary: store?.binary, storeTLS: store?.tls,
            nodes: nodes, rpcListen: listen, rpcUnix: doors, tls: tls, rootKey: rootKey, operationsKept: kept,
            audit: audit, admin: admin, logLevel: level)
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
