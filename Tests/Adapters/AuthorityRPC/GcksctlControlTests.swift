import AuthorityRPC
import Foundation
import GroupModel
import IKEVocabulary
import Synchronization
import Testing

/// The commands that exclude, rekey and look back, and the guard in front of the dangerous ones.
@Suite(.timeLimit(.minutes(2))) struct GcksctlControlTests {
    private static let evict = ["member", "evict", "fqdn:gm3.example", "--group", "market-data"]

    private func plan(_ request: OperatorRequest) -> Result<OperatorReply, OperatorFailure> {
        .success(.done([request.mandate?.isDryRun == true ? "1 of 6 members (dry run)" : "1 of 6 members"]))
    }

    @Test func theDangerousNeedsAReasonAndItsName() async throws {
        let cases: [([String], Int32, String, String)] = [
            (["--yes", "--confirm=market-data"], 2, "", "error: this is L2: say why with --reason TEXT\n"),
            (
                ["--reason", "stolen"], 2, "",
                "plan: 1 of 6 members (dry run)\nerror: this is L2 and nothing was changed: repeat with --yes "
                    + "--confirm=market-data\n"
            ),
            (
                ["--reason", "stolen", "--yes"], 2, "",
                "error: this is L2: confirm it with --yes --confirm=market-data\n"
            ),
            (
                ["--reason", "stolen", "--yes", "--confirm=other"], 2, "",
                "error: this is L2: confirm it with --yes --confirm=market-data\n"
            ),
            (
                ["--reason", "stolen", "--dry-run"], 0, "1 of 6 members (dry run)\n",
                "next: gcksctl member list market-data\n"
            ),
            (
                ["--reason", "stolen", "--yes", "--confirm=market-data"], 0, "1 of 6 members\n",
                "next: gcksctl member list market-data\n"
            ),
        ]
        for (more, code, output, errors) in cases {
            let changed = Mutex(0)
            let run = try await gcksctl(Self.evict + more) { request in
                if request.mandate?.isDryRun == false { changed.withLock { $0 += 1 } }
                return self.plan(request)
            }
            #expect(run.code == code && run.output == output && run.errors == errors, "\(more): \(run)")
            #expect(changed.withLock { $0 } == (more.contains("--confirm=market-data") && code == 0 ? 1 : 0))
        }
    }

    @Test(arguments: [
        ["--reason", ""], ["--reason", "two\nlines"], ["--reason", String(repeating: "x", count: 257)],
    ])
    func aReasonThatIsNoneIsAUsageError(_ more: [String]) async throws {
        let run = try await gcksctl(Self.evict + more + ["--dry-run"])
        #expect(run.code == 2 && run.errors.contains("--reason"))
    }

    @Test func theReversibleAsksNothing() async throws {
        let commands: [([String], String)] = [
            (["member", "deny", "fqdn:gm9.example", "--reason", "gone"], "member-deny"),
            (["member", "allow", "fqdn:gm9.example"], "member-allow"),
            (["rekey", "pause", "market-data"], "rekey-pause"), (["rekey", "resume", "market-data"], "rekey-resume"),
            (["rekey", "now", "market-data", "--auth-key"], "rekey-now"),
        ]
        for (arguments, action) in commands {
            let run = try await gcksctl(arguments) { .success(.done([$0.action])) }
            #expect(run.code == 0 && run.output == "\(action)\n", "\(run)")
        }
    }

    @Test func schedulesAreShownAndSet() async throws {
        let group = try #require(GroupName("market-data"))
        let status = RekeyScheduleStatus(
            group: group, schedule: RekeySchedule(kekPercent: 90, tekPercent: 80, jitterPercent: 5),
            pausedSince: WallTime(milliseconds: 1_700_000_000_000), kekDueAt: wallTime(movedBy: 3 * 3600 + 90),
            tekDueAt: wallTime(movedBy: -5), safeUntil: WallTime(milliseconds: 1_700_003_600_000))
        let run = try await gcksctl(["rekey", "schedule", "show"]) { _ in .success(.schedules([status])) }
        #expect(
            run.output == """
                GROUP        KEK AT  TEK AT  JITTER  STATE   NEXT KEK  NEXT TEK  SAFE UNTIL
                market-data  90%     80%     5%      paused  3h01m     now       2023-11-14T23:13:20Z

                """)
        let set = try await gcksctl(["rekey", "schedule", "set", "market-data", "--tek", "70"]) { request in
            switch request {
            case .control(.schedules): return .success(.schedules([status]))
            case .control(.setSchedule(let group, let schedule, _)):
                return .success(
                    .done(["\(group) \(schedule.kekPercent) \(schedule.tekPercent) \(schedule.jitterPercent)"]))
            default: return .failure(.conflict("\(request)"))
            }
        }
        #expect(set.output == "market-data 90 70 5\n" && set.code == 0, "what is not named stays")
        let nothing = try await gcksctl(["rekey", "schedule", "set", "market-data"])
        #expect(nothing.code == 2)
    }

    @Test func historyIsListed() async throws {
        let row = try ControlMappingTests.history()
        let run = try await gcksctl(["rekey", "history", "market-data"]) { _ in .success(.history([row])) }
        #expect(run.output.hasPrefix("TIME                  GROUP        CAUSE      BY     GENERATION  REKEY SA"))
        #expect(run.output.contains("2023-11-14T22:13:20Z  market-data  exclusion  alice  9"))
        let json = try await gcksctl(["rekey", "history", "-o", "json"]) { _ in .success(.history([row])) }
        let item = try #require(try json.items("Rekey").first)
        #expect(item["cause"] as? String == "exclusion" && item["message_id"] as? Int == 3)
        #expect(item["new_data_spis"] as? [String] == [ESPSPI(rawValue: 0xc0de).description])
    }

    @Test func theTrailIsShown() async throws {
        let page = ControlMappingTests.page([ControlMappingTests.record(7, reason: "bell\u{7}")])
        let run = try await gcksctl(["audit", "tail", "-n", "5"]) { request in
            guard case .audit(.read(let query)) = request, query.start == .newest(5) else {
                return .failure(.conflict("\(request)"))
            }
            return .success(.audit(page))
        }
        let role = "crypto-officer"
        #expect(
            run.output == """
                SEQ  TIME                      ACTOR  ROLE            ACTION           OBJECT                                     RESULT  REASON
                7    2023-11-14T22:13:20.123Z  alice  \(role)  member-excluded  group/market-data/member/fqdn:gm3.example  done    bell?

                """)
        let search = try await gcksctl([
            "audit", "search", "--since", "2023-11-14T00:00:00Z", "--action", "member-*", "-o", "json",
        ]) { request in
            guard case .audit(.read(let query)) = request, query.filter.action == "member-*",
                query.filter.since == WallTime(milliseconds: 1_699_920_000_000)
            else { return .failure(.conflict("\(request)")) }
            return .success(.audit(page))
        }
        let item = try #require(try search.items("AuditRecord").first)
        #expect(item["reason"] as? String == "bell\u{7}" && item["generation_after"] as? Int == 5)
        let key = try await gcksctl(["audit", "key"]) { _ in .success(.audit(page)) }
        #expect(key.output == "302a\n")
    }

    @Test(arguments: ["yesterday", "2023-02-31T00:00:00Z", "2023-11-14", "-5m", "99999999999999999999d"])
    func whatIsNoTimeIsAUsageError(_ text: String) async throws {
        let run = try await gcksctl(["audit", "search", "--since=\(text)"])
        #expect(run.code == 2)
    }

    @Test(arguments: [
        "", "{}", "nonsense", "{\"kind\":\"AuditRecord\"}",
        "{\"kind\":\"AuditKey\",\"cluster\":\"x\",\"public_key\":\"zz\"}",
    ])
    func whatIsNoExportIsRefused(_ text: String) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "trail-\(UUID().uuidString.prefix(8))")
        try Data((text + "\n").utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let run = try await gcksctl(["audit", "verify", file.path])
        #expect(run.code == 1 && run.errors.contains("line 1") && run.output.isEmpty)
        let missing = try await gcksctl(["audit", "verify", file.path + ".not"])
        #expect(missing.code == 2)
    }

    @Test func theVerdictDecidesTheExitCode() async throws {
        for isAllowed in [true, false] {
            let run = try await gcksctl([
                "policy", "test", "--identity", "fqdn:gm1.example", "--group", "market-data",
            ]) { _ in .success(.verdict(PolicyVerdict(isAllowed: isAllowed, lines: ["rule 1", "so"]))) }
            #expect(run.output == "rule 1\nso\n" && run.code == (isAllowed ? 0 : 4))
        }
    }
}
