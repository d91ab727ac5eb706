import Foundation
import GroupModel
import IKEVocabulary
import Settings
import TestKit
import Testing

@testable import gcksctl

/// What holds for every command of gcksctl: forms of output, schemas, contexts, what doctor makes of a measurement.
@Suite(.timeLimit(.minutes(2))) struct GcksctlSurfaceTests {
    @Test func everyKindThatIsPrintedHasASchema() throws {
        let folder = URL(filePath: BuiltProducts.checkout + "/Sources/Programs/gcksctl")
        var kinds: Set<String> = []
        for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /\bkind: "([A-Za-z]+)"/) { kinds.insert(String(match.1)) }
        }
        #expect(kinds.count > 10)
        #expect(kinds.subtracting(Schemas.kinds).sorted() == [])
        #expect(Set(Schemas.kinds).subtracting(kinds).sorted() == [])
    }

    @Test func everyFormSaysTheSame() {
        let item = JSONValue.object([
            ("name", .text("true")), ("spi", .text("12345678")), ("count", .integer(3)), ("rate", .number(1.0 / 3)),
            ("nothing", .null), ("empty", .list([])), ("text", .text("a\u{1b}\"b")),
        ])
        let document = JSONValue.document(kind: "Group", items: [item])
        #expect(
            document.yaml() == """
                apiVersion: gcks/v1
                kind: Group
                items:
                - name: "true"
                  spi: "12345678"
                  count: 3
                  rate: 0.333
                  nothing: null
                  empty: []
                  text: "a\\e\\"b"

                """)
        #expect(
            item.line() == #"{"name":"true","spi":"12345678","count":3,"rate":0.333,"nothing":null,"empty":[],"#
                + #""text":"a\u001b\"b"}"#)
        #expect(document.items.map(\.nameOfItem) == ["true"])
    }

    @Test func colourIsForTerminalsOnly() {
        var table = TextTable(["STATE", "NAME"])
        table.add(["lost", "a\u{1b}[31m"])
        #expect(table.rendered(rich: false) == "STATE  NAME\nlost   a?[31m")
        #expect(
            table.rendered(rich: true)
                == "\u{1b}[1mSTATE\u{1b}[0m  \u{1b}[1mNAME\u{1b}[0m\n\u{1b}[31mlost\u{1b}[0m   a?[31m")
    }

    @Test(
        arguments: [
            ("2", 2000), ("2s", 2000), ("250ms", 250), ("99ms", nil), ("0", nil), ("-1", nil), ("3601", nil),
            ("x", nil),
        ] as [(String, Int64?)])
    func intervalsAreBounded(_ text: String, _ milliseconds: Int64?) {
        #expect(Interval(argument: text)?.milliseconds == milliseconds)
    }

    @Test func contextsAreReadBackAsTheyWereWritten() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "ctx-\(UUID().uuidString.prefix(8))")
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "deep/gcksctl.yaml").path
        let address = AuthorityAddress(name: "auth-1", address: "[2001:db8::1]:7701")
        let tls = TLSFiles(authority: "/a \"b\".pem", certificate: "/c.pem", key: "/k", trustDomain: "gcks")
        let written = ControlContexts(
            inUse: "prod",
            contexts: [
                .init(name: "prod", settings: ControlSettings(authorities: [address], tls: tls, timeout: .seconds(3))),
                .init(name: "lab", settings: ControlSettings(authorities: [address], tls: nil)),
            ])
        try written.save(file: file)
        #expect(try ControlContexts.load(file: file) == written)
        try written.save(file: file)
        let left = try FileManager.default.contentsOfDirectory(atPath: (file as NSString).deletingLastPathComponent)
        #expect(left == ["gcksctl.yaml"], "nothing is left beside it")

        for (text, path) in [
            ("use: x\ncontexts: []\n", "use"), ("contexts:\n  - { name: a }\n", "contexts[0].authorities"),
            ("contexts: []\nother: 1\n", "other"),
        ] {
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let faults = #expect(throws: SettingsFaults.self) { try ControlContexts.load(file: file) }
            #expect(faults?.faults.map(\.path) == [path], "\(text)")
        }
        try "authorities:\n  - { name: a, address: \"h:1\" }\n".write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try ControlContexts.load(file: file) == nil, "a file for one cluster is none of contexts")
    }

    @Test func doctorJudgesWhatWasMeasured() throws {
        let now = WallTime(milliseconds: 1_700_000_000_000)
        func expiry(_ days: Int64) -> CheckResult.Result {
            let then = WallTime(milliseconds: now.milliseconds + days * 86_400_000)
            return Doctor.certificate("certificate", expiresAt: then, now: now, next: "x").result
        }
        #expect([-1, 13, 15].map(expiry) == [.fail, .warn, .ok])
        func clock(_ offset: Int, _ within: Int) -> CheckResult.Result {
            Doctor.clock("a", offset: .milliseconds(offset), within: .milliseconds(within)).result
        }
        #expect(clock(900, 5) == .ok && clock(-1500, 5) == .warn && clock(-40_000, 5) == .fail)
        #expect(clock(1500, 2000) == .ok, "what the way there may explain is no finding")
        let group = try #require(GroupName("g"))
        let path = MulticastPath(source: try #require(IPAddress("192.0.2.1")), maximum: 1500, isIPv4: true)
        #expect(Doctor.fit(group, path, fragment: 1472).result == .ok)
        #expect(Doctor.fit(group, path, fragment: 1473).result == .fail)
        let kernel = [nil, 1, 2].map { Doctor.kernel("net.x", $0, atLeast: 2, because: "y").result }
        #expect(kernel == [.warn, .warn, .ok])
    }

    @Test func theKernelTellsTheWayOfMulticast() throws {
        let path = try MulticastPath.to(Endpoint(try #require(IPAddress("127.0.0.1")), port: 9))
        #expect(path.source.description == "127.0.0.1" && path.maximum >= 1500)
    }
}
