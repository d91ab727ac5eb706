import AuthorityRPC
import Testing

@Suite struct TargetTests {
    @Test func addressesReadInTheirForms() {
        let cases: [(String, AuthorityTarget.Address)] = [
            ("/run/gcks/a.sock", .unix(path: "/run/gcks/a.sock")),
            ("unix:/run/gcks/a.sock", .unix(path: "/run/gcks/a.sock")),
            ("auth-1.example:7400", .tcp(host: "auth-1.example", port: 7400)),
            ("192.0.2.1:7400", .tcp(host: "192.0.2.1", port: 7400)),
            ("[2001:db8::1]:7400", .tcp(host: "2001:db8::1", port: 7400)),
        ]
        for (text, address) in cases {
            #expect(AuthorityTarget(name: "auth-1", text) == AuthorityTarget(name: "auth-1", address: address))
        }
    }

    @Test(arguments: [
        "", "auth-1", "auth-1:", "auth-1:0", "auth-1:70000", ":7400", "2001:db8::1:7400", "relative/path",
        "/" + String(repeating: "x", count: 103),
    ])
    func othersDoNot(_ text: String) {
        #expect(AuthorityTarget(name: "auth-1", text) == nil)
    }
}
