import GroupModel
import IKEVocabulary
import IKEWire
import TestKit
import Testing

@testable import IKEExchange

@Suite struct ResponderReportTests {
    private func report(_ counter: UInt32) -> Payload {
        .notify(
            ESNReport(
                spi: ESPSPI(rawValue: 0x10_0001), isFinal: false, counter: counter, nextNumber: UInt64(counter) + 1,
                senderID: nil, seconds: 0
            ).notify)
    }

    private func established(
        announces: Bool = true
    ) throws -> (ResponderHarness, ForgedInitiator, ResponderSA) {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 5)
        if announces { forged.announced.append(.vendorID(ExtensionVendorID.octets)) }
        return (harness, forged, try harness.established(forged))
    }

    @Test func aReportIsPassedOnAndAnsweredWhenItIsStored() throws {
        let (harness, forged, sa) = try established()
        let effects = harness.deliver(try forged.seal(.informational, 2, [report(1)]), to: sa)
        let request = try #require(effects.asked.first)
        #expect(effects.sent.isEmpty && request.member == Sample.memberName)
        guard case .report(let carried) = request.action else {
            Issue.record("not a report")
            return
        }
        #expect(carried == SequenceReport(spi: ESPSPI(rawValue: 0x10_0001), counter: 1, next: 2))
        // One is under way at a time.
        #expect(harness.deliver(try forged.seal(.informational, 3, [report(2)]), to: sa).asked.isEmpty)
        let stored = try forged.open(harness.answer(.noted, request, to: sa).sent)
        #expect(stored.payloads.isEmpty)
        let second = harness.deliver(try forged.seal(.informational, 3, [report(2)]), to: sa)
        let refusal = RegistrationOutcome.refused(RegistrationRefusal(.unknownSA, "no such SA"))
        let refused = try forged.open(harness.answer(refusal, try #require(second.asked.first), to: sa).sent)
        #expect(refused.errors == [.invalidSPI] && !sa.isClosed)
    }

    @Test func aPeerWithoutOurVendorIDReportsNothing() throws {
        let (harness, forged, sa) = try established(announces: false)
        let effects = harness.deliver(try forged.seal(.informational, 2, [report(1)]), to: sa)
        #expect(effects.asked.isEmpty)
        #expect(try forged.open(effects.sent).payloads.isEmpty)
    }

    @Test func aReportThatBreaksTheRulesEndsTheSA() throws {
        for payloads in [
            [report(1), report(2)],
            [.notify(NotifyPayload(.esnReport, data: [1], securityProtocol: .esp, spi: [0, 0x10, 0, 1]))],
        ] {
            let (harness, forged, sa) = try established()
            let effects = harness.deliver(try forged.seal(.informational, 2, payloads), to: sa)
            #expect(effects.asked.isEmpty && effects.isClosed)
            #expect(try forged.open(effects.sent).errors == [.invalidSyntax])
        }
    }

    @Test func reportsInAStreamAreToldToWait() throws {
        let (harness, forged, sa) = try established()
        var asked = 0
        for round in 0..<40 {
            let effects = harness.deliver(
                try forged.seal(.informational, UInt32(round) + 2, [report(UInt32(round) + 1)]), to: sa)
            if let request = effects.asked.first {
                asked += 1
                _ = harness.answer(.noted, request, to: sa)
            } else {
                #expect(try forged.open(effects.sent).errors == [.temporaryFailure])
            }
            harness.now = harness.now + .milliseconds(100)
        }
        // Eight at once, then one a second.
        #expect((8...13).contains(asked))
    }
}
