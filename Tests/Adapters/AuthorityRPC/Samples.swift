import AuthorityRPC
import GroupModel
import IKEVocabulary
import KeyMaterial
import Testing

/// Values in which every field differs from its default, so that a forgotten field shows.
enum Samples {
    static func endpoint(_ text: String) throws -> Endpoint { try #require(Endpoint(text)) }
    static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    static func operation(_ number: UInt64) -> OperationID {
        OperationID(
            initiator: IKESPI(rawValue: number), responder: IKESPI(rawValue: ~number), messageID: MessageID(rawValue: 7)
        )
    }

    static func join(_ number: UInt64, secret: [UInt8] = Array(1...32)) throws -> RegistrationRequest {
        let attribute = TransformAttribute(type: .keyLength, value: .short(256))
        let long = TransformAttribute(type: TransformAttributeType(rawValue: 900), value: .octets([1, 2, 3]))
        let proposal = Proposal(
            number: 2, securityProtocol: SecurityProtocol(rawValue: 3), spi: [9, 8, 7, 6],
            transforms: [Transform(type: .encryption, id: 20, attributes: [attribute, long]), .keyWrap(.kw5649_256)])
        let request = JoinRequest(
            proposals: [proposal], senderIDs: 3, keyWrap: .kw5649_256,
            gskW: HeldSecret(SecretOctets(copying: secret)), supportsFragmentation: true)
        return RegistrationRequest(
            operation: operation(number), member: .fqdn("gm\(number).example"), authentication: .signature,
            group: .keyID("market-data"), action: .join(request), remote: try endpoint("[2001:db8::7]:4500"),
            frontend: "frontend-1")
    }

    static func leave(_ number: UInt64) throws -> RegistrationRequest {
        RegistrationRequest(
            operation: operation(number), member: .rfc822("ops@example"), authentication: .sharedKey,
            group: .keyID("market-data"), action: .leave(.noProposalChosen), remote: try endpoint("192.0.2.1:848"),
            frontend: "frontend-1")
    }

    static let grant = RegistrationGrant(
        groupSecurityAssociation: Array(0...200), keyDownload: Array(repeating: 7, count: 300),
        notifies: [.useTransportMode, NotifyType(rawValue: 40_000)])

    static func order(_ number: Int64) throws -> RekeyOrder {
        RekeyOrder(
            number: number, group: try #require(GroupName("market-data")),
            spi: RekeySPI(initiatorHalf: IKESPI(rawValue: 5), responderHalf: IKESPI(rawValue: 6)),
            messageID: MessageID(rawValue: .max), destination: try endpoint("239.1.2.3:848"), timeToLive: 4,
            datagrams: [[1, 2, 3], Array(repeating: 9, count: 1400)], copies: 3, spacing: .milliseconds(250),
            createdAt: WallTime(milliseconds: 1_700_000_000_123))
    }

    static func definition(_ name: String = "market-data") throws -> GroupDefinition {
        let source = TrafficSelector(
            first: try address("192.0.2.0"), last: try address("192.0.2.255"), ipProtocol: 17, firstPort: 5000,
            lastPort: 5001)
        let rekey = RekeyDefinition(
            destination: try endpoint("239.1.2.3:848"), suite: .aesCBC256SHA384, keyWrap: .kw5649_192,
            authentication: .ecdsaP256, lifetime: Lifetime(seconds: 86_400), copies: 3, spacing: .milliseconds(300),
            fragmentOctets: 1280, timeToLive: 5)
        let data = DataSADefinition(
            name: "feed", source: try #require(source),
            destination: .single(try address("239.1.2.4"), ipProtocol: 17, port: 6000), suite: .aesGCM128,
            senders: .shared, lifetime: Lifetime(seconds: 3600))
        let rules = [
            AuthorisationRule(
                pattern: try #require(IdentityPattern("fqdn:*.example")), permission: .sender, senderIDLimit: 4),
            AuthorisationRule(
                pattern: try #require(IdentityPattern("keyid:*")), permission: .deny, senderIDLimit: 1),
        ]
        return GroupDefinition(
            name: try #require(GroupName(name)), identification: .keyID(name), mode: .tunnel, rekey: rekey,
            data: [data], activationTimeDelay: 3, deactivationTimeDelay: 60,
            senderIDWidth: try #require(SenderIDWidth(bits: 12)), memberLimit: 5000, rules: rules,
            keyTree: KeyTreeDefinition(degree: 3, onLeave: .rekey))
    }

    static func group(_ name: String = "market-data") throws -> GroupStatus {
        let rekey = SAStatus(
            name: "rekey", spi: "000000000000000500000000000000ff", keyCheckValue: "a1b2c3d4",
            expiresAt: WallTime(milliseconds: 1_700_086_400_000), nextMessageID: 12)
        let data = SAStatus(
            name: "feed", spi: "0000c0de", keyCheckValue: "99aa77bb",
            expiresAt: WallTime(milliseconds: 1_700_003_600_000), nextMessageID: nil)
        return GroupStatus(
            definition: try definition(name), generation: GSAGeneration(rawValue: 881), members: 12_480, senders: 14,
            rekeySA: rekey, dataSAs: [data], senderIDsGiven: 17)
    }

    static func member() throws -> MemberStatus {
        MemberStatus(
            group: "market-data", identity: .fqdn("gm1.example"), state: "refused", role: "sender",
            senderIDs: [SenderID(rawValue: 4), SenderID(rawValue: 5)], since: WallTime(milliseconds: 1_700_000_000_000),
            remote: try endpoint("192.0.2.1:4500"), frontend: "frontend-2", authentication: .sharedKey,
            reason: "the group is full")
    }

    static let sequences: [SequenceStatus] = {
        let report = GroupName("market-data").map {
            SequenceRow(
                group: $0, spi: ESPSPI(rawValue: 0x0010_0001), next: 1 << 33, counter: 4,
                at: WallTime(milliseconds: 1_700_000_060_000), earlierNext: 1 << 32,
                earlierAt: WallTime(milliseconds: 1_700_000_000_000))
        }
        return [
            SequenceStatus(dataSA: "ticks", spi: "00100001", sender: .fqdn("s1.example"), report: report),
            SequenceStatus(dataSA: "tocks", spi: "00100002", sender: nil, report: nil),
        ]
    }()

    static let sender = SenderStatus(
        id: SenderID(rawValue: 77), member: .fqdn("gm1.example"), givenAt: WallTime(milliseconds: 1_700_000_000_000))

    static let identity = OperatorIdentity(
        name: "alice", roles: [.viewer, .cryptoOfficer], authority: "auth-2",
        time: WallTime(milliseconds: 1_700_000_000_123),
        version: "1.2.3", leader: "auth-1", certificatesExpire: ["rpc": WallTime(milliseconds: 1_800_000_000_000)])

    static func cluster(leader: String? = "auth-2") throws -> ClusterStatus {
        let frontend = LinkStatus(
            name: "frontend-1", isConnected: true, since: WallTime(milliseconds: 1_700_000_000_000),
            counters: ["registrations": 212, "half-open": 61])
        let broadcaster = LinkStatus(
            name: "broadcaster-1", isConnected: false, since: WallTime(milliseconds: 1_700_000_001_000),
            counters: ["datagrams": 9])
        let nodes = [
            NodeStatus(name: "auth-1", state: "follower", detail: "lag 0"),
            NodeStatus(name: "auth-2", state: "leader", detail: ""),
        ]
        return ClusterStatus(
            nodes: nodes, leader: leader, term: 14, commits: 182_441, frontends: [frontend],
            broadcasters: [broadcaster], groups: [try group()])
    }
}
