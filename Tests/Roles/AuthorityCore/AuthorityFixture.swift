import AuthorityCore
import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial
import RootKey
import TestKit
import Testing

let alice = OperatorActor(name: "alice", roles: [.cryptoOfficer], source: "authority-1")
let morning = WallTime(milliseconds: 1_790_000_000_000)

func seconds(_ count: Int64) -> WallTime { WallTime(milliseconds: morning.milliseconds + count * 1000) }

func exampleGroup(
    name: String = "market-data", senders: SenderModel = .shared, memberLimit: UInt32 = 100, width: UInt16 = 16,
    authentication: RekeyAuthentication = .ed25519
) throws -> GroupDefinition {
    let rekeyAddress = try #require(IPAddress("239.1.1.1"))
    let dataAddress = try #require(IPAddress("239.1.1.2"))
    func rule(_ pattern: String, _ permission: AuthorisationRule.Permission) throws -> AuthorisationRule {
        AuthorisationRule(pattern: try #require(IdentityPattern(pattern)), permission: permission, senderIDLimit: 4)
    }
    return GroupDefinition(
        name: try #require(GroupName(name)), identification: .keyID(name), mode: .tunnel,
        rekey: RekeyDefinition(
            destination: Endpoint(rekeyAddress, port: 848), suite: .aesGCM256, keyWrap: .kw5649_256,
            authentication: authentication, lifetime: Lifetime(seconds: 86_400), copies: 2, spacing: .milliseconds(250),
            fragmentOctets: 1280, timeToLive: 16),
        data: [
            DataSADefinition(
                name: "ticks", source: .any(ipv4: true, ipProtocol: TrafficSelector.udp),
                destination: .single(dataAddress, ipProtocol: TrafficSelector.udp, port: 5000), suite: .aesGCM256,
                senders: senders, lifetime: Lifetime(seconds: 3600))
        ],
        activationTimeDelay: 5, deactivationTimeDelay: 10, senderIDWidth: try #require(SenderIDWidth(bits: width)),
        memberLimit: memberLimit,
        rules: [
            try rule("fqdn:mallory.*", .deny), try rule("fqdn:*.senders.example", .sender),
            try rule("fqdn:*.example", .receiver),
        ])
}

/// An authority on the model of the store: decides, commits, performs, and can be restarted from what was committed.
final class Authority {
    var state: StoredState
    var core: AuthorityCore
    var effects: [AuthorityEffect] = []
    /// What the store holds of the trail.
    private(set) var trail: [AuditRecord] = []
    private(set) var anchors: [AuditAnchor] = []
    private let sealer: RootKeyring
    private var seed: UInt64
    private var nextOperation: UInt64 = 0
    let gskW = HeldSecret(SecretOctets(copying: (0..<32).map { UInt8($0) }))

    init(seed: UInt64 = 1) throws {
        var entropy = SeededEntropy(seed: seed)
        sealer = try RootKeyring(key: entropy.secret(32))
        state = StoredState(term: LeadershipTerm(rawValue: 1))
        self.seed = seed
        core = try AuthorityCore(
            state: state, sealer: sealer, engine: CryptoEngine(), entropy: SeededEntropy(seed: seed),
            node: "authority-1", now: morning)
    }

    /// Another leader takes over from the committed state.
    func restart() throws {
        seed += 1
        state.term = LeadershipTerm(rawValue: state.term.rawValue + 1)
        core = try AuthorityCore(
            state: state, sealer: sealer, engine: CryptoEngine(), entropy: SeededEntropy(seed: seed),
            node: "authority-1", now: morning)
    }

    /// A key of the store, as only its authorities can open it.
    func open(_ sealed: SealedKey, _ place: String) throws -> HeldSecret {
        HeldSecret(try sealer.open(sealed, context: place))
    }

    @discardableResult
    func decide(_ inputs: [AuthorityInput], at now: WallTime = morning) throws -> [AuthorityEffect] {
        let decision = core.decide(inputs, at: now)
        try state.apply(decision.transaction)
        for mutation in decision.transaction.mutations {
            if case .appendAudit(let record) = mutation { trail.append(record) }
            if case .addAuditAnchor(let anchor) = mutation { anchors.append(anchor) }
        }
        let fresh = decision.committed(CommitReceipt(term: state.term, index: 1))
        effects += fresh
        return fresh
    }

    func operationID() throws -> OperationID {
        nextOperation += 1
        return OperationID(
            initiator: IKESPI(rawValue: nextOperation), responder: IKESPI(rawValue: seed),
            messageID: MessageID(rawValue: 1))
    }

    /// What a frontend makes of the next request over one IKE SA.
    func operationID(over ikeSA: UInt64, _ messageID: UInt32) -> OperationID {
        OperationID(
            initiator: IKESPI(rawValue: ikeSA), responder: IKESPI(rawValue: 0xfff),
            messageID: MessageID(rawValue: messageID))
    }

    func leave(_ join: RegistrationRequest, operation: OperationID? = nil) throws -> RegistrationRequest {
        RegistrationRequest(
            operation: try operation ?? operationID(), member: join.member, authentication: .signature,
            group: join.group, action: .leave(.registrationFailed), remote: join.remote, frontend: "frontend-1")
    }

    func mandate(_ reason: String? = nil, isDryRun: Bool = false) throws -> Mandate {
        Mandate(operation: try operationID(), reason: reason.flatMap { Reason($0) }, isDryRun: isDryRun)
    }

    func operate(_ request: OperatorRequest, at now: WallTime = morning) throws -> Result<
        OperatorReply, OperatorFailure
    > {
        for effect in try decide([.operation(request, by: alice, token: 1)], at: now) {
            if case .reply(let result, _) = effect { return result }
        }
        return .failure(.unavailable("no reply"))
    }

    func apply(_ definition: GroupDefinition, at now: WallTime = morning) throws {
        _ = try operate(.groupApply(definition, try mandate()), at: now).get()
    }

    func join(
        _ name: String, group: String = "market-data", senderIDs: UInt32? = nil, operation: OperationID? = nil,
        proposals: [Proposal]? = nil, keyWrap: KeyWrapID = .kw5649_256, fragmentation: Bool = true
    ) throws -> RegistrationRequest {
        let address = try #require(IPAddress("192.0.2.7"))
        return RegistrationRequest(
            operation: try operation ?? operationID(), member: .fqdn(name), authentication: .signature,
            group: .keyID(group),
            action: .join(
                JoinRequest(
                    proposals: proposals, senderIDs: senderIDs, keyWrap: keyWrap, gskW: gskW,
                    supportsFragmentation: fragmentation)),
            remote: Endpoint(address, port: 500), frontend: "frontend-1")
    }

    func register(_ request: RegistrationRequest, at now: WallTime = morning) throws -> RegistrationOutcome {
        for effect in try decide([.registration(request, session: 1)], at: now) {
            if case .answer(let answer, _) = effect { return answer.outcome }
        }
        return .unavailable("no answer")
    }
}

extension RegistrationOutcome {
    var refusal: RegistrationRefusal.Kind? { if case .refused(let refusal) = self { refusal.kind } else { nil } }
    var grant: RegistrationGrant? { if case .granted(let grant) = self { grant } else { nil } }
}
