import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import IKEExchange

/// A member and a frontend with an established IKE SA, every SA that rekeys make of it, and a network that the test rules.
final class RekeyWorld {
    let harness: InitiatorHarness
    var member: InitiatorSA
    var frontend: ResponderSA
    private(set) var memberSAs: [InitiatorSA]
    private(set) var frontendSAs: [ResponderSA]
    /// Under way, oldest first.
    var toMember: [[UInt8]] = []
    var toFrontend: [[UInt8]] = []
    private(set) var asked: [[UInt8]] = []
    private(set) var rekeys = 0
    private(set) var memberRefusals: [NotifyType] = []
    private(set) var frontendRefusals: [NotifyType] = []
    /// Answers a rekey that the member asks for with TEMPORARY_FAILURE, as it always does for an SA that is not in force (yet).
    var postpones = false
    /// When the frontend deletes what the member should have deleted.
    private var spareUntil: [(sa: ResponderSA, at: Moment)] = []

    init(
        seed: UInt64 = 1, memberNumbers: OptimizedRekeyNumbers? = nil, frontendNumbers: OptimizedRekeyNumbers? = nil,
        memberPolicy: IKEPolicy? = nil, frontendPolicy: IKEPolicy? = nil
    ) throws {
        harness = InitiatorHarness()
        harness.entropy = SeededEntropy(seed: seed)
        harness.responder.entropy = SeededEntropy(seed: seed &+ 1_000_000)
        harness.configuration.optimizedRekey = memberNumbers
        harness.configuration.policy = memberPolicy ?? .standard
        let old = harness.responder.configuration
        harness.responder.configuration = ResponderConfiguration(
            frontend: old.frontend, own: old.own, trust: old.trust, policy: frontendPolicy ?? .standard,
            fragmentOctets: old.fragmentOctets, logsKeys: true, optimizedRekey: frontendNumbers)
        try #require(try harness.establish().isEstablished)
        member = harness.member
        frontend = try #require(harness.responderSA)
        (memberSAs, frontendSAs) = ([member], [frontend])
    }

    var now: Moment { harness.now }

    // MARK: What the ends want

    func memberRekeys() {
        perform(member.rekey(at: now, engine: harness.engine, entropy: &harness.entropy), of: member)
    }

    func frontendRekeys() {
        let responder = harness.responder
        let spi = responder.entropy.newIKESPI()
        perform(
            frontend.rekey(
                with: spi, at: now, configuration: responder.configuration, engine: responder.engine,
                entropy: &responder.entropy), of: frontend)
    }

    func frontendDeletes() {
        let responder = harness.responder
        perform(
            frontend.delete(
                at: now, configuration: responder.configuration, engine: responder.engine,
                entropy: &responder.entropy), of: frontend)
    }

    func memberJoins() {
        let join = GroupJoin(group: Sample.group, proposals: nil, senderIDs: nil)
        perform(member.join(join, at: now, engine: harness.engine, entropy: &harness.entropy), of: member)
    }

    // MARK: The network

    func deliverToFrontend(_ datagram: [UInt8]) throws {
        let header = try FramedMessage(decoding: datagram).header
        let own = header.isFromInitiator ? header.responderSPI : header.initiatorSPI
        for sa in frontendSAs where sa.ownSPI == own { perform(harness.responder.deliver([datagram], to: sa), of: sa) }
    }

    func deliverToMember(_ datagram: [UInt8]) {
        for sa in memberSAs {
            perform(
                sa.handle(datagram, at: now, wall: harness.wall, engine: harness.engine, entropy: &harness.entropy),
                of: sa)
        }
    }

    /// Delivers the oldest datagram of one direction; of the other when there is none.
    func step(towardsMember: Bool) throws {
        if !toMember.isEmpty, towardsMember || toFrontend.isEmpty {
            deliverToMember(toMember.removeFirst())
        } else if !toFrontend.isEmpty {
            try deliverToFrontend(toFrontend.removeFirst())
        }
    }

    func drain() throws {
        while !toMember.isEmpty || !toFrontend.isEmpty { try step(towardsMember: true) }
    }

