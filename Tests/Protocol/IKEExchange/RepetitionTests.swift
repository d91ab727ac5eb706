import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

/// What somebody gets who recorded authentic messages and sends them again.
struct RepetitionTests {
    @Test func aRecordedRequestFromElsewhereIsNotAnswered() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 90)
        let sa = try harness.established(forged)
        let request = try forged.seal(.informational, 2, [])
        let answer = harness.deliver(request, to: sa).sent
        #expect(harness.deliver(request, to: sa, path: Sample.otherPath).sent.isEmpty)
        #expect(harness.deliver(request, to: sa).sent == answer)
        // A new request from there makes that path known.
        let next = try forged.seal(.informational, 3, [])
        #expect(harness.deliver(next, to: sa, path: Sample.otherPath).sent.count == 1)
        #expect(harness.deliver(next, to: sa, path: Sample.otherPath).sent.count == 1)
        #expect(harness.deliver(next, to: sa).sent.isEmpty)
    }

    @Test func repeatsOfOneAnswerAreBounded() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 91)
        let sa = try harness.established(forged)
        let request = try forged.seal(.informational, 2, [])
        _ = harness.deliver(request, to: sa)
        func repeats(_ count: Int) -> Int {
            (0..<count).reduce(0) { sum, _ in sum + harness.deliver(request, to: sa).sent.count }
        }
        #expect(repeats(7) == 7)
        #expect(repeats(1) == 1)
        #expect(repeats(50) == 0)
        harness.now = harness.now + .milliseconds(999)
        #expect(repeats(5) == 0)
        harness.now = harness.now + .milliseconds(1)
        #expect(repeats(5) == 1)
        harness.now = harness.now + .seconds(100)
        #expect(repeats(5) == 1)
        // The next answer has its own.
        let next = try forged.seal(.informational, 3, [])
        #expect(harness.deliver(next + next, to: sa).sent.count == 2)
    }

    @Test func theMembersAnswersAreBoundedToo() throws {
        let harness = InitiatorHarness()
        _ = try harness.establish()
        let alive = try harness.forge(.informational, 0, [], isResponse: false)
        let sent = (0..<100).reduce(0) { sum, _ in sum + harness.deliver([alive]).sent.count }
        #expect(sent == 9)
        harness.now = harness.now + .seconds(1)
        #expect(harness.deliver([alive, alive]).sent.count == 1)
    }

    /// A fragment of the last request, recorded, between the fragments of the next one.
    @Test func oldFragmentsDoNotDisturbTheNextRequest() throws {
        let harness = ResponderHarness()
        let forged = try ForgedInitiator(seed: 92)
        let sa = try harness.established(forged)
        let padding = Payload.vendorID([UInt8](repeating: 7, count: 200))
        let old = try forged.seal(.informational, 2, [padding], fragmentOctets: 50)
        _ = harness.deliver(old, to: sa)
        let next = try forged.seal(.informational, 3, [padding], fragmentOctets: 50)
        var answers = 0
        for fragment in next {
            answers += harness.deliver([fragment], to: sa).sent.count
            answers -= harness.deliver([old[1]], to: sa).sent.count
        }
        #expect(answers == 1)
        #expect(harness.deliver(try forged.seal(.informational, 4, []), to: sa).sent.count == 1)
    }

    /// The same at the member: fragments of an answer it has, and of requests it does not expect.
    @Test func otherFragmentsDoNotDisturbTheAwaitedAnswer() throws {
        let harness = InitiatorHarness(fragmentOctets: 300)
        _ = try harness.establish()
        let body = [Payload.notify(NotifyPayload(.invalidGroupID)), .vendorID([UInt8](repeating: 5, count: 900))]
        let group = GroupJoin(group: Sample.group, proposals: nil, senderIDs: nil)
        _ = harness.join(group)
        let answer = try harness.forgeFragments(.gsaRegistration, 2, body, isResponse: true)
        let others =
            try harness.forgeFragments(.ikeAuth, 1, body, isResponse: true)
            + (try harness.forgeFragments(.informational, 7, body, isResponse: false))
        var refusals: [NotifyType] = []
        for (index, fragment) in answer.enumerated() {
            refusals += harness.deliver([fragment]).refusals
            #expect(harness.deliver([others[index % others.count], others[others.count - 1]]).isEmpty)
        }
        #expect(refusals == [.invalidGroupID])
    }

    /// Large messages are cut into no more pieces than an end of ours joins.
    @Test func noMessageIsCutIntoMoreFragmentsThanWeJoin() throws {
        let harness = ResponderHarness(fragmentOctets: 400)
        let forged = try ForgedInitiator(seed: 93)
        let sa = try harness.established(forged)
        let asked = try #require(
            harness.deliver(try forged.seal(.gsaRegistration, 2, [.identificationGroup(Sample.group)]), to: sa)
                .asked.first)
        let grant = RegistrationGrant(
            groupSecurityAssociation: [UInt8](repeating: 1, count: 30_000),
            keyDownload: [UInt8](repeating: 2, count: 30_000), notifies: [])
        let sent = harness.answer(.granted(grant), asked, to: sa).sent
        #expect(sent.count == 64)
    }
}
