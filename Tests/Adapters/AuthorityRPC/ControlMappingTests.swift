import AuthorityRPC
import GroupModel
import IKEVocabulary
import SwiftProtobuf
import Testing

/// Audit and group control on the wire: round trips through octets, and what is refused.
@Suite struct ControlMappingTests {
    private func carried<Wire: Message>(_ wire: Wire) throws -> Wire {
        let octets: [UInt8] = try wire.serializedBytes()
        return try Wire(serializedBytes: octets)
    }

    static func record(_ seq: Int64, reason: String = "ticket \"4711\"") -> AuditRecord {
        AuditRecord(
            seq: seq, at: WallTime(milliseconds: 1_700_000_000_123), cluster: String(repeating: "c", count: 32),
            node: "auth-2",
            entry: AuditEntry(
                actor: "alice", actorRole: "crypto-officer", source: "auth-1", action: "member-excluded",
                object: "group/market-data/member/fqdn:gm3.example", reason: reason, request: "0a0b", result: "done",
                generationBefore: GSAGeneration(rawValue: 4), generationAfter: GSAGeneration(rawValue: 5)),
            previousHash: [UInt8](repeating: 1, count: 32), hash: [UInt8](repeating: 2, count: 32))
    }

    static func page(_ records: [AuditRecord]) -> AuditPage {
        AuditPage(
            key: AuditKey(cluster: String(repeating: "c", count: 32), publicKey: [0x30, 0x2a]), records: records,
            anchors: [
                AuditAnchor(
                    place: AuditPlace(seq: 7, hash: [UInt8](repeating: 2, count: 32)), at: WallTime(milliseconds: 8),
                    signature: [9])
            ], lookedThrough: records.last?.seq ?? 0, head: records.last?.seq ?? 0, floor: 0)
    }

    static func history() throws -> RekeyHistoryRow {
        let spi = RekeySPI(initiatorHalf: IKESPI(rawValue: 5), responderHalf: IKESPI(rawValue: 255))
        return RekeyHistoryRow(
            number: 1 << 33, group: try #require(GroupName("market-data")),
            at: WallTime(milliseconds: 1_700_000_000_000), cause: "exclusion", by: "alice", spi: spi,
            messageID: MessageID(rawValue: 3),
            newRekeySPI: RekeySPI(initiatorHalf: IKESPI(rawValue: 6), responderHalf: IKESPI(rawValue: 7)),
            newDataSPIs: [ESPSPI(rawValue: 0xc0de)], generation: GSAGeneration(rawValue: 9), members: 12)
    }

