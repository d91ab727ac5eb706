import Testing

@testable import gcks_chaos

@Suite struct FaultPlanTests {
    private let all = Set(FaultKind.allCases)

    @Test func theSameSeedMakesTheSamePlan() {
        let one = FaultPlan.make(seed: 4, milliseconds: 600_000, kinds: all, members: 12)
        #expect(one == FaultPlan.make(seed: 4, milliseconds: 600_000, kinds: all, members: 12))
        #expect(one != FaultPlan.make(seed: 5, milliseconds: 600_000, kinds: all, members: 12))
        #expect(one.acts.count > 100)
    }

    @Test func neverTwoThreatsToTheQuorumAtOnce() {
        for seed in UInt64(0)..<50 {
            let plan = FaultPlan.make(seed: seed, milliseconds: 1_200_000, kinds: all, members: 12)
            let threats = plan.acts.filter(\.threatensQuorum)
            for (earlier, later) in zip(threats, threats.dropFirst()) { #expect(later.start >= earlier.end + 6000) }
            #expect(plan.acts.allSatisfy { $0.end <= 1_195_000 })
        }
    }

    @Test func everyKindOccurs() {
        let plan = FaultPlan.make(seed: 1, milliseconds: 3_600_000, kinds: all, members: 12)
        #expect(Set(plan.acts.map(\.kind)) == all)
    }

    @Test func onlyTheKindsThatWereAskedFor() {
        let plan = FaultPlan.make(seed: 1, milliseconds: 600_000, kinds: [.kill, .loss], members: 12)
        #expect(Set(plan.acts.map(\.kind)) == [.kill, .loss])
    }

    @Test func aPlanSurvivesItsText() throws {
        let plan = FaultPlan.make(seed: 9, milliseconds: 600_000, kinds: all, members: 12)
        #expect(try PlanFile.parse("# a comment\n\n" + PlanFile.text(plan)) == plan)
    }

    @Test(arguments: [
        ("1 kill", 1), ("1 bite leader 2", 1), ("# first\n1 kill nobody 2", 2), ("x kill leader 2", 1),
        ("1 kill leader 0", 1), ("1 loss network 2 much", 1), ("1 kill authority-0 2", 1),
        ("1 kill leader 5\n4 stop follower 2", 2),
    ])
    func aBadPlanIsRefusedWithItsLine(_ text: String, _ line: Int) {
        #expect { try PlanFile.parse(text) } throws: { ($0 as? PlanFile.Fault)?.line == line }
    }
}

@Suite struct PromiseTests {
    private typealias Change = LedgerEntry.Change

    private func entry(_ change: LedgerEntry.Change, _ codes: Int32...) -> LedgerEntry {
        let attempts = codes.enumerated().map { index, code in
            LedgerEntry.Attempt(sent: 1000 + index * 100, answered: 1050 + index * 100, code: code)
        }
        return LedgerEntry(requestID: "r\(change)", change: change, attempts: attempts)
    }

    private func view(_ generation: Int, limit: Int = 1000, at time: Int = 0, _ associations: [String: String] = [:])
        -> GroupView
    {
        GroupView(
            time: time, name: "market-data", generation: generation, memberLimit: limit, associations: associations,
            rekeySPI: nil, nextMessageID: nil)
    }

    private func record(_ action: String, _ kind: String, _ spi: String, ids: [UInt32]? = nil, value: String = "k")
        -> SARecord
    {
        SARecord(
            time: "2026-11-25T00:00:02Z", action: action, group: "keyid:market-data", kind: kind, spi: spi,
            keyCheckValue: value, senderIDs: ids)
    }

    private func trace(_ member: String, life: Int = 1, _ records: [SARecord]) -> MemberTrace {
        MemberTrace(member: member, life: life, startedAt: life, records: records)
    }

    @Test func anAcknowledgedGroupThatIsMissingIsLost() {
        var evidence = Evidence()
        evidence.ledger = [entry(.createGroup("a"), 0), entry(.createGroup("b"), 7), entry(.createGroup("c"), 7, 0)]
        evidence.finalGroups = ["a", "c"]
        #expect(LostChanges.check(evidence).broken.isEmpty)
        evidence.finalGroups = ["a"]
        #expect(LostChanges.check(evidence).broken.count == 1)
    }

