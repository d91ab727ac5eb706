package import GroupModel
package import IKEVocabulary

/// `gcks-member`'s file.
package struct MemberSettings: Sendable {
    package struct Frontend: Hashable, Sendable {
        package let address: Endpoint
        package let natTraversalPort: UInt16
    }

    package struct Group: Hashable, Sendable {
        package let id: Identity
        /// Nil for a receiver.
        package let senderIDs: UInt32?
        /// Where GSA_REKEY arrives, when it is known: then no rekey falls between registration and listening.
        package let rekey: Endpoint?
        /// The address this member sends from: it is a sender only of SAs whose source holds it. Nil: of every SA.
        package let source: IPAddress?
        /// Nil: no SAg is sent.
        package let proposals: SAgSettings?
        /// Where the data plane writes which number it sends next; nil: nothing is reported.
        package let sequenceFile: String?
    }

    package enum Sink: Hashable, Sendable {
        /// JSON lines into this folder; Wireshark tables with keys only when asked for.
        case export(folder: String, withKeys: Bool)
        case exec(command: String, arguments: [String])
    }

    package let identity: Identity
    package let gcks: Identity?
    package let frontends: [Frontend]
    /// Nil: the one that the route to the frontend has.
    package let localAddress: IPAddress?
    package let interface: String?
    package let credentials: CredentialFiles
    package let proposals: IKEProposalSettings
    package let fragmentOctets: Int
    package let forcesNATTraversal: Bool
    package let liveness: Duration
    /// How long the keys of an IKE SA live: they are replaced in time.
    package let saLifetime: Duration
    /// The numbers of the notifies; nil: rekeys carry the SA payload.
    package let optimizedRekey: [UInt16]?
    /// How often a request is sent before the next frontend is tried: after 0.5 s, then twice as long each time.
    package let tries: Int
    /// IKE_AUTH without a group first, as a plain IKEv2 peer expects it; groups follow by GSA_REGISTRATION.
    package let isChildless: Bool
    package let groups: [Group]
    package let sinks: [Sink]
    package let leavesOnExit: Bool
    package let keyLog: String?
    /// Metrics and health; nil: not shown.
    package let admin: Endpoint?
    package let logLevel: Event.Level

    package static func load(file: String) throws(SettingsFaults) -> MemberSettings { try Settings.load(file, read) }

    private static func read(_ section: Section) -> MemberSettings? {
        let identity = section.required("identity", Forms.identity) { Identity($0) }
        let gcks = section.optional("gcks", Forms.identity) { Identity($0) }
        let frontends = section.sections("frontends").compactMap(readFrontend)
        if frontends.isEmpty {
            section.file.fault(section.line(of: "frontends"), section.place("frontends"), "no frontend", "at least one")
        }
        let local = section.optional(
            "local_address", Forms.ownAddress + "; left out: that of the route", Forms.ownAddress)
        let interface = section.optional("interface", "a network interface", Forms.text)
        let credentials = section.credentials()
        if gcks == nil, !credentials.trustAnchors.isEmpty {
            section.file.fault(
                section.line(of: "gcks"), section.place("gcks"),
                "left out, so that any certificate under trust_anchors could play the GCKS", Forms.identity)
        }
        let ike = section.section("ike")
        let proposals = ike?.ikeProposals() ?? IKEProposalSettings()
        let fragment = ike?.value("fragment", "400 to 65000 octets", default: 1228, Forms.number(400...65_000)) ?? 1228
        let nat = ike?.value("force_nat_traversal", Forms.flag, default: false, Forms.flag) ?? false
        let liveness = ike?.value("liveness", Forms.pause, default: .seconds(60), Forms.pause) ?? .seconds(60)
        let life =
            ike?.value("sa_lifetime", Forms.pause, default: .seconds(86_400), Forms.pause) ?? .seconds(86_400)
        let optimized = ike?.optimizedRekey()
        let tries = ike?.value("tries", "2 to 12", default: 4, Forms.number(2...12)) ?? 4
        let childless = ike?.value("childless", Forms.flag, default: false, Forms.flag) ?? false
        ike?.finish()
        let groups = section.sections("groups").compactMap { readGroup($0, local) }
        if groups.isEmpty, !childless {
            section.file.fault(section.line(of: "groups"), section.place("groups"), "no group", "at least one")
        }
        let sinks = section.sections("sinks").compactMap(readSink)
        let leaves = section.value("leave_on_exit", Forms.flag, default: true, Forms.flag)
        let keyLog = section.optional("key_log", "a folder, for the lab only", Forms.text)
        let admin = section.admin()
        let level = section.logLevel()
        guard let identity else { return nil }
        return MemberSettings(
            identity: identity, gcks: gcks, frontends: frontends, localAddress: local, interface: interface,
            credentials: credentials, proposals: proposals, fragmentOctets: fragment, forcesNATTraversal: nat,
            liveness: liveness, saLifetime: life, optimizedRekey: optimized, tries: tries, isChildless: childless,
            groups: groups, sinks: sinks,
            leavesOnExit: leaves,
            keyLog: keyLog, admin: admin, logLevel: level)
    }

    private static func readFrontend(_ section: Section) -> Frontend? {
        defer { section.finish() }
        let address = section.required("address", Forms.endpoint + ", port 500 or 848") { Endpoint($0) }
        let nat = section.value(
            "nat_traversal_port", "1 to 65535", default: UInt16(4500), Forms.number(UInt16(1)...UInt16.max))
        return address.map { Frontend(address: $0, natTraversalPort: nat) }
    }

    private static func readGroup(_ section: Section, _ local: IPAddress?) -> Group? {
        defer { section.finish() }
        let id = section.required("id", Forms.identity) { Identity($0) }
        let isSender = section.value("role", "sender or receiver", default: false) { text in
            text == "sender" ? true : text == "receiver" ? false : nil
        }
        let count = section.value("sender_ids", "1 to 64", default: UInt32(1), Forms.number(1...64))
        let rekey = section.optional("rekey", Forms.endpoint) { Endpoint($0) }
        let source = section.optional("source", Forms.ownAddress, Forms.ownAddress) ?? local
        let proposals = readProposals(section)
        let sequence = section.optional("sequence_file", "a file", Forms.text)
        return id.map {
            Group(
                id: $0, senderIDs: isSender ? count : nil, rekey: rekey, source: source, proposals: proposals,
                sequenceFile: sequence)
        }
    }

    private static func readProposals(_ section: Section) -> SAgSettings? {
        if section.says("proposals", "none") { return nil }
        guard let section = section.section("proposals") else { return SAgSettings() }
        defer { section.finish() }
        return SAgSettings(
            suites: section.list("encryption", Forms.suite, Forms.suite),
            keyWraps: section.list("key_wrap", Forms.keyWrap, Forms.keyWrap),
            authentications: section.list("authentication", Forms.named(RekeyAuthentication.self)) {
                RekeyAuthentication(rawValue: $0)
            })
    }

    private static func readSink(_ section: Section) -> Sink? {
        defer { section.finish() }
        if let export = section.section("export") {
            defer { export.finish() }
            let folder = export.required("folder", "a folder", Forms.text)
            let keys = export.value("with_keys", Forms.flag, default: false, Forms.flag)
            return folder.map { .export(folder: $0, withKeys: keys) }
        }
        if let exec = section.section("exec") {
            defer { exec.finish() }
            let command = exec.required("command", "a program", Forms.text)
            let arguments = exec.list("arguments", Forms.text, Forms.text) ?? []
            return command.map { .exec(command: $0, arguments: arguments) }
        }
        section.file.fault(section.line(of: "export"), section.path, "no sink", "export or exec")
        return nil
    }
}

/// What a member offers for the SAs of a group; nil means all it can do.
package struct SAgSettings: Hashable, Sendable {
    package var suites: [ProtectionSuite]?
    package var keyWraps: [KeyWrapID]?
    package var authentications: [RekeyAuthentication]?

    package init(
        suites: [ProtectionSuite]? = nil, keyWraps: [KeyWrapID]? = nil, authentications: [RekeyAuthentication]? = nil
    ) {
        self.suites = suites
        self.keyWraps = keyWraps
        self.authentications = authentications
    }
}