    @Test func everyFieldIsKept() throws {
        let mandates = [
            Mandate(operation: Samples.operation(1)),
            Mandate(operation: Samples.operation(2), reason: Reason("why ü"), isDryRun: true),
        ]
        for mandate in mandates { #expect(try Mandate(carried(Gcks_V1_Mandate(mandate))) == mandate) }
        let page = Self.page([Self.record(7)])
        #expect(try AuditPage(carried(Gcks_V1_AuditPage(page))) == page)
        var query = AuditQuery(start: .newest(3), atMost: 9)
        #expect(try AuditQuery(carried(Gcks_V1_AuditReadRequest(query))) == query)
        query = AuditQuery(
            start: .after(12), atMost: 4096,
            filter: AuditFilter(
                since: WallTime(milliseconds: 1), until: WallTime(milliseconds: 2), actor: "a", action: "b*",
                object: "*c"))
        #expect(try AuditQuery(carried(Gcks_V1_AuditReadRequest(query))) == query)
        for group in [GroupName("market-data"), nil] {
            let bar = MemberBar(
                members: [.fqdn("gm1.example"), .keyID("x")], group: group, mandate: try #require(mandates.last))
            #expect(try MemberBar(carried(Gcks_V1_MemberBarRequest(bar))) == bar)
        }
        let row = try Self.history()
        #expect(try RekeyHistoryRow(carried(Gcks_V1_RekeyHistoryEntry(row))) == row)
        let status = RekeyScheduleStatus(
            group: row.group, schedule: RekeySchedule(kekPercent: 80, tekPercent: 70, jitterPercent: 6),
            pausedSince: WallTime(milliseconds: 1), kekDueAt: WallTime(milliseconds: 2),
            tekDueAt: WallTime(milliseconds: 3), safeUntil: WallTime(milliseconds: 4))
        #expect(try RekeyScheduleStatus(carried(Gcks_V1_RekeyScheduleStatus(status))) == status)
        let verdict = PolicyVerdict(isAllowed: true, lines: ["a", "b"])
        #expect(try PolicyVerdict(carried(Gcks_V1_PolicyTestReply(verdict))) == verdict)
    }

    @Test func whatTheContractDoesNotAllowIsRefused() throws {
        var mandate = Gcks_V1_Mandate(Mandate(operation: Samples.operation(1)))
        for reason in ["", "two\nlines", String(repeating: "x", count: 257)] {
            mandate.reason = reason
            #expect(throws: ContractError.self) { try Mandate(mandate) }
        }
        mandate = Gcks_V1_Mandate()
        #expect(throws: ContractError.self) { try Mandate(mandate) }
        var query = Gcks_V1_AuditReadRequest()
        query.atMost = 1
        #expect(throws: ContractError("AuditReadRequest.place", .missing)) { try AuditQuery(query) }
        query.after = -1
        #expect(throws: ContractError.self) { try AuditQuery(query) }
        query.after = 0
        for count in [0, 4097] as [UInt32] {
            query.atMost = count
            #expect(throws: ContractError("AuditReadRequest.at_most", .outOfRange)) { try AuditQuery(query) }
        }
        var bar = Gcks_V1_MemberBarRequest()
        #expect(throws: ContractError("MemberBarRequest.mandate", .missing)) { try MemberBar(bar) }
        bar.mandate = Gcks_V1_Mandate(Mandate(operation: Samples.operation(1)))
        bar.members = Array(repeating: Gcks_V1_Identity(.fqdn("a")), count: 1025)
        #expect(throws: ContractError.self) { try MemberBar(bar) }
        var record = Gcks_V1_AuditRecord(Self.record(1))
        record.hash = record.hash.dropLast()
        #expect(throws: ContractError("AuditRecord.hash", .outOfRange)) { try AuditRecord(record) }
        record = Gcks_V1_AuditRecord(Self.record(1))
        record.seq = 0
        #expect(throws: ContractError("AuditRecord.seq", .outOfRange)) { try AuditRecord(record) }
        var entry = Gcks_V1_RekeyHistoryEntry(try Self.history())
        entry.spi = "xyz"
        #expect(throws: ContractError.self) { try RekeyHistoryRow(entry) }
        entry = Gcks_V1_RekeyHistoryEntry(try Self.history())
        entry.newDataSpis = ["100000000"]
        #expect(throws: ContractError.self) { try RekeyHistoryRow(entry) }
    }

    @Test func everyRequestArrivesWithItsArguments() async throws {
        let name = try #require(GroupName("market-data"))
        let mandate = Mandate(operation: Samples.operation(9), reason: Reason("why"), isDryRun: true)
        let members = [Identity.fqdn("gm1.example"), .keyID("x")]
        let schedule = RekeySchedule(kekPercent: 80, tekPercent: 70, jitterPercent: 6)
        let requests: [OperatorRequest] = [
            .control(.evict(members, group: name, mandate)), .control(.evict(members, group: nil, mandate)),
            .control(.deny(members, group: nil, mandate)), .control(.allow(members, group: name, mandate)),
            .control(.emergency(name, mandate)), .control(.schedules(nil)), .control(.schedules(name)),
            .control(.setSchedule(name, schedule, mandate)), .control(.pause(name, true, mandate)),
            .control(.pause(name, false, mandate)), .control(.history(nil, after: 0)),
            .control(.history(name, after: 1 << 40)), .control(.policyTest(members[0], group: name, senderIDs: nil)),
            .control(.policyTest(members[0], group: name, senderIDs: 3)),
            .audit(.read(AuditQuery(start: .newest(5)))), .audit(.anchor(mandate)),
        ]
        let row = try Self.history()
        let page = Self.page([Self.record(7)])
        let authority = FakeAuthority(.leader) { request in
            switch request {
            case .control(.schedules): .success(.schedules([]))
            case .control(.history): .success(.history([row]))
            case .control(.policyTest): .success(.verdict(PolicyVerdict(isAllowed: false, lines: ["no"])))
            case .audit(.read): .success(.audit(page))
            default: .success(.done(["did it"]))
            }
        }
        let path = freshSocketPath()
        let link = AuthorityLink(targets: [unixTarget("auth-1", path)], name: "alice")
        try await withServer([unixListener(path)], authority) { _, _ in
            let client = OperatorClient(link: link)
            for request in requests { _ = try await client.perform(request) }
            #expect(authority.seen.asked == requests.map { "\($0)" })
            guard case .history(let rows) = try await client.perform(.control(.history(nil, after: 0))),
                case .audit(let read) = try await client.perform(.audit(.read(AuditQuery(start: .after(0)))))
            else {
                Issue.record("replies of another kind")
                return
            }
            #expect(rows == [row] && read == page)
        }
    }
}
