import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import RegistrationCore

/// Rekeys at a frontend: what moves to the new SA, who may have one when, and whose SPIs they get.
struct FrontendRekeyTests {
    private func established(_ front: Front, seed: UInt64 = 1) throws -> ForgedInitiator {
        let forged = try ForgedInitiator(seed: seed)
        _ = try front.begin(forged)
        _ = try front.authenticate(forged, join: false)
        return forged
    }

    private func request(_ forged: ForgedInitiator, _ id: UInt32, _ spi: UInt8) throws -> [[UInt8]] {
        try forged.seal(.createChildSA, id, forged.rekeyPayloads(spi: [UInt8](repeating: spi, count: 8)))
    }

    private func spi(_ octet: UInt8) -> IKESPI {
        IKESPI(rawValue: [UInt8](repeating: octet, count: 8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    private func rekeyed(
        _ front: Front, _ forged: ForgedInitiator, _ id: UInt32, _ octet: UInt8
    ) throws -> ForgedInitiator {
        let effects = front.deliver(try request(forged, id, octet))
        return try forged.rekeyed(by: try forged.open(effects.sent), spi: spi(octet), seed: UInt64(octet))
    }

    private func pass(_ front: Front, _ wait: Duration) -> [RegistrationEffect] {
        front.now = front.now + wait
        return front.core.tick(at: front.now)
    }

    @Test func whatBelongsToTheSAMovesToTheNewOne() throws {
        let front = try Front()
        let forged = try established(front)
        let after = try rekeyed(front, forged, 2, 3)
        #expect(front.status("rekeyed") == 1 && front.status("ike-sas") == 2)
        _ = front.deliver(try forged.seal(.informational, 3, [.delete(.ikeSA)]))
        _ = pass(front, front.limits.linger)
        #expect(front.status("ike-sas") == 1)
        // Its identity: dismissing the member ends the new SA.
        let asked = front.deliver(try after.seal(.gsaRegistration, 0, [.identificationGroup(frontGroup)])).asked
        #expect(asked.first?.member == frontMember.canonical)
        let said = front.core.dismiss([frontMember], at: front.now)
        #expect(try after.open(said.sent).payloads == [.delete(.ikeSA)])
        #expect(front.core.asking.isEmpty)
    }

    @Test func whatTheMemberDoesNotDeleteIsDeletedByUs() throws {
        let front = try Front()
        let forged = try established(front)
        _ = try rekeyed(front, forged, 2, 3)
        #expect(pass(front, front.limits.replacedLife - .milliseconds(1)).isEmpty)
        let said = pass(front, .milliseconds(1))
        #expect(try forged.open(said.sent).payloads == [.delete(.ikeSA)])
        _ = front.deliver(try forged.seal(.informational, 0, [], isResponse: true))
        _ = pass(front, front.limits.linger)
        #expect(front.status("ike-sas") == 1)
    }

    @Test func aMemberThatRekeysWithoutEndIsPutOff() throws {
        let front = try Front()
        let forged = try established(front)
        let second = try rekeyed(front, forged, 2, 3)
        // The SA of before is still there.
        _ = pass(front, front.limits.rekeyPause)
        let early = front.deliver(try request(second, 0, 4))
        #expect(try second.open(early.sent).errors == [.temporaryFailure])
        _ = front.deliver(try forged.seal(.informational, 3, [.delete(.ikeSA)]))
        let third = try rekeyed(front, second, 1, 5)
        _ = front.deliver(try second.seal(.informational, 2, [.delete(.ikeSA)]))
        // The pause between two rekeys.
        let hasty = front.deliver(try request(third, 0, 6))
        #expect(try third.open(hasty.sent).errors == [.temporaryFailure])
        #expect(front.status("rekeys-put-off") == 2)
        _ = pass(front, front.limits.rekeyPause)
        _ = try rekeyed(front, third, 1, 7)
        #expect(front.status("rekeyed") == 3)
    }

    @Test func floodsOfRekeysCostWhatFloodsOfInitialRequestsCost() throws {
        let front = try Front { ($0.exchangeBurst, $0.exchangesPerSource) = (3, 1) }
        let forged = try established(front, seed: 1)
        let other = try established(front, seed: 2)
        _ = try rekeyed(front, forged, 2, 3)
        let refused = front.deliver(try request(other, 2, 4))
        #expect(try other.open(refused.sent).errors == [.temporaryFailure])
        _ = pass(front, .seconds(1))
        _ = try rekeyed(front, other, 3, 5)
    }

    @Test func rekeysDoNotPushOutOtherSAsOfTheIdentity() throws {
        let front = try Front { $0.sasPerIdentity = 2 }
        let one = try established(front, seed: 1)
        let two = try established(front, seed: 2)
        for forged in [one, two] { _ = try rekeyed(front, forged, 2, UInt8(forged.spiI.rawValue & 0x7f) | 1) }
        #expect(front.status("ike-sas") == 4)
        // A third comes: the oldest that is in force goes.
        let third = try ForgedInitiator(seed: 3)
        _ = try front.begin(third)
        let events = try front.authenticate(third, join: false).events.map(\.name)
        #expect(events.filter { $0 == "ike-evicted" }.count == 1)
    }

    @Test func anOldSPIIsNobodys() throws {
        let front = try Front()
        let forged = try established(front)
        _ = try rekeyed(front, forged, 2, 3)
        _ = front.deliver(try forged.seal(.informational, 3, [.delete(.ikeSA)]))
        _ = pass(front, front.limits.linger)
        let late = front.deliver(try request(forged, 4, 9))
        #expect(late.sent.isEmpty)
        #expect(late.events.map(\.name) == ["datagram-dropped"])
    }

    @Test func aRekeyProvesNothingAnew() throws {
        let front = try Front {
            ($0.saLife, $0.authenticationLife, $0.idleLimit) = (.seconds(100), .seconds(150), .seconds(10_000))
        }
        let forged = try established(front)
        _ = pass(front, .seconds(80))
        let after = try rekeyed(front, forged, 2, 3)
        _ = front.deliver(try forged.seal(.informational, 3, [.delete(.ikeSA)]))
        _ = pass(front, .seconds(60))
        #expect(front.status("ike-sas") == 1)
        // Not after another hundred seconds, but when the proof is too old.
        let said = pass(front, .seconds(10))
        #expect(said.events.map(\.name) == ["ike-expired"])
        #expect(try after.open(said.sent).payloads == [.delete(.ikeSA)])
    }

    @Test func theFrontendRekeysInTimeWhenTheMemberDoesNot() throws {
        let front = try Front { ($0.saLife, $0.idleLimit) = (.seconds(100), .seconds(10_000)) }
        let forged = try established(front)
        #expect(pass(front, .seconds(90) - .milliseconds(1)).isEmpty)
        let said = pass(front, .seconds(7))
        let opened = try forged.open(said.sent)
        #expect(opened.header.exchange == .createChildSA && !opened.header.isResponse)
        #expect(opened.types == [.securityAssociation, .nonce, .keyExchange])
        // A peer that cannot: the SA ends at its time.
        let none = NotifyPayload(.noAdditionalSAs)
        let refused = front.deliver(try forged.seal(.createChildSA, 0, [.notify(none)], isResponse: true))
        #expect(refused.events.map(\.name) == ["ike-rekey-refused"])
        let end = pass(front, .seconds(3) + .milliseconds(1))
        #expect(try forged.open(end.sent).payloads == [.delete(.ikeSA)])
    }

    @Test func temporaryFailureIsAskedAgain() throws {
        let front = try Front { ($0.saLife, $0.idleLimit) = (.seconds(1000), .seconds(10_000)) }
        let forged = try established(front)
        _ = pass(front, .seconds(971))
        let busy = NotifyPayload(.temporaryFailure)
        _ = front.deliver(try forged.seal(.createChildSA, 0, [.notify(busy)], isResponse: true))
        #expect(pass(front, front.limits.rekeyRetry - .milliseconds(1)).isEmpty)
        let again = try forged.open(pass(front, .milliseconds(1)).sent)
        #expect(again.header.exchange == .createChildSA && again.header.messageID == MessageID(rawValue: 1))
    }

    @Test func aFrontendThatDrainsRekeysNobody() throws {
        let pair = try Pair()
        let forged = try pair.establish(1, at: 1)
        try pair.tell(draining: 1)
        let sent = try request(forged, 2, 3).flatMap { pair.deliver($0, to: 1) }.sent
        #expect(try forged.open(sent.map(\.octets)).errors == [.temporaryFailure])
    }

    // MARK: Any frontend

    @Test func theNewSPINamesItsOwner() throws {
        let pair = try Pair()
        let forged = try pair.establish(1, at: 1)
        // The rekey itself comes by the other frontend, as behind a balancer.
        let answered = try request(forged, 2, 3).flatMap { pair.deliver($0, to: 2) }.sent
        let answer = try forged.open(answered.map(\.octets))
        let after = try forged.rekeyed(by: answer, spi: spi(3), seed: 9)
        let owner = SPIOwnership.owner(of: after.spiR, key: fleetKey(0), engine: CryptoEngine())
        #expect(owner?.rawValue == 1)
        let asked = try after.seal(.gsaRegistration, 0, [.identificationGroup(frontGroup)])
            .flatMap { pair.deliver($0, to: 2) }
        #expect(asked.contains { entry in if case .ask = entry.effect { entry.by == 1 } else { false } })
    }

    /// After a rekey that a frontend asked for, its SPI stands in the initiator's field: others find it there.
    @Test func anSAThatTheFrontendAskedForIsFoundByTheOthers() throws {
        let pair = try Pair { ($0.saLife, $0.idleLimit) = (.seconds(100), .seconds(10_000)) }
        let (engine, trust) = (CryptoEngine(), SharedKeyTrust([.fqdn("gcks.example"): "swordfish"]))
        var entropy = SeededEntropy(seed: 77)
        let member = InitiatorSA(
            configuration: InitiatorConfiguration(
                own: OwnCredentials(identity: frontMember, signing: nil), sharedKey: pair.key, trust: trust,
                expectedResponder: .fqdn("gcks.example")),
            opening: .ikeAuth, local: pair.path(1).remote, remote: pair.path(1).local)
        var current = member
        func take(_ effects: [InitiatorEffect], by number: UInt16) -> [(by: UInt16, effect: RegistrationEffect)] {
            var back: [(by: UInt16, effect: RegistrationEffect)] = []
            for effect in effects {
                if case .succeeded(let heir) = effect { current = heir }
                guard case .send(let datagrams, _) = effect else { continue }
                for answer in datagrams.flatMap({ pair.deliver($0, to: number) }) {
                    back.append(answer)
                    guard case .send(let octets, _) = answer.effect else { continue }
                    for sa in member === current ? [member] : [member, current] {
                        for each in octets {
                            back += take(
                                sa.handle(each, at: pair.now, wall: pairWall, engine: engine, entropy: &entropy),
                                by: number)
                        }
                    }
                }
            }
            return back
        }
        _ = take(member.start(at: pair.now, engine: engine, entropy: &entropy), by: 1)
        #expect(member.isEstablished)
        let asked = pair.tick(1, after: .seconds(97)).sent
        #expect(asked.count == 1)
        // The answer and everything after it come by the other frontend.
        for datagram in asked {
            _ = take(
                member.handle(datagram.octets, at: pair.now, wall: pairWall, engine: engine, entropy: &entropy), by: 2)
        }
        #expect(current !== member && member.isClosed && pair.one.statusCounters["rekeyed"] == 1)
        let join = GroupJoin(group: frontGroup, proposals: nil, senderIDs: nil)
        let joined = take(current.join(join, at: pair.now, engine: engine, entropy: &entropy), by: 2)
        #expect(joined.contains { entry in if case .ask = entry.effect { entry.by == 1 } else { false } })
    }
}
