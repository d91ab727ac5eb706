import AuthorityRPC
import GroupModel
import IKEVocabulary
import Testing

/// Nodes, leadership and outcomes: over the wire and on the command line.
@Suite struct ClusterCommandTests {
    private static func report(_ name: String, id: UInt64, leads: Bool, drained: [String] = []) -> NodeReport {
        var report = NodeReport(
            name: name, id: id, leader: "auth-1", isLeading: leads, term: leads ? 7 : nil,
            leadingSince: leads ? WallTime(milliseconds: 1_790_000_000_000) : nil, drained: drained,
            nodes: [
                NodeReport.LogNode(id: 1, name: "auth-1", role: "voter"),
                NodeReport.LogNode(id: 2, name: "auth-2", role: "voter"),
            ],
            keptBack: leads ? nil : "its disk fails: it is full", diskFault: leads ? nil : "it is full",
            diskFreeOctets: leads ? 1 << 30 : 0)
        report.copy = CopyReport(
            beat: 41, beatAge: .milliseconds(1500),
            comparison: CopyReport.Comparison(
                checkpoint: 3, verdict: leads ? .leader : .equal, at: WallTime(milliseconds: 1_790_000_000_000)))
        return report
    }

    @Test func reportsAndOutcomesCrossTheWireUnchanged() throws {
        for report in [
            Self.report("auth-1", id: 1, leads: true, drained: ["auth-3"]), Self.report("auth-2", id: 2, leads: false),
        ] {
            #expect(try NodeReport(Gcks_V1_NodeReport(report)) == report)
        }
        let outcomes: [RequestOutcome] = [
            .done(at: WallTime(milliseconds: 5), kind: "rekey-now", lines: ["a", "b"]), .waiting, .notDone,
        ]
        for outcome in outcomes { #expect(try RequestOutcome(Gcks_V1_OutcomeReply(outcome)) == outcome) }
        for verdict in CopyReport.Verdict.allCases {
            var report = Self.report("auth-1", id: 1, leads: true)
            report.copy.comparison?.verdict = verdict
            #expect(try NodeReport(Gcks_V1_NodeReport(report)) == report)
        }
    }

    @Test func whatIsTooLongOrUnknownIsRefused() {
        var long = Gcks_V1_NodeReport(Self.report("auth-1", id: 1, leads: true))
        long.drained = [String](repeating: "x", count: 65)
        #expect(throws: ContractError.self) { try NodeReport(long) }
        var unknown = Gcks_V1_NodeReport(Self.report("auth-1", id: 1, leads: true))
        unknown.comparison.verdict = .UNRECOGNIZED(77)
        #expect(throws: ContractError.self) { try NodeReport(unknown) }
        #expect(throws: ContractError.self) { try RequestOutcome(Gcks_V1_OutcomeReply()) }
    }

    @Test func theLeaderIsShownAndTheRestIsMarked() async throws {
        let leads = try await gcksctl(["leader", "show", "-o", "json"]) { _ in
            .success(.cluster(.node(Self.report("auth-1", id: 1, leads: true))))
        }
        let item = try #require(try leads.items("Leader").first)
        #expect(item["leader"] as? String == "auth-1" && item["term"] as? Int == 7 && item["stale"] as? Bool == false)
        #expect(leads.code == 0)
        let follows = try await gcksctl(["leader", "show", "-o", "json"]) { _ in
            .success(.cluster(.node(Self.report("auth-1", id: 2, leads: false))))
        }
        #expect(try follows.items("Leader").first?["stale"] as? Bool == true)
        #expect(follows.code == 6 && follows.errors.contains("no authority leads"))
    }

    @Test func nodesAndPeersAreListed() async throws {
        let nodes = try await gcksctl(["node", "list", "-o", "json"]) { _ in
            .success(.cluster(.node(Self.report("auth-1", id: 1, leads: true, drained: ["auth-2"]))))
        }
        let items = try nodes.items("Node")
        #expect(items.map { $0["name"] as? String } == ["auth-1", "auth-2"])
        #expect(items.map { $0["state"] as? String } == ["leading", "unreachable"])
        #expect(items.map { $0["drained"] as? Bool } == [false, true])
        let peers = try await gcksctl(["cluster", "peers", "-o", "json"]) { _ in
            .success(.cluster(.node(Self.report("auth-1", id: 1, leads: true))))
        }
        let first = try #require(try peers.items("Peer").first)
        #expect(first["digest"] as? String == "leader" && first["lag_milliseconds"] as? Int == 1500)
        let unknown = try await gcksctl(["node", "show", "auth-9"]) { _ in
            .success(.cluster(.node(Self.report("auth-1", id: 1, leads: true))))
        }
        #expect(unknown.code == 3 && unknown.errors.contains("there are auth-1, auth-2"))
    }

    @Test func anOutcomeHasItsExitCode() async throws {
        let id = "00112233445566778899aabbccddeeff"
        let cases: [(RequestOutcome, Int32, String)] = [
            (.done(at: WallTime(milliseconds: 0), kind: "rekey-now", lines: ["did it"]), 0, "done"),
            (.waiting, 0, "waiting"), (.notDone, 3, "not-done"),
        ]
        for (outcome, code, word) in cases {
            let run = try await gcksctl(["request", "show", id, "-o", "json"]) { request in
                guard case .cluster(.outcome(let operation)) = request, operation.description == id else {
                    return .failure(.conflict("asked for something else"))
                }
                return .success(.cluster(.outcome(outcome)))
            }
            #expect(run.code == code)
            #expect(try run.items("Request").first?["state"] as? String == word)
        }
    }

    @Test func changesOfNodesArriveAsTheyWereMeant() async throws {
        for (arguments, wanted) in [
            (["leader", "transfer", "auth-2"], "leader-transfer node/auth-2"),
            (["leader", "transfer"], "leader-transfer cluster"), (["leader", "step-down"], "leader-step-down cluster"),
            (["node", "drain", "auth-3"], "node-drain node/auth-3"),
            (["node", "undrain", "auth-3"], "node-undrain node/auth-3"),
        ] {
            let run = try await gcksctl(arguments) { request in .success(.done(["\(request.action) \(request.object)"]))
            }
            #expect(run.code == 0 && run.output.contains(wanted), "\(run)")
        }
    }
}
