import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import RegistrationCore
import TestKit
import Testing

private let wall = WallTime(milliseconds: 1_790_000_000_000)
private let member = Identity.fqdn("gm1.example")
private let group = Identity.keyID("market-data")

/// A frontend and members that hold the right keys, encrypt properly, and say something damaged inside.
private final class Front {
    let core: RegistrationCore
    private let key: HeldSecret
    private let path: DatagramPath
    private var now = Moment(nanoseconds: 1_000)
    private var seed: UInt64 = 1

    init() throws {
        let trust = SharedKeyTrust([member: "swordfish"])
        key = try #require(trust.keys[member])
        path = DatagramPath(
            local: Endpoint(try #require(IPAddress("192.0.2.1")), port: 500),
            remote: Endpoint(try #require(IPAddress("192.0.2.7")), port: 500), isEncapsulated: false)
        // All members here are one: its older SAs would be deleted in the midst of it.
        var limits = RegistrationLimits()
        limits.sasPerIdentity = .max
        core = RegistrationCore(
            configuration: ResponderConfiguration(
                frontend: "f", own: OwnCredentials(identity: .fqdn("gcks.example"), signing: nil), trust: trust),
            limits: limits, engine: CryptoEngine(), entropy: SeededEntropy(seed: 5), at: now)
    }

    /// Delivers, and answers what is asked with a refusal.
    func deliver(_ datagrams: [[UInt8]]) -> [[UInt8]] {
        var effects = datagrams.flatMap { core.handle($0, path, at: now, wall: wall) }
        let answers = effects.compactMap { effect -> RegistrationAnswer? in
            guard case .ask(let request) = effect else { return nil }
            return RegistrationAnswer(
                operation: request.operation, outcome: .refused(RegistrationRefusal(.groupFull, "fuzz")))
        }
        effects += core.handle(answers, at: now)
        return effects.flatMap { effect -> [[UInt8]] in
            if case .send(let datagrams, _) = effect { datagrams } else { [] }
        }
    }

    func begin() throws -> ForgedInitiator {
        seed += 1
        let forged = try ForgedInitiator(seed: seed)
        let padding = ForgedInitiator.announcements + [.vendorID([UInt8](repeating: 1, count: 120))]
        let reply = try #require(deliver([forged.initRequest([ForgedInitiator.proposal()], more: padding)]).first)
        try forged.takeInit(reply)
        return forged
    }

    func authPayloads(_ forged: ForgedInitiator) throws -> [Payload] {
        [
            .identificationInitiator(member), .certificate(CertificatePayload(octets: [0x30, 3, 2, 1, 5])),
            try forged.sharedKeyProof(member, key), .identificationGroup(group),
            .securityAssociation([ForgedInitiator.proposal()]),
            .notify(NotifyPayload(.groupSender, data: [0, 0, 0, 2])),
        ]
    }

    /// An SA that is up.
    func established() throws -> ForgedInitiator {
        let forged = try begin()
        let payloads: [Payload] = [.identificationInitiator(member), try forged.sharedKeyProof(member, key)]
        let opened = try forged.open(deliver(try forged.seal(.ikeAuth, 1, payloads)))
        #expect(opened.types.contains(.authentication))
        return forged
    }

    /// What a good member gets: its group's answer over a fresh SA.
    func stillRegisters() throws -> Bool {
        let forged = try begin()
        let opened = try forged.open(deliver(try forged.seal(.gsaAuth, 1, try authPayloads(forged))))
        return opened.types.contains(.authentication) && opened.errors == [.registrationFailed]
    }

    /// Ends half-open and old SAs, so that a long run does not meet the bounds; then those whose Delete nobody answered.
    func pass(seconds: Int) {
        for wait in [seconds, 60] {
            now = now + .seconds(wait)
            _ = core.tick(at: now)
        }
    }
}

/// Damage inside messages whose encryption is right: what only somebody with keys can send.
struct HostileMemberTests {
    @Test func everyDamagedAuthentication() throws {
        let front = try Front()
        let intact = try front.begin()
        let chain = PayloadChain(try front.authPayloads(intact))
        // One fresh SA each: AUTH must be that SA's own, so that damage elsewhere gets past it.
        for (index, damage) in Damage.every(chain.encode().count).enumerated() {
            let forged = try front.begin()
            let inner = damage.applied(to: PayloadChain(try front.authPayloads(forged)).encode())
            _ = front.deliver(try forged.seal(.gsaAuth, 1, firstInner: chain.first, inner: inner))
            if index % 32 == 0 { front.pass(seconds: 31) }
        }
        #expect(try front.stillRegisters())
    }

    @Test(arguments: [ExchangeType.gsaRegistration, .informational, .createChildSA, .ikeAuth, .gsaAuth, .gsaRekey])
    func everyDamagedRequestOverAnEstablishedSA(_ exchange: ExchangeType) throws {
        let front = try Front()
        let chain = PayloadChain([
            .identificationGroup(group), .securityAssociation([ForgedInitiator.proposal()]),
            .notify(NotifyPayload(.groupSender, data: [0, 0, 0, 2])), .notify(NotifyPayload(.noProposalChosen)),
            .delete(.esp([ESPSPI(rawValue: 0x1001)])), .vendorID([1, 2, 3]),
        ])
        var forged = try front.established()
        var messageID: UInt32 = 2
        for inner in Damage.all(chain.encode()) + Damage.all(PayloadChain([.delete(.ikeSA)]).encode()) {
            let answer = front.deliver(try forged.seal(exchange, messageID, firstInner: chain.first, inner: inner))
            messageID += 1
            // Some damage ends the SA, rightly; silence too: then there is a new one.
            if answer.isEmpty || front.core.statusCounters["ike-sas"] != 1 {
                front.pass(seconds: 90_000)
                forged = try front.established()
                messageID = 2
            }
        }
        front.pass(seconds: 90_000)
        #expect(try front.stillRegisters())
    }

    @Test func everyDamagedInitialRequest() throws {
        let front = try Front()
        let request = try ForgedInitiator(seed: 77).initRequest([ForgedInitiator.proposal()])
        for (index, damaged) in Damage.all(request).enumerated() {
            _ = front.deliver([damaged])
            if index % 16 == 0 { front.pass(seconds: 31) }
        }
        front.pass(seconds: 31)
        #expect(try front.stillRegisters())
        #expect(front.core.statusCounters["half-open"] == 0)
    }

    /// Fragments with right keys and wrong numbers, in any order, many at once.
    @Test func fragmentsOfEveryShape() throws {
        let front = try Front()
        var entropy = SeededEntropy(seed: 3)
        for _ in 0..<300 {
            let forged = try front.begin()
            let payloads = try front.authPayloads(forged)
            var fragments = try forged.seal(.gsaAuth, 1, payloads, fragmentOctets: 1 + Int(entropy.next() % 64))
            fragments.shuffle(using: &entropy)
            let other = try forged.seal(.gsaAuth, 1, payloads, fragmentOctets: 1 + Int(entropy.next() % 64))
            _ = front.deliver(Array(zip(fragments, other).flatMap { [$0, $1] }))
            front.pass(seconds: 31)
        }
        front.pass(seconds: 31)
        #expect(try front.stillRegisters())
    }
}