    @Test func theLastAcknowledgedLimitStands() {
        var evidence = Evidence()
        evidence.ledger = [
            entry(.memberLimit(group: "g", 1), 0), entry(.memberLimit(group: "g", 2), 0),
            entry(.memberLimit(group: "g", 3), 7),
        ]
        evidence.views = [view(1, limit: 2)]
        #expect(LostChanges.check(evidence).broken.isEmpty)
        evidence.views = [view(1, limit: 3)]
        #expect(LostChanges.check(evidence).broken.isEmpty, "an unanswered change may have happened")
        evidence.views = [view(1, limit: 1)]
        #expect(LostChanges.check(evidence).broken.count == 1)
    }

    @Test func everyAcknowledgedRekeyRaisesTheGeneration() {
        var evidence = Evidence()
        evidence.firstGeneration = 1
        evidence.ledger = [
            entry(.rekey(group: "g", scope: "--tek"), 0), entry(.rekey(group: "g", scope: "--kek"), 6, 0),
        ]
        evidence.views = [view(3)]
        #expect(LostChanges.check(evidence).broken.isEmpty)
        evidence.views = [view(2)]
        #expect(LostChanges.check(evidence).broken.count == 1)
    }

    @Test func aSenderIDBelongsToOneRegistrationUnderOneSA() {
        var evidence = Evidence()
        evidence.traces = [
            trace("a", [record("install", "data", "01", ids: [1, 2]), record("install", "data", "02", ids: [1, 2])]),
            trace("b", [record("install", "data", "03", ids: [1])]),
        ]
        #expect(SenderIDReuse.check(evidence).broken.isEmpty)
        evidence.traces.append(trace("a", life: 2, [record("install", "data", "02", ids: [2])]))
        #expect(SenderIDReuse.check(evidence).broken.count == 1)
    }

    @Test func aMessageIDStandsForOneOctetString() {
        let place = CapturedRekey.Place(spi: "s", messageID: 1, fragment: nil)
        let other = CapturedRekey.Place(spi: "s", messageID: 1, fragment: 2)
        var evidence = Evidence()
        evidence.rekeys = [
            CapturedRekey(place: place, time: 1, source: "x", octets: [1]),
            CapturedRekey(place: place, time: 2, source: "y", octets: [1]),
            CapturedRekey(place: other, time: 2, source: "y", octets: [2]),
        ]
        #expect(RekeyOctets.check(evidence).broken.isEmpty)
        evidence.rekeys.append(CapturedRekey(place: place, time: 3, source: "z", octets: [2]))
        #expect(RekeyOctets.check(evidence).broken.count == 1)
    }

    @Test func allMembersEndOnOneGSA() {
        var evidence = Evidence()
        evidence.running = ["a", "b"]
        evidence.views = [view(2, ["rekey 01": "k", "data 02": "k"])]
        let good = [record("install", "rekey", "01"), record("install", "data", "02")]
        let old = [record("install", "data", "00"), record("remove", "data", "00")]
        evidence.traces = [trace("a", old + good), trace("b", good)]
        #expect(OneGSA.check(evidence).broken.isEmpty)
        evidence.traces = [trace("a", good), trace("b", [record("install", "data", "00")] + good)]
        #expect(OneGSA.check(evidence).broken.count == 1, "one SA too many")
        evidence.traces = [trace("a", good), trace("b", [record("install", "rekey", "01", value: "x"), good[1]])]
        #expect(OneGSA.check(evidence).broken.count == 1, "another key")
        evidence.traces = [trace("a", good)]
        #expect(OneGSA.check(evidence).broken.count == 1, "nothing at all")
        evidence.excluded = ["b"]
        #expect(OneGSA.check(evidence).broken.isEmpty)
        evidence.traces.append(trace("b", good))
        #expect(OneGSA.check(evidence).broken.count == 1, "excluded, with keys")
    }

