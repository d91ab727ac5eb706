package import GroupModel
package import IKEVocabulary

/// How a process authenticates members, or a member the GCKS: files only, no secrets.
package struct CredentialFiles: Hashable, Sendable {
    package var certificate: String?
    package var key: String?
    package var trustAnchors: [String] = []
    package var revocationLists: [String] = []
    /// Lines of "identity secret"; mode 0600.
    package var sharedKeys: String?
}

extension Section {
    func credentials() -> CredentialFiles {
        var files = CredentialFiles()
        guard let section = requiredSection("credentials", "certificate and key, shared_keys, or both") else {
            return files
        }
        defer { section.finish() }
        files.certificate = section.optional("certificate", "a PEM file, leaf first", Forms.text)
        files.key = section.optional("key", "a PEM file of mode 0600", Forms.text)
        files.trustAnchors = section.list("trust_anchors", "PEM files", Forms.text) ?? []
        files.revocationLists = section.list("crls", "PEM files", Forms.text) ?? []
        files.sharedKeys = section.optional("shared_keys", "a file of mode 0600", Forms.text)
        if (files.certificate == nil) != (files.key == nil) {
            section.file.fault(
                section.line(of: "certificate"), section.path, "certificate and key come together", "both or none")
        }
        if files.certificate == nil, files.sharedKeys == nil {
            section.file.fault(
                section.line(of: "credentials"), section.path, "no way to authenticate",
                "certificate and key, or shared_keys")
        }
        for (key, path) in [("key", files.key), ("shared_keys", files.sharedKeys)] {
            if let path, let fault = SecretFile.fault(path) {
                section.file.fault(section.line(of: key), section.place(key), fault)
            }
        }
        return files
    }
}

extension Forms {
    static let ownEndpoint = "ADDRESS:PORT of this host, not 0.0.0.0 or ::, IPv6 in brackets"
    static func ownEndpoint(_ text: String) -> Endpoint? {
        Endpoint(text).flatMap { ownAddress($0.address.description) == nil || $0.port == 0 ? nil : $0 }
    }

    /// NAT detection hashes the address that datagrams leave from and arrive at, so it has to be one (RFC 7296 2.23).
    static let ownAddress = "one IPv4 or IPv6 address of this host, not 0.0.0.0, :: or multicast"
    static func ownAddress(_ text: String) -> IPAddress? {
        IPAddress(text).flatMap { $0.isUnspecified || $0.isMulticast ? nil : $0 }
    }
}

