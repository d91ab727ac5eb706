import Glibc
import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit

extension SharedKeyTrust {
    /// Trusts the members' test CA.
    static func certificates() throws -> SharedKeyTrust {
        SharedKeyTrust(judge: try CertificateJudge(anchorsPEM: [try MemberPKI.shared().authorityPEM]))
    }
}

enum Sample {
    static let memberName = Identity.fqdn("gm1.members.test")
    static let frontendName = Identity.fqdn("frontend.gcks.test")
    static let group = Identity.keyID("market-data")
    static let key = HeldSecret(SecretOctets(copying: Array("a shared key of the test".utf8)))
    static let otherKey = HeldSecret(SecretOctets(copying: Array("another key".utf8)))
    static let memberPath = DatagramPath(
        local: endpoint(192, 0, 2, 1, port: 848), remote: endpoint(198, 51, 100, 7, port: 848), isEncapsulated: false)
    static let otherPath = DatagramPath(
        local: endpoint(192, 0, 2, 1, port: 4500), remote: endpoint(198, 51, 100, 9, port: 61_000),
        isEncapsulated: true)
    static let start = Moment(nanoseconds: 1_000_000_000)

    static func endpoint(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, port: UInt16) -> Endpoint {
        Endpoint(IPAddress(octets: [a, b, c, d]) ?? .anyIPv4, port: port)
    }

    static let grant = RegistrationGrant(
        groupSecurityAssociation: (0..<90).map { UInt8($0) }, keyDownload: (0..<120).map { UInt8(255 - $0) },
        notifies: [.useTransportMode])
}

/// One responder with one forged initiator, and the clock of the test.
final class ResponderHarness {
    let engine = CryptoEngine()
    var entropy = SeededEntropy(seed: 77)
    var trust: SharedKeyTrust
    var configuration: ResponderConfiguration
    var now = Sample.start
    var wall: WallTime

    init(trust: SharedKeyTrust? = nil, signing: MemberPKI.Holder? = nil, fragmentOctets: Int = 1280) {
        let trust = trust ?? SharedKeyTrust()
        trust.keys[Sample.memberName] = Sample.key
        self.trust = trust
        var real = SystemWall()
        wall = real.now()
        configuration = ResponderConfiguration(
            frontend: "frontend-a",
            own: OwnCredentials(
                identity: Sample.frontendName, signing: signing.map { (key: $0.key, chain: $0.chain) }),
            trust: trust, fragmentOctets: fragmentOctets, logsKeys: true)
    }

    func answerInit(_ request: [UInt8], cookies: CookieJar? = nil) throws -> InitialResponder.Outcome {
        InitialResponder.respond(
            to: try FramedMessage(decoding: request), datagram: request, path: Sample.memberPath,
            configuration: configuration, cookies: cookies, at: now, engine: engine, entropy: &entropy)
    }

    /// IKE_SA_INIT that must succeed.
    func begin(_ forged: ForgedInitiator, _ proposals: [Proposal] = [ForgedInitiator.proposal()]) throws -> ResponderSA
    {
        guard case .begun(let sa, let reply, _) = try answerInit(forged.initRequest(proposals)) else {
            throw ForgedInitiator.Failed(why: "IKE_SA_INIT was not answered")
        }
        try forged.takeInit(reply)
        return sa
    }

    func deliver(_ datagrams: [[UInt8]], to sa: ResponderSA, path: DatagramPath? = nil) -> [ResponderEffect] {
        datagrams.flatMap { datagram -> [ResponderEffect] in
            guard let message = try? FramedMessage(decoding: datagram) else { return [] }
            return sa.handle(
                message, path: path ?? Sample.memberPath, at: now, wall: wall, configuration: configuration,
                engine: engine, entropy: &entropy)
        }
    }

    func answer(_ outcome: RegistrationOutcome, _ request: RegistrationRequest, to sa: ResponderSA) -> [ResponderEffect]
    {
        sa.handle(
            RegistrationAnswer(operation: request.operation, outcome: outcome), engine: engine, entropy: &entropy)
    }

    /// An SA that a member set up by childless IKE_AUTH with its shared key. The next request has Message ID 2.
    func established(
        _ forged: ForgedInitiator, keyWrap: KeyWrapID? = .kw5649_256
    ) throws -> ResponderSA {
        let sa = try begin(forged, [ForgedInitiator.proposal(keyWrap: keyWrap)])
        let request = try forged.seal(
            .ikeAuth, 1,
            [
                .identificationInitiator(Sample.memberName),
                try forged.sharedKeyProof(Sample.memberName, Sample.key),
            ])
        let opened = try forged.open(deliver(request, to: sa).sent)
        guard try forged.accepts(opened, sharedKey: Sample.key) else {
            throw ForgedInitiator.Failed(why: "the responder's AUTH is wrong")
        }
        return sa
    }
}

/// Certificates made by openssl during the run are valid from then on: a minute later all of them are.
struct SystemWall {
    mutating func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: (Int64(time.tv_sec) + 60) * 1000)
    }
}

extension [ResponderEffect] {
    var sent: [[UInt8]] {
        flatMap { effect -> [[UInt8]] in if case .send(let datagrams, _) = effect { datagrams } else { [] } }
    }
    var asked: [RegistrationRequest] {
        compactMap { effect in if case .ask(let request) = effect { request } else { nil } }
    }
    var isClosed: Bool {
        contains { effect in if case .closed = effect { true } else { false } }
    }
    var eventNames: [String] {
        compactMap { effect in if case .event(let event) = effect { event.name } else { nil } }
    }
}