    @Test func anExcludedMemberInstallsNothingLater() {
        var evidence = Evidence()
        // Acknowledged at 1050; the view after it shows a new Rekey SA.
        evidence.ledger = [entry(.evict(group: "market-data", member: "a"), 0)]
        evidence.views = [view(1, at: 500, ["rekey 01": "k"]), view(2, at: 1100, ["rekey 02": "k"])]
        evidence.traces = [trace("a", [record("install", "rekey", "01")])]
        #expect(Exclusions.check(evidence).broken.isEmpty)
        #expect(Exclusions.check(evidence).looked == 1)
        evidence.views[1] = view(2, at: Int(1_795_564_801_000), ["rekey 02": "k"])
        evidence.traces = [trace("a", [record("install", "rekey", "02")])]
        #expect(Exclusions.check(evidence).broken.count == 1)
        evidence.traces = [trace("b", [record("install", "rekey", "02")])]
        #expect(Exclusions.check(evidence).broken.isEmpty)
    }

    @Test func anExclusionEndsWhenTheMemberIsAskedBack() {
        var evict = entry(.evict(group: "g", member: "a"), 0)
        evict.attempts = [LedgerEntry.Attempt(sent: 10, answered: 20, code: 0)]
        var allow = entry(.allow(group: "g", member: "a"), 7)
        allow.attempts = [LedgerEntry.Attempt(sent: 30, answered: 40, code: 7)]
        #expect(Exclusions.periods([evict, allow]) == [Exclusions.Period(member: "a", from: 20, to: 30)])
        #expect(Exclusions.periods([evict]) == [Exclusions.Period(member: "a", from: 20, to: .max)])
    }

    @Test func aRegistrationThatIsNotListedIsLost() {
        var evidence = Evidence()
        evidence.running = ["a"]
        evidence.traces = [trace("a", [record("install", "data", "01", ids: [4, 5])])]
        evidence.finalMembers = ["a": [5, 4]]
        #expect(Registrations.check(evidence).broken.isEmpty)
        evidence.finalMembers = ["a": [6, 7]]
        #expect(Registrations.check(evidence).broken.count == 1)
        evidence.finalMembers = [:]
        #expect(Registrations.check(evidence).broken.count == 1)
    }

    @Test func aCrashIsACrashWhoeverAskedForAnEnd() {
        var evidence = Evidence()
        evidence.endings = [
            ProcessEnding(name: "a", how: .signal(9), wasAsked: true),
            ProcessEnding(name: "b", how: .exit(0), wasAsked: true),
        ]
        #expect(Crashes.check(evidence).broken.isEmpty)
        evidence.endings = [
            ProcessEnding(name: "a", how: .exit(0), wasAsked: false),
            ProcessEnding(name: "b", how: .signal(4), wasAsked: true),
            ProcessEnding(name: "c", how: .exit(1), wasAsked: true),
        ]
        #expect(Crashes.check(evidence).broken.count == 3)
    }

    @Test func whoWasToldUnknownIsToldInTheEnd() {
        var evidence = Evidence()
        evidence.ledger = [
            entry(.createGroup("a"), 7, 0), entry(.createGroup("b"), 6, 7, 5), entry(.createGroup("c"), 0),
        ]
        #expect(
            UnknownOutcomes.check(evidence)
                == Finding(promise: UnknownOutcomes.check(evidence).promise, looked: 2, broken: []))
        evidence.ledger.append(entry(.createGroup("d"), 7, 6))
        #expect(UnknownOutcomes.check(evidence).broken.count == 1)
    }

    @Test func nothingIsAcknowledgedWithoutAMajority() {
        var evidence = Evidence()
        evidence.ledger = [entry(.createGroup("a"), 7, 0)]
        evidence.minorities = [1010...1400]
        #expect(MinorityCommits.check(evidence).broken.isEmpty, "asked for before the cut")
        evidence.minorities = [900...1100]
        #expect(MinorityCommits.check(evidence).broken.isEmpty, "answered after it ended")
        evidence.minorities = [900...1400]
        #expect(MinorityCommits.check(evidence).broken.count == 1)
    }

