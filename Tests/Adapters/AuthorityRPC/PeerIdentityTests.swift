import AuthorityRPC
import Testing

@Suite struct PeerIdentityTests {
    @Test func aSPIFFEURIOfTheTrustDomainNamesRoleAndProcess() {
        let peer = PeerIdentity(uri: "spiffe://lab.example/gcks/frontend/fe-1", trustDomain: "lab.example")
        #expect(peer?.role == .frontend && peer?.name == "fe-1")
        #expect(peer.map { "\($0)" } == "frontend/fe-1")
        for role in PeerRole.allCases {
            let uri = "spiffe://lab.example/gcks/\(role.rawValue)/x"
            #expect(PeerIdentity(uri: uri, trustDomain: "lab.example")?.role == role)
        }
    }

    @Test(arguments: [
        "spiffe://other.example/gcks/frontend/fe-1", "spiffe://lab.example/gcks/root/fe-1",
        "spiffe://lab.example/gcks/frontend/", "spiffe://lab.example/gcks/frontend",
        "spiffe://lab.example/gcks/frontend/fe-1/x", "https://lab.example/gcks/frontend/fe-1",
        "spiffe://lab.example/other/frontend/fe-1", "spiffe://lab.example/gcks/frontend/fe 1",
        "spiffe://lab.example.evil/gcks/frontend/fe-1", "", "spiffe://lab.example/gcks/Frontend/fe-1",
    ])
    func anythingElseIsNoIdentity(_ uri: String) {
        #expect(PeerIdentity(uri: uri, trustDomain: "lab.example") == nil)
    }

    @Test func noCertificateIsNoIdentity() {
        #expect(PeerIdentity(certificate: nil, trustDomain: "lab.example") == nil)
    }

    @Test func namesAreBounded() {
        #expect(PeerIdentity(role: .operator, name: String(repeating: "a", count: 64)) != nil)
        #expect(PeerIdentity(role: .operator, name: String(repeating: "a", count: 65)) == nil)
        #expect(PeerIdentity(role: .operator, name: "") == nil)
    }
}