    func pass(_ wait: Duration) {
        harness.now = now + wait
        harness.responder.now = harness.now
        for sa in memberSAs { perform(sa.tick(at: now), of: sa) }
        let responder = harness.responder
        for sa in frontendSAs { perform(sa.tick(at: now, configuration: responder.configuration), of: sa) }
        for spare in spareUntil where spare.at <= now && spare.sa !== frontend {
            perform(
                spare.sa.delete(
                    at: now, configuration: responder.configuration, engine: responder.engine,
                    entropy: &responder.entropy), of: spare.sa)
        }
        spareUntil.removeAll { $0.at <= now }
    }

    /// Without loss until nothing more happens.
    func settle() throws {
        for _ in 0..<140 {
            try drain()
            pass(.milliseconds(500))
        }
        try drain()
    }

    // MARK: Effects

    private func perform(_ effects: [InitiatorEffect], of sa: InitiatorSA) {
        for effect in effects {
            switch effect {
            case .send(let datagrams, _): toFrontend += datagrams
            case .candidate(let fresh), .redundant(let fresh): memberSAs.append(fresh)
            case .succeeded(let heir):
                if !memberSAs.contains(where: { $0 === heir }) { memberSAs.append(heir) }
                if sa === member { member = heir }
                rekeys += 1
                perform(heir.resume(at: now, engine: harness.engine, entropy: &harness.entropy), of: heir)
            case .rekeyRefused(let type): memberRefusals.append(type)
            default: continue
            }
        }
    }

    private func perform(_ effects: [ResponderEffect], of sa: ResponderSA) {
        let responder = harness.responder
        for effect in effects {
            switch effect {
            case .send(let datagrams, _): toMember += datagrams
            case .rekeyAsked:
                let spi = responder.entropy.newIKESPI()
                let answer =
                    postpones || sa !== frontend
                    ? sa.postponeRekey(engine: responder.engine, entropy: &responder.entropy)
                    : sa.answerRekey(
                        with: spi, at: now, configuration: responder.configuration, engine: responder.engine,
                        entropy: &responder.entropy)
                perform(answer, of: sa)
            case .candidate(let fresh): keep(fresh)
            case .redundant(let fresh):
                keep(fresh)
                perform(
                    fresh.delete(
                        at: now, configuration: responder.configuration, engine: responder.engine,
                        entropy: &responder.entropy), of: fresh)
            case .succeeded(let heir):
                keep(heir)
                if sa === frontend { frontend = heir }
                spareUntil.append((sa, now + .seconds(30)))
            case .ask(let request):
                if case .join(let join) = request.action { asked.append(join.gskW.secret.exposed()) }
                let refusal = RegistrationRefusal(.groupFull, "test")
                perform(responder.answer(.refused(refusal), request, to: sa), of: sa)
            case .rekeyRefused(let type): frontendRefusals.append(type)
            default: continue
            }
        }
    }

    private func keep(_ sa: ResponderSA) {
        guard !frontendSAs.contains(where: { $0 === sa }) else { return }
        frontendSAs.append(sa)
        spareUntil.append((sa, now + .seconds(30)))
    }

    // MARK: What must hold

    /// One SA at each end and the same one; it carries a registration under one GSK_w.
    func expectOneSA(_ comment: Comment? = nil) throws {
        let members = memberSAs.filter { !$0.isClosed }
        let frontends = frontendSAs.filter { !$0.isClosed }
        #expect([members.count, frontends.count] == [1, 1], comment)
        #expect(members.first === member && frontends.first === frontend, comment)
        let (spiI, spiR) = (member.channel?.spiI, member.channel?.spiR)
        #expect(spiI == frontend.spiI && spiR == frontend.spiR, comment)
        #expect(member.channel?.isInitiator == (frontend.ownSPI == frontend.spiR), comment)
        let count = asked.count
        memberJoins()
        try drain()
        #expect(asked.count == count + 1, comment)
        #expect(asked.last == member.gskW?.secret.exposed(), comment)
    }
}
