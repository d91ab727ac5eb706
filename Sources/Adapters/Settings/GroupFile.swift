package import GroupModel
import IKEVocabulary

/// Group files: one YAML document for each group (`gcksctl group apply -f`).
package enum GroupFile {
    /// - Throws: every fault of every document; then nothing of the file is applied.
    package static func load(_ path: String) throws(SettingsFaults) -> [GroupDefinition] {
        let file = SettingsFile(path)
        let definitions = file.documents().compactMap { section -> GroupDefinition? in
            let definition = read(section)
            section.finish()
            guard let definition else { return nil }
            for fault in definition.faults() {
                file.fault(line(of: fault.path, in: section), fault.path, fault.problem, fault.valid)
            }
            return definition
        }
        guard file.faults.isEmpty else { throw file.failure }
        return definitions
    }

    /// The line of "rekey.port" or "data[1].source" in the document.
    private static func line(of path: String, in section: Section) -> Int {
        var parts = path.split(separator: ".")
        guard let first = parts.first else { return section.line(of: "") }
        parts.removeFirst()
        let name = String(first.prefix { $0 != "[" })
        guard !parts.isEmpty else { return section.line(of: name) }
        let rest = String(parts.joined(separator: "."))
        if let open = first.firstIndex(of: "["), let index = Int(first[first.index(after: open)...].dropLast()) {
            let items = section.sections(name)
            return index < items.count ? line(of: rest, in: items[index]) : section.line(of: name)
        }
        return section.section(name).map { line(of: rest, in: $0) } ?? section.line(of: name)
    }

    private static func read(_ section: Section) -> GroupDefinition? {
        let name = section.required("group", "1 to 64 of a-z, 0-9, '-', '_', '.'") { GroupName($0) }
        let id = section.required("id", Forms.identity) { Identity($0) }
        let mode = section.required("mode", Forms.named(SAMode.self)) { SAMode(rawValue: $0) }
        let rekey = section.requiredSection("rekey", "address and lifetime").flatMap(readRekey)
        let data = section.sections("data").map(readData)
        let delays = section.section("delays")
        let activation = delays?.value("activation", Forms.duration, default: 5, Forms.seconds16) ?? 5
        let deactivation = delays?.value("deactivation", Forms.duration, default: 10, Forms.seconds16) ?? 10
        delays?.finish()
        let width = section.value("sender_id_bits", "1 to 32", default: SenderIDWidth(bits: 16)) { text in
            UInt16(text).flatMap { SenderIDWidth(bits: $0) }.map { .some($0) }
        }
        let limit = section.value("member_limit", "1 to 1000000", default: UInt32(10_000)) { UInt32($0) }
        let rules = section.sections("allow").map(readRule)
        let keyTree = section.section("key_tree").map(readKeyTree)
        guard let name, let id, let mode, let rekey, let width, !data.contains(nil), !rules.contains(nil) else {
            return nil
        }
        return GroupDefinition(
            name: name, identification: id, mode: mode, rekey: rekey, data: data.compactMap { $0 },
            activationTimeDelay: activation, deactivationTimeDelay: deactivation, senderIDWidth: width,
            memberLimit: limit, rules: rules.compactMap { $0 }, keyTree: keyTree)
    }

    private static func readKeyTree(_ section: Section) -> KeyTreeDefinition {
        defer { section.finish() }
        let degree = section.value("degree", "2 to 16", default: KeyTreeDefinition.usualDegree) { UInt8($0) }
        let onLeave = section.value("on_leave", Forms.named(LeaveRule.self), default: .batch) {
            LeaveRule(rawValue: $0)
        }
        return KeyTreeDefinition(degree: degree, onLeave: onLeave)
    }

    private static func readRekey(_ section: Section) -> RekeyDefinition? {
        defer { section.finish() }
        let address = section.required("address", "a multicast address") { IPAddress($0) }
        let port = section.value("port", "1 to 65535", default: UInt16(848)) { UInt16($0) }
        let suite = section.value("encryption", Forms.suite, default: .aesGCM256, Forms.suite)
        let wrap = section.value("key_wrap", Forms.keyWrap, default: .kw5649_256, Forms.keyWrap)
        let authentication = section.value(
            "authentication", Forms.named(RekeyAuthentication.self), default: .ed25519
        ) { RekeyAuthentication(rawValue: $0) }
        let lifetime = section.value("lifetime", Forms.duration, default: Lifetime(seconds: 86_400), Forms.lifetime)
        let copies = section.value("copies", "1 to 10", default: UInt8(2)) { UInt8($0) }
        let spacing = section.value("spacing", Forms.duration, default: .milliseconds(250), Forms.duration)
        let pace = section.value(
            "pace", "0ms to 1s", default: DefinitionLimits.usualPace, Forms.duration)
        let fragment = section.value("fragment", "400 to 65000", default: UInt16(1228)) { UInt16($0) }
        let ttl = section.value("ttl", "1 to 255", default: UInt8(16)) { UInt8($0) }
        guard let address else { return nil }
        return RekeyDefinition(
            destination: Endpoint(address, port: port), suite: suite, keyWrap: wrap, authentication: authentication,
            lifetime: lifetime, copies: copies, spacing: spacing, fragmentOctets: fragment, timeToLive: ttl,
            pace: pace)
    }

    private static func readData(_ section: Section) -> DataSADefinition? {
        defer { section.finish() }
        let name = section.required("name", Forms.text, Forms.text)
        let target = section.required("destination", "a multicast ADDRESS or ADDRESS:PORT") { text in
            IPAddress(text).map { ($0, UInt16?.none) } ?? Endpoint(text).map { ($0.address, .some($0.port)) }
        }
        let transport = section.value("protocol", "udp, any or a protocol number", default: UInt8(17)) { text in
            text == "udp" ? 17 : text == "any" ? 0 : UInt8(text)
        }
        let family = target?.0.isIPv4 ?? true
        let source = section.value(
            "source", Forms.addresses, default: Forms.addresses("any", ipv4: family)
        ) { text in Forms.addresses(text, ipv4: family).map { .some($0) } }
        let suite = section.value("encryption", Forms.suite, default: .aesGCM256, Forms.suite)
        let senders = section.value("senders", Forms.named(SenderModel.self), default: .single) {
            SenderModel(rawValue: $0)
        }
        let lifetime = section.value("lifetime", Forms.duration, default: Lifetime(seconds: 3600), Forms.lifetime)
        guard let name, let target, let source else { return nil }
        guard let from = TrafficSelector(first: source.first, last: source.last, ipProtocol: transport) else {
            section.file.fault(section.line(of: "source"), section.place("source"), "not a range", Forms.addresses)
            return nil
        }
        return DataSADefinition(
            name: name, source: from,
            destination: .single(target.0, ipProtocol: transport, port: target.1), suite: suite, senders: senders,
            lifetime: lifetime)
    }

    private static func readRule(_ section: Section) -> AuthorisationRule? {
        defer { section.finish() }
        let pattern = section.required("identity", Forms.identity + ", '*' for any part") { IdentityPattern($0) }
        let permission = section.value(
            "as", Forms.named(AuthorisationRule.Permission.self), default: .receiver
        ) { AuthorisationRule.Permission(rawValue: $0) }
        let limit = section.value("sender_ids", "1 to 64", default: UInt16(1)) { UInt16($0) }
        return pattern.map { AuthorisationRule(pattern: $0, permission: permission, senderIDLimit: limit) }
    }
}
