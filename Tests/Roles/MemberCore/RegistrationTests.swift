import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import MemberCore

@Suite struct MemberRegistrationTests {
    @Test func theFirstGroupComesWithGSAAuthAndFurtherOnesOverTheSameSA() throws {
        let first = try GroupFixture()
        let second = try GroupFixture(seed: 12, group: "alarms")
        second.rekeyAddress = "239.2.2.2"
        second.rekeySA = try second.makeRekeySA()
        let world = try MemberWorld(groups: [first, second])
        #expect(
            try world.give(.start) == [
                "join 239.1.1.1:848", "install rekey", "install 1 inbound", "join 239.2.2.2:848", "install rekey",
                "install 1 inbound",
            ])
        #expect(world.frontends[0].requests.count == 2)
        #expect(world.frontends[0].establishedSAs == 1)
        #expect(world.frontends[1].initials == 0)
        for group in [first, second] {
            let sa = try #require(world.installed[.data(group.dataSAs[0].policy.spi, group: group.group)])
            #expect(sa.keyCheckValue == group.engine.keyCheckValue(of: group.dataSAs[0].key.secret))
        }
    }

    @Test func aChildlessMemberAsksForItsGroupsByGSARegistration() throws {
        let groups = [try GroupFixture(), try GroupFixture(seed: 12, group: "alarms")]
        let world = try MemberWorld(groups: groups, isChildless: true)
        try world.give(.start)
        #expect(world.installed.count == 4)
        #expect(world.frontends[0].initials == 1)
        // Message 1 was IKE_AUTH.
        #expect(world.frontends[0].requests.map(\.operation.octets.last) == [2, 3])
    }

    @Test func aChildlessMemberWithoutGroupsHoldsItsSAUntilItStops() throws {
        let world = try MemberWorld(groups: [], livenessAfter: .seconds(60), isChildless: true)
        try world.give(.start)
        #expect(world.frontends[0].establishedSAs == 1)
        // The frontend starts anew and knows nothing: the member notices and makes another SA.
        world.frontends[0].forgetEverything()
        try world.run(seconds: 600)
        #expect(world.frontends.map(\.establishedSAs).reduce(0, +) == 1)
        try world.give(.stop)
        #expect(world.isFinished)
        #expect(world.frontends.map(\.establishedSAs).reduce(0, +) == 0)
    }

    @Test func aSenderGetsItsSenderIDs() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(
            groups: [group], memberships: [Membership(group: group.group, role: .sender(senderIDs: 2))])
        try world.give(.start)
        let sa = try #require(world.installed[.data(group.dataSAs[0].policy.spi, group: group.group)])
        guard case .data(_, let use) = sa.content else { throw TestFailure() }
        #expect(use.senderIDs.map(\.rawValue) == [7, 8])
        #expect(use.senderIDWidth == SenderIDWidth(bits: 16))
        #expect(use.direction == .both)
        #expect(world.sending.count == 1)
    }

    @Test func aRekeyThatOvertakesTheAnswerIsNotLost() throws {
        let group = try GroupFixture()
        let address = try endpoint("239.1.1.1:848")
        let world = try MemberWorld(
            groups: [group], memberships: [Membership(group: group.group, role: .receiver, rekeyAddress: address)])
        let usual = world.frontends[0].answer
        var overtaking: [String] = []
        world.frontends[0].answer = { request in
            let outcome = try usual(request)
            // Committed after the snapshot, on the wire before the answer.
            overtaking = try world.multicast(try group.rollover())
            return outcome
        }
        #expect(try world.give(.start).prefix(1) == ["join 239.1.1.1:848"])
        #expect(overtaking == [])
        #expect(world.installed.keys.contains(.data(group.dataSAs[0].policy.spi, group: group.group)))
        try world.run(seconds: 11)
        #expect(world.installed.count == 2)
        #expect(world.frontends[0].joins == 1)
    }

    @Test func aSilentFrontendIsLeftForTheNext() throws {
        let world = try MemberWorld(groups: [try GroupFixture()])
        world.frontends[0].isDown = true
        #expect(try world.give(.start) == [])
        #expect(try world.run(seconds: 2.9) == [])
        let said = try world.run(seconds: 0.1)
        #expect(said.first == "ike-sa-closed no answer")
        #expect(said.contains("install 1 inbound"))
        #expect(world.frontends[1].joins == 1)
        #expect(world.sentDatagrams == 3 + 2)
    }

    @Test func aFrontendThatFallsSilentInTheMiddleIsLeftForTheNext() throws {
        let world = try MemberWorld(groups: [try GroupFixture()])
        let first = world.frontends[0]
        let usual = first.answer
        // It dies with the question; the member has had IKE_SA_INIT answered.
        first.answer = { request in
            first.isDown = true
            throw Died()
        }
        #expect(throws: Died.self) { try world.give(.start) }
        first.answer = usual
        // As long as a frontend may wait for its authority.
        #expect(try world.run(seconds: 4.4) == [])
        #expect(try world.run(seconds: 0.1).contains("install 1 inbound"))
        #expect(world.frontends[1].joins == 1)
    }

    private struct Died: Error {}

    /// Nobody else can be asked, so nothing is won by giving up early.
    @Test func theOnlyFrontendIsWaitedForMuchLonger() throws {
        let world = try MemberWorld(groups: [try GroupFixture()], frontends: 1)
        world.frontends[0].isDown = true
        try world.give(.start)
        #expect(try world.run(seconds: 31.4) == [])
        #expect(try world.run(seconds: 0.1) == ["ike-sa-closed no answer"])
    }

    @Test func aFrontendWithoutAuthorityIsLeftForTheNext() throws {
        let world = try MemberWorld(groups: [try GroupFixture()])
        world.frontends[0].answer = { _ in .unavailable("no leader") }
        #expect(try world.give(.start) == ["registration-refused TEMPORARY_FAILURE", "ike-sa-closed finished"])
        let said = try world.run(seconds: 3)
        #expect(said.contains("install 1 inbound"))
        #expect(world.frontends[0].joins == 1)
        #expect(world.frontends[1].joins == 1)
    }

    @Test func withNobodyThereTheMemberSlowsDown() throws {
        let world = try MemberWorld(groups: [try GroupFixture()])
        for frontend in world.frontends { frontend.isDown = true }
        try world.give(.start)
        try world.run(seconds: 3600)
        // 3 datagrams a try of 3 s, and a pause of 30 to 60 s after each round of two.
        #expect(world.sentDatagrams > 6 * 54)
        #expect(world.sentDatagrams < 6 * 110)
        for frontend in world.frontends { frontend.isDown = false }
        #expect(try world.run(seconds: 130).contains("install 1 inbound"))
    }

    @Test(arguments: [RegistrationRefusal.Kind.unknownGroup, .notAuthorised, .groupFull, .noAcceptableTransforms])
    func aRefusalIsTakenAndAskedAboutMuchLater(_ kind: RegistrationRefusal.Kind) throws {
        let good = try GroupFixture()
        let bad = try GroupFixture(seed: 12, group: "closed")
        let world = try MemberWorld(groups: [bad, good])
        let usual = world.frontends[0].answer
        world.frontends[0].answer = { request in
            request.group == bad.group ? .refused(RegistrationRefusal(kind, "no")) : try usual(request)
        }
        let refusal = RegistrationRefusal(kind, "no").notify
        #expect(
            try world.give(.start) == [
                "registration-refused \(refusal)", "join 239.1.1.1:848", "install rekey", "install 1 inbound",
            ])
        // The IKE SA stays for the other group.
        #expect(world.frontends[0].establishedSAs == 1)
        #expect(try world.run(seconds: 299) == [])
        world.frontends[0].answer = usual
        #expect(try world.run(seconds: 7) == ["install rekey", "install 1 inbound"])
        #expect(world.frontends[0].initials == 1)
    }

    @Test func anAnswerOfNoUseIsRefused() throws {
        let group = try GroupFixture()
        let world = try MemberWorld(groups: [group])
        // Sender-IDs for a member that did not ask to send.
        world.frontends[0].answer = { request in
            guard case .join(let join) = request.action else { return .left }
            return .granted(try group.bodies(under: join.gskW, senderIDs: [1]))
        }
        #expect(
            try world.give(.start) == ["registration-unusable keys(\"Sender-IDs do not fit the request\")"])
        #expect(world.frontends[0].leaves == [.noProposalChosen])
        #expect(world.installed.isEmpty)
        try world.run(seconds: 290)
        #expect(world.frontends[0].joins == 1)
    }

    @Test func aWrongSharedKeyGetsNowhere() throws {
        let world = try MemberWorld(groups: [try GroupFixture()], frontends: 1)
        world.frontends[0] = FrontendFixture(world.frontends[0].remote, seed: 1) { _ in .left }
        let stranger = try MemberWorld.strangerConfiguration(world.frontends[0].remote)
        let core = MemberCore(stranger, engine: CryptoEngine(), entropy: SeededEntropy(seed: 1))
        var inputs: [MemberInput] = [.start]
        var said: [String] = []
        while let input = inputs.first {
            inputs.removeFirst()
            for effect in core.handle(input, at: start, wall: WallTime(milliseconds: 0)) {
                if case .send(let datagrams, _) = effect {
                    for datagram in datagrams {
                        inputs += try world.frontends[0].receive(
                            datagram, from: try endpoint("198.51.100.7:500"), at: start,
                            wall: WallTime(milliseconds: 0)
                        ).map { .datagram($0) }
                    }
                }
                if let text = EffectText.describe(effect) { said.append(text) }
            }
        }
        #expect(said.count == 1)
        #expect(said.first?.hasPrefix("ike-sa-closed AUTHENTICATION_FAILED") == true)
        #expect(world.frontends[0].requests.isEmpty)
        #expect(core.deadline > start)
    }
}

struct TestFailure: Error {}

extension MemberWorld {
    /// A member whose shared key the frontend does not have.
    static func strangerConfiguration(_ remote: Endpoint) throws -> MemberConfiguration {
        MemberConfiguration(
            ike: InitiatorConfiguration(
                own: OwnCredentials(identity: memberName, signing: nil),
                sharedKey: SharedKeyTrust([memberName: "guessed"]).sharedKey(with: memberName),
                trust: SharedKeyTrust(), expectedResponder: nil),
            memberships: [Membership(group: .keyID("market-data"), role: .receiver)],
            frontends: [KnownFrontend(identity: nil, local: try endpoint("198.51.100.7:500"), remote: remote)])
    }
}
