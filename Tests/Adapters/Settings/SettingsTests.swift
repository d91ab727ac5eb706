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
        #expect(market.first?.rules.map(\.permission) == [.deny, .sender, .receiver])
        #expect(market.first?.data.first?.source.description == "198.51.100.0-198.51.100.255 udp any")
        let station = try GroupFile.load(config.appendingPathComponent("groups/substation-7.yaml").path)
        #expect(station.first?.rekey.destination.description == "[ff15::7:1]:848")
        #expect(station.first?.mode == .transport)
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