    @Test func aDoubledRequestHappensOnce() {
        var evidence = Evidence()
        evidence.doubled = [DoubledRequest(requestID: "r", before: 3, after: 3)]
        #expect(DoubledRequests.check(evidence).broken.isEmpty)
        evidence.doubled.append(DoubledRequest(requestID: "r", before: 3, after: 4))
        #expect(DoubledRequests.check(evidence).broken.count == 1)
    }

    @Test func aCanaryIsCaughtOnlyByItsOwnCheckAlone() {
        let promise = Canary.lostChange.promise
        let found = Finding(promise: promise, looked: 1, broken: ["x"])
        let fine = Finding(promise: "other", looked: 1, broken: [])
        let bad = Finding(promise: "other", looked: 1, broken: ["y"])
        #expect(Canary.lostChange.isCaught([found, fine]))
        #expect(!Canary.lostChange.isCaught([Finding(promise: promise, looked: 1, broken: []), fine]))
        #expect(!Canary.lostChange.isCaught([found, bad]))
    }
}

@Suite struct CaptureTests {
    /// Ethernet, IPv4, UDP around a payload.
    private func frame(_ payload: [UInt8], fragmentOffset: UInt8 = 0) -> [UInt8] {
        let udp = 8 + payload.count
        let total = 20 + udp
        return [UInt8](repeating: 2, count: 12) + [0x08, 0x00]
            + [
                0x45, 0, UInt8(total >> 8), UInt8(total & 255), 0, 0, 0, fragmentOffset, 1, 17, 0, 0, 10, 77, 3, 1, 239,
                77, 0, 1,
            ]
            + [0x30, 0x39, 0x2a, 0x60, UInt8(udp >> 8), UInt8(udp & 255), 0, 0] + payload
    }

    /// A GSA_REKEY header and an SK payload of `body`.
    private func rekey(_ body: [UInt8]) -> [UInt8] {
        let length = 28 + 4 + body.count
        return [UInt8](repeating: 7, count: 16) + [46, 0x20, 41, 0x08, 0, 0, 0, 5, 0, 0, 0, UInt8(length)]
            + [0, 0, 0, UInt8(4 + body.count)] + body
    }

    @Test func aCaptureIsReadAsItWasWritten() throws {
        let frames = [frame([1, 2, 3]), frame(rekey([9, 9]))]
        let file = PcapForm.header() + frames.flatMap { PcapForm.record($0, milliseconds: 1_700_000_000_123) }
        let read = try #require(PcapForm.read(file))
        #expect(read.map { Array($0.octets) } == frames)
        #expect(read.map(\.milliseconds) == [1_700_000_000_123, 1_700_000_000_123])
        #expect(PcapForm.read(Array(file.dropLast())).map(\.count) == 1, "the last record is not whole")
        #expect(PcapForm.read([1, 2, 3]) == nil)
    }

    @Test func aRekeyIsFoundInACapture() throws {
        let file =
            PcapForm.header() + PcapForm.record(frame(rekey([9, 9])), milliseconds: 5)
            + PcapForm.record(frame([1, 2, 3]), milliseconds: 6)
        let found = CapturedRekey.all(in: file)
        #expect(found.count == 1)
        #expect(found.first?.place.messageID == 5)
        #expect(found.first?.place.spi == String(repeating: "07", count: 16))
        #expect(found.first?.source == "10.77.3.1")
        #expect(found.first?.octets == rekey([9, 9]))
    }

    @Test func noPrefixOfAFrameTraps() {
        let whole = frame(rekey([9, 9]))
        for count in 0..<whole.count { #expect(UDPFrame(whole.prefix(count)) == nil) }
        #expect(UDPFrame(frame([1], fragmentOffset: 3)) == nil)
    }

    @Test func timesOfRecordsAreRead() {
        #expect(Clock.milliseconds(rfc3339: "1970-01-01T00:00:01Z") == 1000)
        #expect(Clock.milliseconds(rfc3339: "2026-11-25T08:00:00.250Z") == 1_795_593_600_250)
        #expect(Clock.milliseconds(rfc3339: "yesterday") == nil)
    }
}
