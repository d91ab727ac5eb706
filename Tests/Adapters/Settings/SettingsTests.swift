import Foundation
import GroupModel
import IKEVocabulary
import Settings
import Testing

/// A file in a folder of its own, removed with it.
private func file(_ text: String, name: String = "x.yaml", mode: Int = 0o600) throws -> String {
    let folder = NSTemporaryDirectory() + "gcks-settings-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let path = folder + "/" + name
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    return path
}

private let config: URL = {
    var url = URL(fileURLWithPath: #filePath)
    while !FileManager.default.fileExists(atPath: url.appendingPathComponent("Package.swift").path) {
        url.deleteLastPathComponent()
    }
    return url.appendingPathComponent("Config")
}()

/// An example with its secret files moved to one that exists here.
private func example(_ name: String) throws -> String {
    let secret = try file("0123456789abcdef", name: "secret")
    var text = try String(contentsOf: config.appendingPathComponent(name), encoding: .utf8)
    for line in text.split(separator: "\n") where line.contains("key:") || line.contains("shared_keys:") {
        guard let path = line.split(separator: " ").first(where: { $0.hasPrefix("/etc") }) else { continue }
        text = text.replacingOccurrences(of: String(path), with: secret)
    }
    return try file(text)
}

private func faults<Value>(_ load: (String) throws -> Value, _ text: String) throws -> [SettingsFault] {
    do {
        _ = try load(try file(text))
        return []
    } catch let faults as SettingsFaults {
        return faults.faults
    }
}

@Suite struct ExampleTests {
    @Test func everyExampleIsValid() throws {
        let authority = try AuthoritySettings.load(file: example("authority.yaml"))
        #expect(authority.nodes.count == 3 && authority.rootKey == .credential("gcks-root-key"))
        let frontend = try FrontendSettings.load(file: example("frontend.yaml"))
        #expect(frontend.listeners.first?.ports == [500, 848] && frontend.proposals.keyWraps?.count == 2)
        #expect(try BroadcasterSettings.load(file: example("broadcaster.yaml")).sources.count == 1)
        let member = try MemberSettings.load(file: example("member.yaml"))
        #expect(member.groups.first?.senderIDs == 1 && member.sinks.count == 2)
        #expect(try ControlSettings.load(file: example("gcksctl.yaml")).timeout == .seconds(10))
    }

    @Test func everyGroupExampleIsValid() throws {
        let market = try GroupFile.load(config.appendingPathComponent("groups/market-data.yaml").path)
        #expect(market.first?.keyTree == nil)
        #expect(market.first?.rules.map(\.permission) == [.deny, .sender, .receiver])
        #expect(market.first?.data.first?.source.description == "198.51.100.0-198.51.100.255 udp any")
        let station = try GroupFile.load(config.appendingPathComponent("groups/substation-7.yaml").path)
        #expect(station.first?.rekey.destination.description == "[ff15::7:1]:848")
        #expect(station.first?.mode == .transport)
        #expect(station.first?.keyTree == KeyTreeDefinition(degree: 4, onLeave: .rekey))
    }

    /// `Config/Settings.md` lists every key that an example shows, and nothing that none does.
    @Test func theTableListsEveryKey() throws {
        let table = try String(contentsOf: config.appendingPathComponent("Settings.md"), encoding: .utf8)
        let listed = Set(
            table.split(separator: "\n").compactMap { row -> String? in
                let cells = row.split(separator: "`")
                return row.hasPrefix("| `") && cells.count > 1 ? String(cells[1]) : nil
            })
        var shown: Set<String> = []
        let names = [
            "authority", "frontend", "broadcaster", "member", "gcksctl", "groups/market-data", "groups/substation-7",
        ]
        for name in names {
            let text = try String(contentsOf: config.appendingPathComponent(name + ".yaml"), encoding: .utf8)
            for line in text.split(separator: "\n") {
                let code = (line.hasPrefix("# key_log") ? line.dropFirst(2) : line).prefix { $0 != "#" }
                var rest = Substring(code)
                while let colon = rest.firstIndex(of: ":") {
                    let word = rest[..<colon].reversed().prefix { $0.isLetter || $0 == "_" }.reversed()
                    let after = rest.index(after: colon)
                    let isKey = after == rest.endIndex || rest[after] == " "
                    if isKey, !word.isEmpty { shown.insert(String(word)) }
                    rest = rest[after...]
                }
            }
        }
        #expect(shown.subtracting(listed).sorted() == [])
        #expect(listed.subtracting(shown).sorted() == [])
    }
}

@Suite struct StrictnessTests {
    private let controls = "authorities:\n  - { name: a, address: \"127.0.0.1:1\" }\n"

    @Test func anUnknownKeyNamesTheNearest() throws {
        let found = try faults(ControlSettings.load, controls + "timeuot: 10s\n")
        #expect(found.map(\.line) == [3])
        #expect(found.first?.path == "timeuot")
        #expect(found.first?.valid == "nearest is timeout")
        #expect(found.first?.description.contains(":3: timeuot: unknown key") == true)
    }

    @Test func everyFaultIsToldInTheOrderOfItsLine() throws {
        let text = "authorities:\n  - { name: a }\ntimeout: 10\nfoo: 1\n"
        let found = try faults(ControlSettings.load, text)
        #expect(found.map(\.path) == ["authorities", "authorities[0].address", "timeout", "foo"])
        #expect(found.map(\.line) == [1, 2, 3, 4])
    }

    @Test(arguments: ["10", "10 s", "-1s", "1.5s", "s", "10x", "010s", "99999999999s"])
    func wrongUnitsAreRefused(_ value: String) throws {
        #expect(try faults(ControlSettings.load, controls + "timeout: \"\(value)\"\n").map(\.path) == ["timeout"])
    }

    @Test func duplicatesAndBrokenFilesAreRefused() throws {
        #expect(try faults(ControlSettings.load, controls + "timeout: 1s\ntimeout: 2s\n").count == 1)
        #expect(try faults(ControlSettings.load, "a: [1, 2\n").count == 1)
        #expect(try faults(ControlSettings.load, "").count == 1)
        #expect(try faults(ControlSettings.load, "- a\n").count == 1)
        #expect(throws: SettingsFaults.self) { try ControlSettings.load(file: "/nonexistent/x.yaml") }
    }

    @Test func aSecretThatOthersMayReadIsRefused() throws {
        let key = try file("k", mode: 0o644)
        let text = controls + "tls: { ca: a, certificate: b, key: \(key) }\n"
        let found = try faults(ControlSettings.load, text)
        #expect(found.map(\.path) == ["tls.key"])
        #expect(found.first?.problem.contains("chmod 600") == true)
    }

    /// Under trust anchors every member has a certificate too: without a name any of them could play the GCKS.
    @Test func aMemberWithTrustAnchorsNamesItsGCKS() throws {
        let key = try file("k")
        let base =
            "identity: \"fqdn:a\"\nfrontends: [{ address: \"192.0.2.1:500\" }]\ngroups: [{ id: \"keyid:g\" }]\n"
        let anchored = "credentials: { certificate: c, key: \(key), trust_anchors: [x] }\n"
        let found = try faults(MemberSettings.load, base + anchored)
        #expect(found.map(\.path) == ["gcks"])
        #expect(found.first?.valid.contains("fqdn:") == true)
        #expect(try faults(MemberSettings.load, base + anchored + "gcks: \"fqdn:gcks\"\n") == [])
        #expect(try faults(MemberSettings.load, base + "credentials: { shared_keys: \(key) }\n") == [])
    }

    /// 1280 octets of an IPv6 packet, less its header, UDP and the marker.
    @Test func fragmentsFitTheLeastMTU() throws {
        let key = try file("k")
        let member =
            "identity: \"fqdn:a\"\nfrontends: [{ address: \"192.0.2.1:500\" }]\ngroups: [{ id: \"keyid:g\" }]\n"
        let credentials = "credentials: { shared_keys: \(key) }\n"
        #expect(try MemberSettings.load(file: file(member + credentials)).fragmentOctets == 1228)
        let frontend = "name: f\nidentity: \"fqdn:a\"\nlisten: [{ address: 192.0.2.1 }]\n"
        #expect(try FrontendSettings.load(file: file(frontend + controls + credentials)).fragmentOctets == 1228)
        #expect(try FrontendSettings.load(file: example("frontend.yaml")).fragmentOctets == 1228)
        #expect(try MemberSettings.load(file: example("member.yaml")).fragmentOctets == 1228)
    }

    @Test func authorityRulesAcrossKeys() throws {
        let base = "name: a\ndata: /tmp/x\nroot_key: { file: r }\n"
        #expect(try faults(AuthoritySettings.load, base + "rpc: { unix: /tmp/s }\n") == [])
        #expect(try faults(AuthoritySettings.load, base + "rpc: {}\n").count == 1)
        #expect(try faults(AuthoritySettings.load, base + "rpc: { listen: \"127.0.0.1:1\" }\n").map(\.path) == ["tls"])
        let nodes = "nodes: [{ name: a, id: 1, store: \"h:1\" }, { name: b, id: 2, store: \"h:2\" }]\n"
        #expect(try faults(AuthoritySettings.load, base + "rpc: { unix: /tmp/s }\n" + nodes).map(\.path) == ["store"])
        let two = base.replacingOccurrences(of: "{ file: r }", with: "{ file: r, credential: c }")
        #expect(try faults(AuthoritySettings.load, two + "rpc: { unix: /tmp/s }\n").map(\.path) == ["root_key"])
    }
}

/// What would make a store die again and again is found in the file.
@Suite struct NodeSettingsTests {
    private func text(
        name: String = "a", id: Int = 1, data: String = "/tmp/x", store: String = "", nodes: [String] = []
    ) -> String {
        var lines = [
            "name: \"\(name)\"", "id: \(id)", "data: \(data)", "root_key: { file: r }", "rpc: { unix: /tmp/s }",
        ]
        let key = NSTemporaryDirectory() + "gcks-settings-key"
        if !FileManager.default.fileExists(atPath: key) {
            _ = FileManager.default.createFile(
                atPath: key, contents: Data([1]), attributes: [.posixPermissions: 0o600])
        }
        let tls = "tls: { ca: a, certificate: b, key: \(key) }"
        lines.append("store: { listen: \"127.0.0.1:1\", \(tls)\(store) }")
        if !nodes.isEmpty { lines += ["nodes:"] + nodes.map { "  - { \($0) }" } }
        return lines.joined(separator: "\n") + "\n"
    }

    private let three = [
        "name: a, id: 1, store: \"h:1\"", "name: b, id: 2, store: \"h:2\"", "name: c, id: 3, store: \"[::1]:3\"",
    ]

    private func expect(
        _ text: String, _ path: String, line: Int, at location: SourceLocation = #_sourceLocation
    ) throws {
        let found = try faults(AuthoritySettings.load, text)
        #expect(found.map(\.path) == [path], "\(found)", sourceLocation: location)
        #expect(found.map(\.line) == [line], "\(found)", sourceLocation: location)
        #expect(found.allSatisfy { !$0.valid.isEmpty }, sourceLocation: location)
    }

    @Test func goodNodesAreTaken() throws {
        #expect(try faults(AuthoritySettings.load, text()) == [])
        #expect(try faults(AuthoritySettings.load, text(nodes: three)) == [])
        // The first node was replaced under a new id.
        let later = three.dropFirst() + ["name: d, id: 4, store: \"h:4\""]
        let joining = text(name: "d", id: 4, store: ", joins: true", nodes: Array(later))
        #expect(try faults(AuthoritySettings.load, joining) == [])
    }

    @Test(arguments: ["0ms", "10001ms", "11s", "1h"]) func latencyHasItsBounds(_ latency: String) throws {
        try expect(text(store: ", latency: \(latency)"), "store.latency", line: 6)
    }

    @Test(arguments: ["1ms", "10s"]) func latencyMayBe(_ latency: String) throws {
        #expect(try faults(AuthoritySettings.load, text(store: ", latency: \(latency)")) == [])
    }

    @Test func nodesAreUnique() throws {
        try expect(text(nodes: three + ["name: b, id: 4, store: \"h:4\""]), "nodes[3].name", line: 11)
        try expect(text(nodes: three + ["name: d, id: 2, store: \"h:4\""]), "nodes[3].id", line: 11)
    }

    @Test func somebodyStartsTheCluster() throws {
        try expect(text(name: "b", id: 2, nodes: Array(three.dropFirst())), "nodes", line: 7)
        try expect(text(id: 2), "id", line: 2)
    }

    @Test func theOwnNodeIsAmongThem() throws {
        try expect(text(name: "x", nodes: three), "nodes", line: 7)
        try expect(text(id: 2, nodes: three), "nodes", line: 7)
    }

    @Test(arguments: ["a b", "a/b", "ä", "a@b", String(repeating: "a", count: 65)]) func namesArePlain(_ name: String)
        throws
    {
        try expect(text(name: name), "name", line: 1)
        try expect(text(nodes: three + ["name: \"\(name)\", id: 4, store: \"h:4\""]), "nodes[3].name", line: 11)
    }

    @Test(arguments: ["h", "h:0", "h:x", "h:70000", ":1", "::1:1", "h,i:1", "[h]:1"])
    func placesAreRead(_ place: String) throws {
        try expect(text(nodes: three + ["name: d, id: 4, store: \"\(place)\""]), "nodes[3].store", line: 11)
    }

    @Test func socketsFitTheirAddress() throws {
        let longest = "/" + String(repeating: "d", count: 91)
        #expect(try faults(AuthoritySettings.load, text(data: longest)) == [])
        try expect(text(data: longest + "d"), "data", line: 3)
        let socket = text().replacingOccurrences(of: "/tmp/s", with: "/" + String(repeating: "s", count: 103))
        try expect(socket, "rpc.unix", line: 5)
    }

    @Test func unixSocketsAreOfOneRole() throws {
        func rpc(_ lines: String) -> String { text().replacingOccurrences(of: "unix: /tmp/s", with: lines) }
        let three = rpc(
            "unix: /tmp/o, unix_frontend: /tmp/f, unix_frontend_uids: [7, 8], unix_broadcaster: /tmp/b")
        let doors = try AuthoritySettings.load(file: try file(three)).rpcUnix
        #expect(doors.operators == .init(path: "/tmp/o", users: []))
        #expect(doors.frontends == .init(path: "/tmp/f", users: [7, 8]))
        #expect(doors.broadcasters == .init(path: "/tmp/b", users: []))
        #expect(try faults(AuthoritySettings.load, rpc("unix_frontend: /tmp/f")) == [])
        try expect(rpc("unix: /tmp/o, unix_frontend: /tmp/o"), "rpc.unix_frontend", line: 5)
        try expect(rpc("unix: /tmp/o, unix_broadcaster_uids: [1]"), "rpc.unix_broadcaster", line: 5)
        try expect(rpc("unix: /tmp/o, unix_uids: [me]"), "rpc.unix_uids[0]", line: 5)
    }
}

/// What a member says of itself in a group's section.
@Suite struct MemberGroupTests {
    private func settings(_ group: String, local: String = "", ike: String = "") throws -> MemberSettings {
        let key = try file("k")
        let base = "identity: \"fqdn:a\"\nfrontends: [{ address: \"192.0.2.1:500\" }]\n"
        let head = base + "credentials: { shared_keys: \(key) }\n" + local + ike
        let text = head + "groups:\n  - { id: \"keyid:g\"\(group) }\n"
        return try MemberSettings.load(file: file(text))
    }

    @Test func theSourceIsTheLocalAddressUnlessItIsSaid() throws {
        #expect(try settings("").groups.first?.source == nil)
        let local = "local_address: 192.0.2.7\n"
        #expect(try settings("", local: local).groups.first?.source?.description == "192.0.2.7")
        #expect(try settings(", source: 2001:db8::7", local: local).groups.first?.source?.description == "2001:db8::7")
        for wrong in ["any", "239.1.1.1", "0.0.0.0", "192.0.2.0/24"] {
            #expect(throws: SettingsFaults.self) { try settings(", source: \(wrong)") }
        }
    }

    @Test func proposalsAreEverythingOrAListOrNone() throws {
        #expect(try settings("").groups.first?.proposals == SAgSettings())
        #expect(try settings(", proposals: none").groups.first?.proposals == nil)
        let listed = try settings(
            ", proposals: { encryption: [aes-gcm-256], key_wrap: [kw-5649-256], authentication: [ed25519, implicit] }")
        let proposals = try #require(listed.groups.first?.proposals)
        #expect(proposals.suites == [.aesGCM256] && proposals.keyWraps == [.kw5649_256])
        #expect(proposals.authentications == [.ed25519, .implicit])
        for wrong in ["all", "{ encryption: [rot13] }", "{ encyption: [aes-gcm-256] }", "{ authentication: ed25519 }"] {
            #expect(throws: SettingsFaults.self) { try settings(", proposals: \(wrong)") }
        }
    }

    @Test func livenessIsASecondOrMore() throws {
        #expect(try settings("", ike: "ike: { liveness: 1s }\n").liveness == .seconds(1))
        for wrong in ["0s", "0ms", "999ms"] {
            #expect(throws: SettingsFaults.self) { try settings("", ike: "ike: { liveness: \(wrong) }\n") }
        }
    }

    @Test func rekeysOfTheIKESA() throws {
        #expect(try settings("").saLifetime == .seconds(86_400))
        #expect(try settings("").optimizedRekey == nil)
        #expect(try settings("", ike: "ike: { sa_lifetime: 4h }\n").saLifetime == .seconds(14_400))
        #expect(try settings("", ike: "ike: { optimized_rekey: [50400, 50401] }\n").optimizedRekey == [50_400, 50_401])
        for wrong in [
            "sa_lifetime: 0s", "optimized_rekey: [50400]", "optimized_rekey: [50400, 50400]",
            "optimized_rekey: [14, 50401]", "optimized_rekey: 50400", "optimized_rekey: [50400, 50401, 50402]",
        ] {
            #expect(throws: SettingsFaults.self) { try settings("", ike: "ike: { \(wrong) }\n") }
        }
    }
}

@Suite struct GroupFileTests {
    private let good = """
        group: g
        id: "keyid:g"
        mode: tunnel
        rekey: { address: 239.1.1.1 }
        data:
          - { name: a, destination: "239.1.1.2:5000" }
        """

    @Test func whatIsLeftOutHasItsDefault() throws {
        let group = try #require(try GroupFile.load(try file(good)).first)
        #expect(group.rekey.authentication == .ed25519 && group.rekey.destination.port == 848)
        #expect(group.rekey.fragmentOctets == 1228)
        #expect(group.data.first?.senders == .single && group.data.first?.lifetime == Lifetime(seconds: 3600))
        #expect(group.activationTimeDelay == 5 && group.deactivationTimeDelay == 10 && group.rules.isEmpty)
    }

    @Test func severalFaultsOneLineEach() throws {
        let bad = """
            group: Bad Name
            id: "keyid:g"
            mode: tunel
            rekey:
              address: 239.1.1.1
              copies: many
            data:
              - { name: a, destination: nowhere, senders: some }
            """
        let found = try faults(GroupFile.load, bad)
        #expect(found.map(\.line) == [1, 3, 6, 8, 8])
        #expect(Set(found.map(\.path)) == ["group", "mode", "rekey.copies", "data[0].destination", "data[0].senders"])
        #expect(found.allSatisfy { !$0.valid.isEmpty })
    }

    @Test func meaningIsCheckedWithItsLine() throws {
        let bad = good.replacingOccurrences(of: "239.1.1.1 }", with: "192.0.2.1, ttl: 0 }")
        let found = try faults(GroupFile.load, bad)
        #expect(Set(found.map(\.path)) == ["rekey.address", "rekey.ttl"])
        #expect(found.allSatisfy { $0.line == 4 })
    }
}