/// `gcks-frontend`'s file.
package struct FrontendSettings: Sendable {
    package struct Listener: Hashable, Sendable {
        package let address: IPAddress
        /// Ports of plain IKE: 500 and 848.
        package let ports: [UInt16]
        /// The port of IKE behind a non-ESP marker: 4500.
        package let natTraversalPort: UInt16
    }

    package let name: String
    package let identity: Identity
    package let listeners: [Listener]
    package let authorities: [AuthorityAddress]
    package let tls: TLSFiles?
    package let credentials: CredentialFiles
    package let proposals: IKEProposalSettings
    package let fragmentOctets: Int
    package let cookieThreshold: Int
    package let halfOpenLimit: Int
    package let saLimit: Int
    /// How long the keys of an IKE SA live.
    package let saLifetime: Duration
    /// How long a member that rekeys its IKE SA need not prove anew who it is.
    package let authenticationLifetime: Duration
    /// The numbers of the notifies; nil: rekeys carry the SA payload.
    package let optimizedRekey: [UInt16]?
    /// Silence after which a member is asked whether it lives.
    package let idleLimit: Duration
    /// Where other frontends hand on datagrams of our IKE SAs; nil: they do not.
    package let relay: Endpoint?
    /// Where members reach this frontend and no other: they are sent here when another drains. Nil: they are not.
    package let publicAddress: IPAddress?
    package let keyLog: String?
    /// Metrics and health; nil: not shown.
    package let admin: Endpoint?
    package let logLevel: Event.Level

    package static func load(file: String) throws(SettingsFaults) -> FrontendSettings { try Settings.load(file, read) }

    private static func read(_ section: Section) -> FrontendSettings? {
        let name = section.required("name", Forms.name, Forms.name)
        let identity = section.required("identity", Forms.identity) { Identity($0) }
        let listeners = section.sections("listen").compactMap(readListener)
        if listeners.isEmpty {
            section.file.fault(section.line(of: "listen"), section.place("listen"), "no address", "at least one")
        }
        let authorities = section.authorities()
        let tls = section.tls()
        let credentials = section.credentials()
        let ike = section.section("ike")
        let proposals = ike?.ikeProposals() ?? IKEProposalSettings()
        let fragment = ike?.value("fragment", "400 to 65000 octets", default: 1228, Forms.number(400...65_000)) ?? 1228
        let cookies = ike?.value("cookie_threshold", "0 to 1000000", default: 100, Forms.number(0...1_000_000)) ?? 100
        let halfOpen =
            ike?.value("half_open_limit", "1 to 1000000", default: 10_000, Forms.number(1...1_000_000)) ?? 10_000
        let sas = ike?.value("sa_limit", "1 to 10000000", default: 200_000, Forms.number(1...10_000_000)) ?? 200_000
        let life =
            ike?.value("sa_lifetime", Forms.duration, default: .seconds(86_400), Forms.duration) ?? .seconds(86_400)
        let proof =
            ike?.value("authentication_lifetime", Forms.duration, default: .seconds(7 * 86_400), Forms.duration)
            ?? .seconds(7 * 86_400)
        let optimized = ike?.optimizedRekey()
        let idle = ike?.value("idle_limit", Forms.duration, default: .seconds(3600), Forms.duration) ?? .seconds(3600)
        ike?.finish()
        let relay = section.section("relay")
        let relayListen = relay?.required("listen", Forms.ownEndpoint, Forms.ownEndpoint)
        relay?.finish()
        let publicAddress = section.optional("public_address", Forms.ownAddress, Forms.ownAddress)
        let keyLog = section.optional("key_log", "a folder, for the lab only", Forms.text)
        let admin = section.admin()
        let level = section.logLevel()
        guard let name, let identity else { return nil }
        return FrontendSettings(
            name: name, identity: identity, listeners: listeners, authorities: authorities, tls: tls,
            credentials: credentials, proposals: proposals, fragmentOctets: fragment, cookieThreshold: cookies,
            halfOpenLimit: halfOpen, saLimit: sas, saLifetime: life, authenticationLifetime: proof,
            optimizedRekey: optimized, idleLimit: idle, relay: relayListen,
            publicAddress: publicAddress, keyLog: keyLog, admin: admin, logLevel: level)
    }

    private static func readListener(_ section: Section) -> Listener? {
        defer { section.finish() }
        let address = section.required("address", Forms.ownAddress, Forms.ownAddress)
        let port = Forms.number(UInt16(1)...UInt16.max)
        let ports = section.list("ports", "1 to 65535", port) ?? [500, 848]
        let nat = section.value("nat_traversal_port", "1 to 65535", default: UInt16(4500), port)
        guard let address else { return nil }
        return Listener(address: address, ports: ports, natTraversalPort: nat)
    }
}

/// `gcks-broadcaster`'s file.
package struct BroadcasterSettings: Sendable {
    package let name: String
    package let authorities: [AuthorityAddress]
    package let tls: TLSFiles?
    /// Rekeys leave from these addresses: at most one of each family.
    package let sources: [IPAddress]
    package let interface: String?
    package let loops: Bool
    /// Metrics and health; nil: not shown.
    package let admin: Endpoint?
    package let logLevel: Event.Level

    package static func load(file: String) throws(SettingsFaults) -> BroadcasterSettings {
        try Settings.load(file, read)
    }

    private static func read(_ section: Section) -> BroadcasterSettings? {
        let name = section.required("name", Forms.name, Forms.name)
        let authorities = section.authorities()
        let tls = section.tls()
        let multicast = section.requiredSection("multicast", "source and interface")
        let sources = multicast?.list("sources", Forms.address) { IPAddress($0) } ?? []
        let interface = multicast?.optional("interface", "a network interface", Forms.text)
        let loops = multicast?.value("loop", Forms.flag, default: false, Forms.flag) ?? false
        multicast?.finish()
        if sources.isEmpty || Set(sources.map(\.isIPv4)).count != sources.count {
            section.file.fault(
                section.line(of: "multicast"), section.place("multicast.sources"), "\(sources.count) addresses",
                "one IPv4 address, one IPv6 address, or one of each")
        }
        let admin = section.admin()
        let level = section.logLevel()
        guard let name else { return nil }
        return BroadcasterSettings(
            name: name, authorities: authorities, tls: tls, sources: sources, interface: interface, loops: loops,
            admin: admin, logLevel: level)
    }
}
