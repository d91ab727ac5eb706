import GroupKeying
import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import KeyMaterial
import RegistrationCore
import TestKit
import Testing

private let wall = WallTime(milliseconds: 1_790_000_000_000)

/// A member and a frontend in memory, the wire between them, and an authority that grants one group.
private final class Wire {
    let frontend: RegistrationCore
    let member: InitiatorSA
    private let engine = CryptoEngine()
    private var entropy = SeededEntropy(seed: 11)
    var now = Moment(nanoseconds: 1)
    var memberEvents: [InitiatorEffect] = []
    var requests: [RegistrationRequest] = []
    /// Datagrams to lose, by their number on the wire.
    var losses: Set<Int> = []
    var carried = 0
    var outcome: (RegistrationRequest) throws -> RegistrationOutcome
    let memberAddress: Endpoint

    init(
        opening: OpeningExchange, policy: IKEPolicy = .standard, frontendPolicy: IKEPolicy = .standard,
        frontendKey: String = "swordfish", limits: RegistrationLimits = RegistrationLimits(), port: UInt16 = 500,
        forcesNATTraversal: Bool = false, fragmentOctets: Int = 1280,
        outcome: @escaping (RegistrationRequest) throws -> RegistrationOutcome = { _ in .left }
    ) throws {
        self.outcome = outcome
        memberAddress = Endpoint(try #require(IPAddress("192.0.2.7")), port: 500)
        let own = OwnCredentials(identity: .fqdn("gcks.example"), signing: nil)
        frontend = RegistrationCore(
            configuration: ResponderConfiguration(
                frontend: "frontend-1", own: own, trust: SharedKeyTrust([.fqdn("gm1.example"): frontendKey]),
                policy: frontendPolicy, fragmentOctets: fragmentOctets),
            limits: limits, engine: CryptoEngine(), entropy: SeededEntropy(seed: 12), at: now)
        var configuration = InitiatorConfiguration(
            own: OwnCredentials(identity: .fqdn("gm1.example"), signing: nil),
            sharedKey: HeldSecret(SecretOctets(copying: Array("swordfish".utf8))),
            trust: SharedKeyTrust([.fqdn("gcks.example"): "swordfish"]), expectedResponder: .fqdn("gcks.example"),
            policy: policy, fragmentOctets: fragmentOctets)
        configuration.forcesNATTraversal = forcesNATTraversal
        member = InitiatorSA(
            configuration: configuration, opening: opening, local: memberAddress,
            remote: Endpoint(try #require(IPAddress("192.0.2.1")), port: port))
    }

    func start() throws { try carry(member.start(at: now, engine: engine, entropy: &entropy)) }
    func join(_ join: GroupJoin) throws { try carry(member.join(join, at: now, engine: engine, entropy: &entropy)) }
    func leave(_ group: Identity) throws { try carry(member.leave(group, at: now, engine: engine, entropy: &entropy)) }
    func close() throws { try carry(member.close(at: now, engine: engine, entropy: &entropy)) }
    func alive() throws { try carry(member.checkLiveness(at: now, engine: engine, entropy: &entropy)) }

    /// Lets time pass until nobody waits for anything any more, or the member has given up.
    func settle() throws {
        for _ in 0..<64 {
            guard let deadline = member.nextDeadline else { return }
            now = deadline
            try carry(member.tick(at: now))
            try answer(frontend.tick(at: now))
        }
    }

    func carry(_ effects: [InitiatorEffect]) throws {
        for effect in effects {
            guard case .send(let datagrams, let path) = effect else {
                memberEvents.append(effect)
                continue
            }
            for datagram in datagrams where isCarried() {
                let arrival = DatagramPath(
                    local: path.remote, remote: memberAddress, isEncapsulated: path.isEncapsulated)
                try answer(frontend.handle(datagram, arrival, at: now, wall: wall))
            }
        }
    }

    private func answer(_ effects: [RegistrationEffect]) throws {
        for effect in effects {
            switch effect {
            case .send(let datagrams, _):
                for datagram in datagrams where isCarried() {
                    try carry(member.handle(datagram, at: now, wall: wall, engine: engine, entropy: &entropy))
                }
            case .ask(let request):
                requests.append(request)
                let answer = RegistrationAnswer(operation: request.operation, outcome: try outcome(request))
                try self.answer(frontend.handle([answer], at: now))
            case .event, .report, .keyLog, .relay: continue
            }
        }
    }

    private func isCarried() -> Bool {
        defer { carried += 1 }
        return !losses.contains(carried)
    }

    var refusals: [NotifyType] { memberEvents.compactMap { if case .refused(_, let type) = $0 { type } else { nil } } }
    var downloads: [GroupDownload] {
        memberEvents.compactMap { if case .granted(let grant) = $0 { grant } else { nil } }
    }
    var closures: [InitiatorClosure] { memberEvents.compactMap { if case .closed(let why) = $0 { why } else { nil } } }
}

private let group = Identity.keyID("market-data")

/// An authority's answer with real keys, wrapped for whoever asks.
private func grant(_ request: RegistrationRequest) throws -> RegistrationOutcome {
    guard case .join(let join) = request.action else { return .left }
    let destination = try #require(IPAddress("239.1.1.2"))
    let data = KeyedDataSA(
        policy: DataSAPolicy(
            spi: ESPSPI(rawValue: 0x1001), source: .any(ipv4: true), destination: .single(destination),
            suite: .aesGCM256,
            sequenceNumbers: .sequential32, lifetime: Lifetime(seconds: 60)),
        key: HeldSecret(SecretOctets(copying: (0..<36).map { UInt8($0) })))
    let material = GrantMaterial(
        rekey: nil, data: [data], groupWide: GroupWidePolicy(activationTimeDelay: 1, deactivationTimeDelay: 2),
        mode: .transport, authKey: nil, senderIDs: [], gskW: join.gskW, keyWrap: join.keyWrap)
    return .granted(try RegistrationBodies.build(material, engine: CryptoEngine()))
}

private let receiverJoin = GroupJoin(group: group, proposals: nil, senderIDs: nil)

@Suite struct RegistrationJourneyTests {
    @Test func aMemberRegistersAndOpensItsKeys() throws {
        let wire = try Wire(opening: .gsaAuth(receiverJoin), outcome: grant)
        try wire.start()
        #expect(wire.member.isEstablished)
        #expect(wire.requests.map(\.member) == [.fqdn("gm1.example")])
        let download = try #require(wire.downloads.first)
        let opened = try RegistrationDownload.open(
            gsa: GSAPayloadBody(download.groupSecurityAssociation), kd: KDPayloadBody(download.keyDownload),
            notifies: download.notifies, gskW: download.gskW, keyWrap: download.keyWrap, senderIDsAsked: nil,
            engine: CryptoEngine())
        #expect(opened.mode == .transport)
        #expect(opened.data.first?.key.secret.exposed() == (0..<36).map { UInt8($0) })
        #expect(wire.frontend.counters.granted == 1)
        #expect(wire.frontend.statusCounters["ike-sas"] == 1)
        #expect(wire.frontend.statusCounters["half-open"] == 0)
    }

    @Test(arguments: [KeyExchangeMethod.curve25519, .ecp256, .ecp384, .ecp521, .modp2048, .modp3072, .modp4096])
    func everyKeyExchangeMethod(_ method: KeyExchangeMethod) throws {
        var policy = IKEPolicy.standard
        policy.keyExchanges = [method]
        let wire = try Wire(opening: .gsaAuth(receiverJoin), policy: policy, outcome: grant)
        try wire.start()
        #expect(wire.downloads.count == 1)
    }

    @Test(arguments: ProtectionSuite.named.map(\.name), [PRFID.hmacSHA256, .hmacSHA384, .hmacSHA512])
    func everySuiteAndPRF(_ name: String, _ prf: PRFID) throws {
        var policy = IKEPolicy.standard
        policy.suites = ProtectionSuite.named.filter { $0.name == name }.map(\.suite)
        policy.prfs = [prf]
        var frontendPolicy = policy
        frontendPolicy.suites = ProtectionSuite.named.map(\.suite)
        let wire = try Wire(
            opening: .gsaAuth(receiverJoin), policy: policy, frontendPolicy: frontendPolicy, outcome: grant)
        try wire.start()
        #expect(wire.downloads.count == 1)
    }

    @Test func theFrontendsMethodIsTakenUp() throws {
        var frontendPolicy = IKEPolicy.standard
        frontendPolicy.keyExchanges = [.ecp384]
        let wire = try Wire(opening: .gsaAuth(receiverJoin), frontendPolicy: frontendPolicy, outcome: grant)
        try wire.start()
        #expect(wire.downloads.count == 1)
        #expect(wire.frontend.counters.stateless["ke-method"] == 1)
    }

    @Test func underLoadACookieComesFirst() throws {
        var limits = RegistrationLimits()
        limits.cookieThreshold = 0
        let wire = try Wire(opening: .gsaAuth(receiverJoin), limits: limits, outcome: grant)
        try wire.start()
        #expect(wire.downloads.count == 1)
        #expect(wire.frontend.counters.stateless["cookie-sent"] == 1)
    }

    @Test func childlessSAThenRegistrationLeaveLivenessAndDelete() throws {
        let wire = try Wire(opening: .ikeAuth, outcome: grant)
        try wire.start()
        #expect(wire.member.isEstablished && wire.requests.isEmpty)
        try wire.join(receiverJoin)
        #expect(wire.downloads.count == 1)
        try wire.alive()
        try wire.leave(group)
        #expect(wire.memberEvents.contains { if case .left = $0 { true } else { false } })
        try wire.close()
        #expect(wire.closures == [.finished])
        wire.now = wire.now + .seconds(11)
        _ = wire.frontend.tick(at: wire.now)
        #expect(wire.frontend.statusCounters["ike-sas"] == 0)
    }

    @Test func aWrongSharedKeyEndsTheSA() throws {
        let wire = try Wire(opening: .gsaAuth(receiverJoin), frontendKey: "tuna", outcome: grant)
        try wire.start()
        #expect(wire.closures == [.authenticationFailed("the GCKS does not accept us")])
        #expect(wire.requests.isEmpty)
    }

    @Test func groupErrorsLeaveTheSAUp() throws {
        for (kind, notify) in [
            (RegistrationRefusal.Kind.unknownGroup, NotifyType.invalidGroupID), (.notAuthorised, .authorizationFailed),
            (.groupFull, .registrationFailed), (.noAcceptableTransforms, .noProposalChosen),
        ] {
            let wire = try Wire(opening: .gsaAuth(receiverJoin)) { _ in .refused(RegistrationRefusal(kind, "no")) }
            try wire.start()
            #expect(wire.refusals == [notify])
            #expect(wire.member.isEstablished)
            wire.outcome = grant
            try wire.join(receiverJoin)
            #expect(wire.downloads.count == 1)
        }
    }

    @Test func anSAWithoutKeyWrapCarriesNoGroupKeys() throws {
        var policy = IKEPolicy.standard
        policy.keyWraps = []
        let wire = try Wire(opening: .gsaAuth(receiverJoin), policy: policy, outcome: grant)
        try wire.start()
        #expect(wire.refusals == [.noProposalChosen])
        #expect(wire.member.isEstablished && wire.requests.isEmpty)
    }

    @Test(arguments: [UInt16(500), 848])
    func natMovesTheSATo4500(_ port: UInt16) throws {
        let wire = try Wire(opening: .gsaAuth(receiverJoin), port: port, forcesNATTraversal: true, outcome: grant)
        try wire.start()
        #expect(wire.downloads.count == 1)
        #expect(wire.requests.first?.remote == wire.memberAddress)
    }

    @Test func everySingleLossIsRepaired() throws {
        for lost in 0..<8 {
            let wire = try Wire(opening: .gsaAuth(receiverJoin), fragmentOctets: 200, outcome: grant)
            wire.losses = [lost]
            try wire.start()
            try wire.settle()
            #expect(wire.downloads.count == 1, "datagram \(lost) lost")
            #expect(wire.requests.count == 1)
            #expect(wire.closures.isEmpty)
        }
    }

    @Test func silenceEndsInNoAnswer() throws {
        let wire = try Wire(opening: .gsaAuth(receiverJoin), outcome: grant)
        wire.losses = Set(0..<100)
        try wire.start()
        try wire.settle()
        #expect(wire.closures == [.noAnswer])
    }

    @Test func halfOpenSAsExpire() throws {
        let wire = try Wire(opening: .gsaAuth(receiverJoin), outcome: grant)
        wire.losses = Set(1..<100)
        try wire.start()
        #expect(wire.frontend.statusCounters["half-open"] == 1)
        _ = wire.frontend.tick(at: wire.now + .seconds(31))
        #expect(wire.frontend.statusCounters["half-open"] == 0)
        #expect(wire.frontend.counters.dropped["half-open-expired"] == 1)
    }

    @Test func aSilentAuthorityIsTemporaryFailure() throws {
        let wire = try Wire(opening: .gsaAuth(receiverJoin)) { _ in .unavailable("no quorum") }
        try wire.start()
        #expect(wire.refusals == [.temporaryFailure])
        #expect(wire.member.isEstablished)
    }
}
