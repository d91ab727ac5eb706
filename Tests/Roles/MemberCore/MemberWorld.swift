import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import MemberCore

let memberName = Identity.fqdn("gm1.example")
private let frontendName = Identity.fqdn("frontend.example")
private let password = "correct horse battery staple"

func endpoint(_ text: String) throws -> Endpoint { try #require(Endpoint(text)) }

/// A frontend with the real responder, and an authority in one closure.
final class FrontendFixture {
    let remote: Endpoint
    var isDown = false
    var postponesRekeys = false
    /// Set: every IKE_SA_INIT is answered by REDIRECT.
    var sendsTo: RedirectGateway?
    /// Who sent members here, by their own words.
    private(set) var sentBy: [RedirectGateway] = []
    var answer: (RegistrationRequest) throws -> RegistrationOutcome
    private(set) var requests: [RegistrationRequest] = []
    private(set) var initials = 0
    private var sas: [IKESPI: ResponderSA] = [:]
    private let configuration: ResponderConfiguration
    private let engine = CryptoEngine()
    private var entropy: SeededEntropy

    init(
        _ remote: Endpoint, seed: UInt64, answer: @escaping (RegistrationRequest) throws -> RegistrationOutcome
    ) {
        self.remote = remote
        self.answer = answer
        entropy = SeededEntropy(seed: seed)
        configuration = ResponderConfiguration(
            frontend: "\(remote)", own: OwnCredentials(identity: frontendName, signing: nil),
            trust: SharedKeyTrust([memberName: password]))
    }

    var establishedSAs: Int { sas.values.filter { $0.isEstablished && !$0.isClosed }.count }

    func forgetEverything() { sas = [:] }

    func receive(_ datagram: [UInt8], from member: Endpoint, at now: Moment, wall: WallTime) throws -> [[UInt8]] {
        let path = DatagramPath(local: remote, remote: member, isEncapsulated: false)
        let message = try FramedMessage(decoding: datagram)
        if message.header.exchange == .ikeSAInit {
            initials += 1
            for case .notify(let notify) in try ForgedInitiator.clear(datagram).payloads
            where notify.type == .redirectedFrom {
                sentBy.append(try #require(RedirectGateway(decoding: notify.data, nonce: [])))
            }
            if let sendsTo { return Redirection.answer(to: message, gateway: sendsTo).map { [$0] } ?? [] }
            let outcome = InitialResponder.respond(
                to: message, datagram: datagram, path: path, configuration: configuration, cookies: nil, at: now,
                engine: engine, entropy: &entropy)
            guard case .begun(let sa, let reply, _) = outcome else { return [] }
            sas[sa.ownSPI] = sa
            return [reply]
        }
        let header = message.header
        guard let sa = sas[header.isFromInitiator ? header.responderSPI : header.initiatorSPI] else { return [] }
        return try perform(
            sa.handle(
                message, path: path, at: now, wall: wall, configuration: configuration, engine: engine,
                entropy: &entropy), sa, at: now)
    }

    /// Asks everybody who is here to go there.
    func redirect(to gateway: RedirectGateway, at now: Moment) throws -> [[UInt8]] {
        try sas.values.flatMap { sa in
            try perform(
                sa.redirect(to: gateway, at: now, configuration: configuration, engine: engine, entropy: &entropy), sa,
                at: now)
        }
    }

    /// Says Delete to everybody who is here.
    func dismiss(at now: Moment) throws -> [[UInt8]] {
        try sas.values.flatMap { sa in
            try perform(
                sa.delete(at: now, configuration: configuration, engine: engine, entropy: &entropy), sa, at: now)
        }
    }

    /// Asks everybody who is here for new keys.
    func rekey(at now: Moment) throws -> [[UInt8]] {
        try sas.values.filter { $0.canBeDeleted }.flatMap { sa in
            let spi = entropy.newIKESPI()
            return try perform(
                sa.rekey(
                    with: spi, at: now, configuration: configuration, engine: engine, entropy: &entropy), sa, at: now)
        }
    }

    private func perform(_ effects: [ResponderEffect], _ sa: ResponderSA, at now: Moment) throws -> [[UInt8]] {
        var sent: [[UInt8]] = []
        for effect in effects {
            switch effect {
            case .send(let datagrams, _): sent += datagrams
            case .ask(let request):
                requests.append(request)
                let answer = RegistrationAnswer(operation: request.operation, outcome: try answer(request))
                sent += try perform(sa.handle(answer, engine: engine, entropy: &entropy), sa, at: now)
            case .event, .unproved, .closed, .keyLog, .rekeyRefused: continue
            case .rekeyAsked:
                let spi = entropy.newIKESPI()
                let answer =
                    postponesRekeys
                    ? sa.postponeRekey(engine: engine, entropy: &entropy)
                    : sa.answerRekey(
                        with: spi, at: now, configuration: configuration, engine: engine, entropy: &entropy)
                sent += try perform(answer, sa, at: now)
            case .candidate(let fresh), .succeeded(let fresh): sas[fresh.ownSPI] = fresh
            case .redundant(let lost):
                sas[lost.ownSPI] = lost
                sent += try perform(
                    lost.delete(at: now, configuration: configuration, engine: engine, entropy: &entropy), lost, at: now
                )
            }
        }
        return sent
    }

    var joins: Int { requests.filter { if case .join = $0.action { true } else { false } }.count }
    var leaves: [NotifyType] {
        requests.compactMap { if case .leave(let why) = $0.action { why } else { nil } }
    }
}

/// One member, its frontends and groups, a network without delay, and the clock.
final class MemberWorld {
    var now = start
    let groups: [GroupFixture]
    var frontends: [FrontendFixture] = []
    let core: MemberCore
    private(set) var transcript: [String] = []
    private(set) var installed: [GroupSAReference: InstalledGroupSA] = [:]
    private(set) var sending: Set<GroupSAReference> = []
    private(set) var listening: Set<Endpoint> = []
    private(set) var sentDatagrams = 0
    private(set) var isFinished = false
    private let local: Endpoint

    init(
        groups: [GroupFixture], memberships: [Membership]? = nil, frontends count: Int = 2,
        livenessAfter: Duration? = nil, ikeLifetime: Duration? = nil, isChildless: Bool = false, seed: UInt64 = 21
    ) throws {
        self.groups = groups
        local = try endpoint("198.51.100.7:500")
        let remotes = try (1...count).map { try endpoint("192.0.2.\($0):500") }
        let ike = InitiatorConfiguration(
            own: OwnCredentials(identity: memberName, signing: nil),
            sharedKey: HeldSecret(SecretOctets(copying: Array(password.utf8))),
            trust: SharedKeyTrust([frontendName: password]), expectedResponder: frontendName)
        let local = local
        let configuration = MemberConfiguration(
            ike: ike, memberships: memberships ?? groups.map { Membership(group: $0.group, role: .receiver) },
            frontends: remotes.map { KnownFrontend(identity: nil, local: local, remote: $0) },
            livenessAfter: livenessAfter, ikeLifetime: ikeLifetime, isChildless: isChildless)
        core = MemberCore(configuration, engine: CryptoEngine(), entropy: SeededEntropy(seed: seed))
        frontends = remotes.enumerated().map { index, remote in
            FrontendFixture(remote, seed: seed &* 100 &+ UInt64(index)) { request in
                guard case .join(let join) = request.action else { return .left }
                guard let group = groups.first(where: { $0.group == request.group }) else {
                    return .refused(RegistrationRefusal(.unknownGroup, "no such group"))
                }
                let ids = join.senderIDs.map { Array(7..<(7 + max($0, 1))) } ?? []
                return .granted(try group.bodies(under: join.gskW, senderIDs: ids))
            }
        }
    }

    private var wall: WallTime { WallTime(milliseconds: Int64(now.nanoseconds / 1_000_000)) }

    /// Hands one input to the member and performs what it wants; returns the words of it.
    @discardableResult
    func give(_ input: MemberInput) throws -> [String] {
        var said: [String] = []
        var inputs = [input]
        var rounds = 0
        while !inputs.isEmpty {
            rounds += 1
            // A member and its frontends that talk for ever at one moment are broken.
            try #require(rounds < 1000)
            for effect in core.handle(inputs.removeFirst(), at: now, wall: wall) {
                inputs += try perform(effect)
                if let text = EffectText.describe(effect), !Self.isNoise(text) { said.append(text) }
            }
        }
        transcript += said
        return said
    }

    private static func isNoise(_ text: String) -> Bool {
        text.hasPrefix("ike-sa-established") || text == "group-left"
    }

    private func perform(_ effect: MemberEffect) throws -> [MemberInput] {
        switch effect {
        case .send(let datagrams, let path):
            sentDatagrams += datagrams.count
            guard let frontend = frontends.first(where: { $0.remote == path.remote }), !frontend.isDown else {
                return []
            }
            return try datagrams.flatMap { try frontend.receive($0, from: local, at: now, wall: wall) }
                .map { .datagram($0) }
        case .install(let sa): installed[sa.reference] = sa
        case .remove(let sa):
            try #require(installed.removeValue(forKey: sa) != nil, "removed what was not installed")
            sending.remove(sa)
        case .activate(let sa, let replaced):
            try #require(installed[sa] != nil)
            sending.insert(sa)
            sending.subtract(replaced)
        case .stopSending(let sa): sending.remove(sa)
        case .joinMulticast(let endpoint): listening.insert(endpoint)
        case .leaveMulticast(let endpoint): listening.remove(endpoint)
        case .finished: isFinished = true
        case .sendAs, .event, .keyLog: break
        }
        return []
    }

    /// Lets time pass, timer by timer.
    @discardableResult
    func run(seconds: Double) throws -> [String] {
        let end = now + .milliseconds(Int64(seconds * 1000))
        let said = transcript.count
        while core.deadline <= end {
            now = max(now, core.deadline)
            try give(.timer)
            // A deadline that stays in the past would keep a real program spinning.
            try #require(core.deadline > now)
        }
        now = end
        return Array(transcript[said...])
    }

    /// A datagram to every member of the group that listens.
    @discardableResult
    func multicast(_ datagram: [UInt8], to text: String = "239.1.1.1:848") throws -> [String] {
        let to = try endpoint(text)
        guard listening.contains(to) else { return [] }
        return try give(.multicast(datagram, from: try endpoint("192.0.2.100:848"), to: to))
    }
}
