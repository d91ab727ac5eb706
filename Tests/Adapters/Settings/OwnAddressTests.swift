import Foundation
import IKEVocabulary
import Settings
import Testing

/// The address of a listener or a member goes into NAT detection: it has to be one, not any.
@Suite struct OwnAddressTests {
    private let frontend = "name: f\nidentity: \"fqdn:a\"\nauthorities: [{ name: a, address: \"127.0.0.1:1\" }]\n"
    private let member =
        "identity: \"fqdn:a\"\nfrontends: [{ address: \"192.0.2.1:500\" }]\ngroups: [{ id: \"keyid:g\" }]\n"

    private func file(_ text: String) throws -> String {
        let folder = NSTemporaryDirectory() + "gcks-settings-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, content) in [("secrets", "a 0123456789abcdef"), ("x.yaml", text)] {
            let path = folder + "/" + name
            let whole = content.replacingOccurrences(of: "SECRETS", with: folder + "/secrets")
            try Data(whole.utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        }
        return folder + "/x.yaml"
    }

    private func faults<Value>(_ load: (String) throws -> Value, _ text: String) throws -> [SettingsFault] {
        do {
            _ = try load(try file(text + "credentials: { shared_keys: SECRETS }\n"))
            return []
        } catch let faults as SettingsFaults {
            return faults.faults
        }
    }

    @Test(arguments: ["0.0.0.0", "::", "0:0::0", "239.1.1.1"])
    func aListenerHasOneAddress(_ address: String) throws {
        let text = frontend + "listen:\n  - address: 192.0.2.1\n  - ports: [500]\n    address: \"\(address)\"\n"
        let found = try faults(FrontendSettings.load, text)
        #expect(found.map(\.line) == [7])
        #expect(found.map(\.path) == ["listen[1].address"])
        #expect(found.first?.valid.contains("not 0.0.0.0, ::") == true)
    }

    @Test func aFrontendsRelayAndPublicAddressAreItsOwn() throws {
        let base = frontend + "listen: [{ address: 192.0.2.1 }]\n"
        let text = base + "relay: { listen: \"192.0.2.1:7711\" }\npublic_address: 198.51.100.1\n"
        let settings = try FrontendSettings.load(file: file(text + "credentials: { shared_keys: SECRETS }\n"))
        #expect(settings.relay == Endpoint("192.0.2.1:7711"))
        #expect(settings.publicAddress == IPAddress("198.51.100.1"))
        for wrong in ["relay: {}", "relay: { listen: \"0.0.0.0:7711\" }", "relay: { listen: \"192.0.2.1:0\" }"] {
            #expect(try faults(FrontendSettings.load, base + wrong + "\n").map(\.path) == ["relay.listen"])
        }
        let found = try faults(FrontendSettings.load, base + "public_address: 239.0.0.1\n")
        #expect(found.map(\.path) == ["public_address"])
    }

    @Test func aMemberLeavesTheAddressOutOrSaysOne() throws {
        let found = try faults(MemberSettings.load, member + "local_address: 0.0.0.0\n")
        #expect(found.map(\.line) == [4])
        #expect(found.map(\.path) == ["local_address"])
        #expect(found.first?.valid.contains("left out") == true)
        let secrets = "credentials: { shared_keys: SECRETS }\n"
        #expect(try MemberSettings.load(file: file(member + secrets)).localAddress == nil)
        let fixed = try MemberSettings.load(file: file(member + "local_address: 192.0.2.9\n" + secrets))
        #expect(fixed.localAddress == IPAddress("192.0.2.9"))
    }
}
