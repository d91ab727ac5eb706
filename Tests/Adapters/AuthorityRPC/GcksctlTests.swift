import AuthorityRPC
import Foundation
import GroupModel
import IKEVocabulary
import Testing

/// What an operator sees: tables, JSON, exit codes, hints. The times are half a unit off a boundary.
@Suite(.timeLimit(.minutes(2))) struct GcksctlTests {
    @Test func statusIsOneScreen() async throws {
        var cluster = try Samples.cluster(leader: "auth-1")
        cluster.nodes = [NodeStatus(name: "auth-1", state: "leader", detail: "")]
        cluster.frontends[0].since = wallTime(movedBy: -(2 * 3600 + 10 * 60 + 30))
        cluster.broadcasters[0].since = wallTime(movedBy: -(3 * 86_400 + 1800))
        cluster.groups[0].rekeySA?.expiresAt = wallTime(movedBy: 21 * 3600 + 6 * 60 + 30)
        cluster.groups[0].dataSAs[0].expiresAt = wallTime(movedBy: -5)
        cluster.groups[0].nextRekeyAt = wallTime(movedBy: 2 * 3600 + 38 * 60 + 30)
        cluster.leadingSince = wallTime(movedBy: -(6 * 86_400 + 2 * 3600 + 1800))
        let status = cluster
        let run = try await gcksctl(["status"]) { _ in .success(.status(status)) }
        #expect(
            run.output == """
                CLUSTER  degraded   quorum 1/1   tolerance 0   leader auth-1 (term 14, 6d2h)   commits 182441

                AUTHORITY  STATE   DETAIL
                auth-1     leader  -

                FRONTEND    STATE      SINCE  COUNTERS
                frontend-1  connected  2h10m  half-open 61, registrations 212

                BROADCASTER    STATE  SINCE  COUNTERS
                broadcaster-1  lost   3d0h   datagrams 9

                GROUP        MEMBERS  SENDERS  GENERATION  KEK EXPIRES  TEK EXPIRES  NEXT REKEY  SENDER-IDS  STATE
                market-data  12480    14       881         21h06m       expired      2h38m       17/4096     WARN TEK expired

                WARNING                            NEXT
                broadcaster broadcaster-1 is lost  gcksctl top --once
                no broadcaster: no rekey leaves    gcksctl doctor
                group market-data: TEK expired     gcksctl rekey now market-data

                """)
        #expect(run.errors == "next: gcksctl top --once\n")
        #expect(run.code == 0)
    }

    @Test func statusWithoutALeaderEndsWithSix() async throws {
        var cluster = try Samples.cluster(leader: nil)
        cluster.groups = []
        let status = cluster
        let run = try await gcksctl(["status", "-o", "json"]) { _ in .success(.status(status)) }
        let item = try #require(try run.items("ClusterStatus").first)
        #expect(item["health"] as? String == "no-leader")
        #expect(item["leader"] is NSNull)
        #expect(item["term"] as? Int == 14 && item["commits"] as? Int == 182_441)
        let frontends = try #require(item["frontends"] as? [[String: Any]])
        #expect(frontends.first?["since"] as? String == "2023-11-14T22:13:20Z")
        #expect((frontends.first?["counters"] as? [String: Int])?["half-open"] == 61)
        #expect(run.errors == "error: no authority leads at present\nnext: gcksctl doctor\n")
        #expect(run.code == 6)
    }

    @Test func aGroupIsShownWithItsKeyCheckValues() async throws {
        let group = try Samples.group()
        let run = try await gcksctl(["group", "show", "market-data"]) { _ in .success(.groups([group])) }
        for line in [
            "Group:          market-data", "Mode:           tunnel", "Deactivation:   receivers keep old SAs 60 s",
            "SA     SPI                               KCV       EXPIRES  NEXT MESSAGE ID",
            "rekey  000000000000000500000000000000ff  a1b2c3d4  expired  12",
            "feed   0000c0de                          99aa77bb  expired  -",
            "fqdn:*.example  sender      4", "keyid:*         deny        -",
        ] {
            #expect(run.output.split(separator: "\n").contains(Substring(line)), "\(line)")
        }
        #expect(run.errors == "next: gcksctl member list market-data\n" && run.code == 0)

        let json = try await gcksctl(["groups", "show", "market-data", "-o", "json"]) { _ in .success(.groups([group]))
        }
        let item = try #require(try json.items("Group").first)
        #expect(item["sender_ids_given"] as? Int == 17 && item["sender_ids_capacity"] as? Int == 4096)
        let rekey = try #require(item["rekey_sa"] as? [String: Any])
        #expect(rekey["expires_at"] as? String == "2023-11-15T22:13:20Z")
        #expect(rekey["key_check_value"] as? String == "a1b2c3d4" && rekey["next_message_id"] as? Int == 12)
        let definition = try #require(item["definition"] as? [String: Any])
        #expect((definition["rekey"] as? [String: Any])?["spacing_milliseconds"] as? Int == 300)
        #expect((definition["rules"] as? [[String: Any]])?.count == 2)
    }

    @Test func membersAreListedWithReasons() async throws {
        var member = try Samples.member()
        member.since = wallTime(movedBy: -(41 * 60 + 5 * 3600 + 30))
        // A member must not be able to move the operator's cursor.
        member.reason = "the group\u{1b}[2J is full"
        let listed = member
        let run = try await gcksctl(["member", "list", "market-data"]) { _ in .success(.members([listed])) }
        #expect(
            run.output == """
                GROUP        IDENTITY          STATE    ROLE    SENDER-IDS  SINCE  FRONTEND    REASON
                market-data  fqdn:gm1.example  refused  sender  4,5         5h41m  frontend-2  the group?[2J is full

                """)
        #expect(run.errors == "next: gcksctl member show fqdn:gm1.example\n" && run.code == 0)
        let json = try await gcksctl(["member", "show", "fqdn:gm1.example", "-o", "json"]) { _ in
            .success(.members([listed]))
        }
        let item = try #require(try json.items("Member").first)
        #expect(item["reason"] as? String == member.reason, "JSON keeps the text and escapes it")
        #expect(item["sender_ids"] as? [Int] == [4, 5] && item["authentication"] as? String == "shared-key")
    }

    @Test func aMemberIsShownInFull() async throws {
        let member = try Samples.member()
        let run = try await gcksctl(["members", "show", "fqdn:gm1.example", "--group", "market-data"]) { request in
            guard case .memberShow(.fqdn("gm1.example"), group: GroupName("market-data")?) = request else {
                return .failure(.conflict("\(request)"))
            }
            return .success(.members([member]))
        }
        #expect(run.output.hasPrefix("Identity:   fqdn:gm1.example\nGroup:      market-data\nState:      refused\n"))
        #expect(run.output.contains("\nReason:     the group is full\nRole:       sender\nSender-IDs: 4,5\n"))
        #expect(run.output.contains("\nProved by:  shared-key\n"))
        #expect(run.errors == "next: gcksctl member list market-data\n" && run.code == 0)
    }

    @Test func emptyListsKeepTheirHeader() async throws {
        let members = try await gcksctl(["member", "list"]) { _ in .success(.members([])) }
        #expect(members.output == "GROUP  IDENTITY  STATE  ROLE  SENDER-IDS  SINCE  FRONTEND  REASON\n")
        #expect(members.code == 0)
        let groups = try await gcksctl(["group", "list", "-o", "json"]) { _ in .success(.groups([])) }
        #expect(try groups.items("Group").isEmpty)
        #expect(groups.errors == "next: gcksctl group apply -f FILE\n")
    }

    @Test func sendersAreListed() async throws {
        let sender = SenderStatus(
            id: SenderID(rawValue: 77), member: .fqdn("gm1.example"), givenAt: wallTime(movedBy: -(3 * 3600 + 30)))
        let run = try await gcksctl(["sender", "list", "market-data"]) { _ in .success(.senders([sender])) }
        #expect(run.output == "SENDER-ID  MEMBER            GIVEN\n77         fqdn:gm1.example  3h00m ago\n")
        let json = try await gcksctl(["sender", "list", "market-data", "-o", "json"]) { _ in
            .success(.senders([Samples.sender]))
        }
        let item = try #require(try json.items("Sender").first)
        #expect(item["sender_id"] as? Int == 77 && item["given_at"] as? String == "2023-11-14T22:13:20Z")
    }

    @Test func theUseOfTheSenderIDSpaceIsShown() async throws {
        let status = try Samples.group("market-data")
        let run = try await gcksctl(["sender", "list", "market-data"]) { request in
            if case .groupShow = request { return .success(.groups([status])) }
            return .success(.senders([Samples.sender]))
        }
        #expect(run.output.hasSuffix("17 of 4096 Sender-IDs given (0 %)\n"))
    }

    @Test func positionsOfSendersAreShown() async throws {
        let run = try await gcksctl(["sender", "seq", "market-data"]) { _ in .success(.sequences(Samples.sequences)) }
        #expect(run.output.contains("8589934592") && run.output.contains("71582788") && run.output.contains("never"))
        let json = try await gcksctl(["sender", "seq", "market-data", "-o", "json"]) { _ in
            .success(.sequences(Samples.sequences))
        }
        let items = try json.items("SenderSequence")
        #expect(items.first?["next"] as? Int == 1 << 33 && items.first?["report"] as? Int == 4)
    }

    @Test(arguments: [("--tek", "tek"), ("--kek", "kek"), ("--all", "all"), ("", "all")])
    func rekeySendsItsScopeAndRequestID(_ flag: String, _ scope: String) async throws {
        let id = "00112233445566778899aabbccddeeff"
        let flags = flag.isEmpty ? [] : [flag]
        let run = try await gcksctl(
            ["rekey", "now", "market-data", "--request-id", id, "-o", "json"] + flags
        ) { request in
            guard case .rekeyNow(let group, let asked, let mandate) = request else {
                return .failure(.conflict("\(request)"))
            }
            return .success(.done(["\(group) \(asked.rawValue) \(mandate.operation)"]))
        }
        let item = try #require(try run.items("Change").first)
        #expect(item["request_id"] as? String == id)
        #expect(item["effects"] as? [String] == ["market-data \(scope) \(id)"])
        #expect(run.errors == "next: gcksctl group show market-data\n" && run.code == 0)
    }

    @Test func everyFailureHasItsExitCode() async throws {
        let operation = Samples.operation(1)
        let cases: [(OperatorFailure, Int32, String)] = [
            (
                .notFound("there is no group market-data"), 3,
                "error: there is no group market-data\nnext: gcksctl status\n"
            ),
            (.notAuthorised("alice may not"), 4, "error: alice may not\nnext: gcksctl role whoami\n"),
            (.conflict("a rekey is running"), 5, "error: a rekey is running\nnext: gcksctl status\n"),
            (
                .invalid([DefinitionFault(path: "data[0].suite", problem: "unknown", valid: "aes-gcm-128")]), 2,
                "error: data[0].suite: unknown (valid: aes-gcm-128)\n"
            ),
            (
                .unknownOutcome(operation), 7,
                "error: no answer in time; whether it happened is not known: repeat with --request-id \(operation)\n"
            ),
        ]
        for (failure, code, text) in cases {
            // An unknown outcome is asked for again, with the same id, until the time is over.
            let arguments = ["rekey", "now", "market-data", "--timeout", "1", "--request-id", "\(operation)"]
            let run = try await gcksctl(arguments) { _ in .failure(failure) }
            #expect(run.code == code)
            #expect(run.errors == text)
            #expect(run.output.isEmpty, "data only on stdout")
        }
        let nobody = try await gcksctl(["group", "list", "--authority", "auth-1=\(freshSocketPath())"])
        #expect(nobody.code == 6 && nobody.errors.hasPrefix("error: auth-1: ") && nobody.output.isEmpty)
        let slow = try await gcksctl(["rekey", "now", "market-data", "--timeout", "2"]) { _ in
            try? await Task.sleep(for: .seconds(4))
            return .success(.done([]))
        }
        #expect(slow.code == 7 && slow.errors.contains("--request-id "))
        let none = try await gcksctl(["member", "show", "fqdn:gm9.example"]) { _ in .success(.members([])) }
        #expect(
            none.code == 3 && none.errors == "error: there is no member fqdn:gm9.example\nnext: gcksctl member list\n")
    }

    @Test(arguments: [
        ["bogus"], ["rekey", "now"], ["rekey", "now", "g", "--tek", "--kek"], ["group", "show", "UPPER"],
        ["member", "show", "gm1"], ["rekey", "now", "g", "--request-id", "xyz"], ["status", "-o", "xml"],
        ["status", "--authority", "auth-1"], ["group", "apply"],
    ])
    func wrongUsageEndsWithTwo(_ arguments: [String]) async throws {
        let run = try await gcksctl(arguments)
        #expect(run.code == 2)
        #expect(run.output.isEmpty && run.errors.contains("Usage: gcksctl"))
    }

    @Test func helpAndVersionGoToStandardOutput() async throws {
        let help = try await gcksctl(["rekey", "now", "--help"])
        #expect(help.code == 0 && help.output.contains("Example: gcksctl rekey now market-data") && help.errors.isEmpty)
        let version = try await gcksctl(["version"])
        #expect(version.code == 0 && version.output.hasPrefix("gcksctl 0."))
        let json = try await gcksctl(["version", "-o", "json"])
        #expect(try json.items("Version").first?["program"] as? String == "gcksctl")
    }
}
