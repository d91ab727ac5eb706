import GroupModel
import IKEVocabulary
import Testing

private func definition(_ change: (inout GroupDefinition) throws -> Void = { _ in }) throws -> GroupDefinition {
    let multicast = try #require(IPAddress("239.1.1.1"))
    var definition = GroupDefinition(
        name: try #require(GroupName("g")), identification: .keyID("g"), mode: .tunnel,
        rekey: RekeyDefinition(
            destination: Endpoint(multicast, port: 848), suite: .aesGCM256, keyWrap: .kw5649_256,
            authentication: .ed25519, lifetime: Lifetime(seconds: 86_400), copies: 2, spacing: .milliseconds(250),
            fragmentOctets: 1280, timeToLive: 16),
        data: [
            DataSADefinition(
                name: "a", source: .any(ipv4: true), destination: .single(multicast), suite: .aesGCM256,
                senders: .single,
                lifetime: Lifetime(seconds: 3600))
        ],
        activationTimeDelay: 5, deactivationTimeDelay: 10, senderIDWidth: try #require(SenderIDWidth(bits: 16)),
        memberLimit: 10, rules: [])
    try change(&definition)
    return definition
}

@Suite struct DefinitionTests {
    @Test func aGoodDefinitionHasNoFaults() throws { #expect(try definition().faults() == []) }

    @Test func eachFaultNamesItsPath() throws {
        let unicast = try #require(IPAddress("192.0.2.1"))
        let cases: [(String, (inout GroupDefinition) throws -> Void)] = [
            ("id", { $0.identification = Identity(type: .keyID, octets: []) }),
            ("member_limit", { $0.memberLimit = 0 }), ("member_limit", { $0.memberLimit = 1_000_001 }),
            ("delays.deactivation", { $0.deactivationTimeDelay = 5 }),
            ("rekey.address", { $0.rekey.destination = Endpoint(unicast, port: 848) }),
            ("rekey.port", { $0.rekey.destination = Endpoint($0.rekey.destination.address, port: 0) }),
            ("rekey.lifetime", { $0.rekey.lifetime = Lifetime(seconds: 59) }),
            ("rekey.copies", { $0.rekey.copies = 0 }), ("rekey.copies", { $0.rekey.copies = 11 }),
            ("rekey.spacing", { $0.rekey.spacing = .seconds(11) }),
            ("rekey.fragment", { $0.rekey.fragmentOctets = 399 }), ("rekey.ttl", { $0.rekey.timeToLive = 0 }),
            ("rekey.key_wrap", { $0.rekey.keyWrap = .kw5649_128 }), ("data", { $0.data = [] }),
            ("data[1].name", { $0.data.append($0.data[0]) }),
            ("data[0].destination", { $0.data[0].destination = .single(unicast) }),
            ("data[0].source", { $0.data[0].source = .any(ipv4: false) }),
            ("data[0].lifetime", { $0.data[0].lifetime = Lifetime(seconds: 1) }),
        ]
        for (path, change) in cases {
            let faults = try definition(change).faults()
            #expect(faults.map(\.path).contains(path), "\(path): \(faults)")
            #expect(faults.allSatisfy { !$0.problem.isEmpty && !$0.valid.isEmpty })
        }
    }

    @Test func namesOfDataSAsCanBePrinted() throws {
        for name in ["quotes", "Börse 1", "a/b:c", String(repeating: "x", count: 64)] {
            #expect(try definition { $0.data[0].name = name }.faults() == [], "\(name)")
        }
        for name in ["", "a\0b", "\0", "a\nb", "\u{7f}", "a\u{202e}b", "a\u{2028}b", String(repeating: "x", count: 65)]
        {
            let paths = try definition { $0.data[0].name = name }.faults().map(\.path)
            #expect(paths == ["data[0].name"], "\(name.debugDescription)")
        }
    }

    @Test func patternsMatchWithinTheirType() throws {
        let pattern = try #require(IdentityPattern("fqdn:*.example"))
        #expect(pattern.matches(.fqdn("gm1.example")))
        #expect(pattern.matches(.fqdn("a.b.example")))
        #expect(!pattern.matches(.fqdn("example")))
        #expect(!pattern.matches(.fqdn("gm1.example.org")))
        #expect(!pattern.matches(.rfc822("x.example")))
        #expect(try #require(IdentityPattern("fqdn:a*b*c")).matches(.fqdn("axxbyyc")))
        #expect(!(try #require(IdentityPattern("fqdn:a*b*c")).matches(.fqdn("axxbyy"))))
        for text in ["*", "*:x", "fqdn:", "host:x"] { #expect(IdentityPattern(text) == nil, "\(text)") }
    }

    /// A pattern of stars against a long name must not take exponential time.
    @Test func hostilePatternsAreLinear() throws {
        let pattern = try #require(IdentityPattern("fqdn:" + String(repeating: "*a", count: 60) + "b"))
        #expect(!pattern.matches(.fqdn(String(repeating: "a", count: 4000))))
    }

    @Test func namesAreNarrow() {
        for text in ["a", "market-data", "g.1_x", String(repeating: "a", count: 64)] { #expect(GroupName(text) != nil) }
        for text in ["", "-a", "_a", ".a", "A", "a b", "ä", String(repeating: "a", count: 65)] {
            #expect(GroupName(text) == nil, "\(text)")
        }
    }

    @Test func everyRefusalHasAnErrorNotify() {
        for kind in RegistrationRefusal.Kind.allCases { #expect(RegistrationRefusal(kind, "x").notify.isError) }
    }
}
