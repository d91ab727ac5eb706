import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit

/// The house's initiator against the house's responder; the test carries each message itself.
final class InitiatorHarness {
    let engine = CryptoEngine()
    var entropy = SeededEntropy(seed: 5)
    var now = Sample.start
    let wall: WallTime
    var configuration: InitiatorConfiguration
    let opening: OpeningExchange
    let responder: ResponderHarness
    lazy var member = InitiatorSA(
        configuration: configuration, opening: opening, local: Sample.memberPath.remote, remote: Sample.memberPath.local
    )
    private(set) var responderSA: ResponderSA?
    private(set) var keyLog: IKEKeyLogRecord?
    private var forgedSealed: UInt64 = 1 << 32

    init(opening: OpeningExchange = .ikeAuth, fragmentOctets: Int = 1280) {
        self.opening = opening
        responder = ResponderHarness(fragmentOctets: fragmentOctets)
        wall = responder.wall
        configuration = InitiatorConfiguration(
            own: OwnCredentials(identity: Sample.memberName, signing: nil), sharedKey: Sample.key,
            trust: SharedKeyTrust(), expectedResponder: Sample.frontendName, fragmentOctets: fragmentOctets,
            logsKeys: true)
        (configuration.trust as? SharedKeyTrust)?.keys[Sample.frontendName] = Sample.key
    }

    /// With certificates on both sides.
    convenience init(member: MemberPKI.Kind, frontend: MemberPKI.Kind, opening: OpeningExchange = .ikeAuth) throws {
        self.init(opening: opening)
        let pki = try MemberPKI.shared()
        let (own, other) = (try pki.member(member), try pki.frontend(frontend))
        let frontendName = Identity.fqdn("\(frontend.rawValue).gcks.test")
        configuration.own = OwnCredentials(
            identity: .fqdn("\(member.rawValue).members.test"), signing: (key: own.key, chain: own.chain))
        configuration.sharedKey = nil
        configuration.trust = try SharedKeyTrust.certificates()
        configuration.expectedResponder = frontendName
        responder.configuration = ResponderConfiguration(
            frontend: "frontend-a",
            own: OwnCredentials(identity: frontendName, signing: (key: other.key, chain: other.chain)),
            trust: try SharedKeyTrust.certificates())
    }

    func start() -> [InitiatorEffect] { note(member.start(at: now, engine: engine, entropy: &entropy)) }

    func deliver(_ datagrams: [[UInt8]]) -> [InitiatorEffect] {
        note(
            datagrams.flatMap {
                member.handle($0, at: now, wall: wall, engine: engine, entropy: &entropy)
            })
    }

    func join(_ join: GroupJoin) -> [InitiatorEffect] {
        note(member.join(join, at: now, engine: engine, entropy: &entropy))
    }

    func leave(_ group: Identity) -> [InitiatorEffect] {
        note(member.leave(group, at: now, engine: engine, entropy: &entropy))
    }

    private func note(_ effects: [InitiatorEffect]) -> [InitiatorEffect] {
        for case .keyLog(let record) in effects { keyLog = record }
        return effects
    }

    /// The responder's answer to what the member sent.
    func respond(_ datagrams: [[UInt8]]) throws -> [[UInt8]] {
        guard let sa = responderSA else {
            guard let first = datagrams.first else { return [] }
            switch try responder.answerInit(first) {
            case .begun(let sa, let reply, _):
                responderSA = sa
                return [reply]
            case .stateless(let reply, _): return [reply]
            case .silence(let why): throw ForgedInitiator.Failed(why: why)
            }
        }
        let effects = responder.deliver(datagrams, to: sa)
        return effects.sent
            + effects.asked.flatMap {
                responder.answer(.refused(RegistrationRefusal(.groupFull, "test")), $0, to: sa).sent
            }
    }

    /// IKE_SA_INIT and AUTH without loss.
    func establish() throws -> [InitiatorEffect] {
        let auth = deliver(try respond(start().sent))
        return deliver(try respond(auth.sent))
    }

    /// A message from the responder that the house did not make, under the true keys.
    func forge(
        _ exchange: ExchangeType, _ messageID: UInt32, _ payloads: [Payload], isResponse: Bool
    ) throws -> [UInt8] {
        let chain = PayloadChain(payloads)
        let header = try header(exchange, messageID, isResponse: isResponse)
        let inner = chain.encode()
        let sealed = try suite().sealedOctets(for: inner.count)
        return try protect(
            inner, MessageAssembly.encryptedPrefix(header, firstInner: chain.first, sealedOctets: sealed))
    }

    /// The same in fragments of 100 plain octets.
    func forgeFragments(
        _ exchange: ExchangeType, _ messageID: UInt32, _ payloads: [Payload], isResponse: Bool
    ) throws -> [[UInt8]] {
        let chain = PayloadChain(payloads)
        let header = try header(exchange, messageID, isResponse: isResponse)
        let inner = chain.encode()
        let (size, total) = (100, (inner.count + 99) / 100)
        return try (0..<total).map { index in
            let part = Array(inner[index * size..<min((index + 1) * size, inner.count)])
            return try protect(
                part,
                MessageAssembly.fragmentPrefix(
                    header, firstInner: chain.first, number: UInt16(index + 1), total: UInt16(total),
                    sealedOctets: try suite().sealedOctets(for: part.count)))
        }
    }

    private func suite() throws -> ProtectionSuite {
        guard let keyLog else { throw ForgedInitiator.Failed(why: "no keys") }
        return keyLog.suite
    }

    private func header(_ exchange: ExchangeType, _ messageID: UInt32, isResponse: Bool) throws -> IKEHeader {
        guard let keyLog else { throw ForgedInitiator.Failed(why: "no keys") }
        return IKEHeader(
            initiatorSPI: keyLog.spiI, responderSPI: keyLog.spiR, nextPayload: .encrypted, exchange: exchange,
            flags: isResponse ? .response : [], messageID: MessageID(rawValue: messageID))
    }

    private func protect(_ inner: [UInt8], _ prefix: [UInt8]) throws -> [UInt8] {
        guard let keyLog else { throw ForgedInitiator.Failed(why: "no keys") }
        forgedSealed += 1
        let count = forgedSealed
        let iv = (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * UInt64($0))) }
        return prefix
            + (try engine.seal(
                keyLog.suite, key: keyLog.skEr.secret, integrityKey: keyLog.skAr.secret, iv: iv,
                associatedData: prefix, plaintext: inner))
    }

    /// What the member says, opened with the logged keys.
    func open(_ datagram: [UInt8]) throws -> [Payload] {
        guard let keyLog, case .encrypted(let body) = try FramedMessage(decoding: datagram).body else {
            throw ForgedInitiator.Failed(why: "not protected")
        }
        let inner = try engine.open(
            keyLog.suite, key: keyLog.skEi.secret, integrityKey: keyLog.skAi.secret,
            associatedData: body.associatedData, sealed: body.sealed)
        return try PayloadChain(first: body.firstInner, octets: inner).payloads
    }
}

extension [InitiatorEffect] {
    var sent: [[UInt8]] {
        flatMap { effect -> [[UInt8]] in if case .send(let datagrams, _) = effect { datagrams } else { [] } }
    }
    var closures: [InitiatorClosure] {
        compactMap { effect in if case .closed(let why) = effect { why } else { nil } }
    }
    var refusals: [NotifyType] {
        compactMap { effect in if case .refused(_, let type) = effect { type } else { nil } }
    }
    var isEstablished: Bool {
        contains { effect in if case .established = effect { true } else { false } }
    }
}
