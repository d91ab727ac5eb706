import GroupModel
import IKEVocabulary
import KeyMaterial

/// Rows for tests: each field has a value of its own, so that a mix-up of columns shows.
enum Rows {
    static let name = GroupName("market-data") ?? { fatalError("a plain name") }()
    static let spi = RekeySPI(
        initiatorHalf: IKESPI(rawValue: 0xa0a1_a2a3_a4a5_a6a7), responderHalf: IKESPI(rawValue: 7))

    static func address(_ text: String) -> IPAddress { IPAddress(text) ?? .anyIPv4 }

    static let definition = GroupDefinition(
        name: name, identification: .keyID("market \"data\" ü"), mode: .tunnel,
        rekey: RekeyDefinition(
            destination: Endpoint(address("239.1.2.3"), port: 848), suite: .aesCBC256SHA384, keyWrap: .kw5649_256,
            authentication: .ecdsaP256, lifetime: Lifetime(seconds: 86_400), copies: 3, spacing: .milliseconds(250),
            fragmentOctets: 1280, timeToLive: 17),
        data: [
            DataSADefinition(
                name: "quotes", source: .single(address("10.0.0.1")),
                destination: .single(address("239.1.2.4"), ipProtocol: TrafficSelector.udp, port: 5000),
                suite: .aesGCM128, senders: .shared, lifetime: Lifetime(seconds: 3600)),
            DataSADefinition(
                name: "orders", source: .any(ipv4: false), destination: .single(address("ff15::1")),
                suite: .chacha20Poly1305, senders: .single, lifetime: Lifetime(seconds: 1800)),
        ],
        activationTimeDelay: 3, deactivationTimeDelay: 9,
        senderIDWidth: SenderIDWidth(bits: 12) ?? { fatalError("12") }(),
        memberLimit: 1000,
        rules: [
            AuthorisationRule(
                pattern: IdentityPattern("fqdn:*.example") ?? { fatalError("a pattern") }(), permission: .sender,
                senderIDLimit: 4)
        ],
        keyTree: KeyTreeDefinition(degree: 3, onLeave: .rekey))

    static func group(nextSenderID: UInt64 = 0, generation: Int64 = 1) -> GroupRow {
        GroupRow(
            name: name, definition: definition, generation: GSAGeneration(rawValue: generation),
            nextSenderID: nextSenderID, changedAt: WallTime(milliseconds: 1_700_000_000_001))
    }

    static func rekeySA(nextMessageID: UInt32 = 0) -> RekeySARow {
        RekeySARow(
            group: name, spi: spi, sealedKeymat: SealedKey(octets: [1, 2, 3]), authKey: [4, 5],
            sealedSigningKey: SealedKey(octets: [6]), nextMessageID: MessageID(rawValue: nextMessageID),
            createdAt: WallTime(milliseconds: 11), expiresAt: WallTime(milliseconds: 12), retiredAt: nil)
    }

    static func dataSA(_ spi: UInt32 = 0xfeed_beef) -> DataSARow {
        DataSARow(
            group: name, name: "quotes", spi: ESPSPI(rawValue: spi), sealedKey: SealedKey(octets: [9, 8, 7]),
            createdAt: WallTime(milliseconds: 21), expiresAt: WallTime(milliseconds: 22),
            retiredAt: WallTime(milliseconds: 23))
    }

    static func operationID(_ number: Int) -> OperationID {
        let octets = (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
        return OperationID(octets: [0xab] + octets) ?? { fatalError("nine octets") }()
    }

    static func member(_ number: Int, senderIDs: [UInt32] = []) -> MemberRow {
        MemberRow(
            group: name, identity: .fqdn("gm\(number).example"), isSender: !senderIDs.isEmpty,
            senderIDs: senderIDs.map { SenderID(rawValue: $0) }, supportsFragmentation: number % 2 == 0,
            authentication: .signature, registeredAt: WallTime(milliseconds: Int64(number)),
            remote: Endpoint(address("2001:db8::1"), port: 4500), frontend: "frontend-1", operation: operationID(number)
        )
    }

    static func join(_ number: Int, senderIDs: [UInt32] = [], at milliseconds: Int64 = 1000) -> OperationRow {
        OperationRow(
            operation: operationID(number), at: WallTime(milliseconds: milliseconds), kind: "join", group: name,
            senderIDs: senderIDs.map { SenderID(rawValue: $0) }, summary: "")
    }

    static func order(_ number: Int64, messageID: UInt32, octet: UInt8 = 0x5a) -> RekeyOrder {
        RekeyOrder(
            number: number, group: name, spi: spi, messageID: MessageID(rawValue: messageID),
            destination: Endpoint(address("239.1.2.3"), port: 848), timeToLive: 17,
            datagrams: [[octet, 2, 3], [], [UInt8](repeating: octet, count: 1300)], copies: 3,
            spacing: .milliseconds(250), createdAt: WallTime(milliseconds: 31))
    }

    /// A registration as the authority commits it.
    static func registration(_ number: Int) -> [StoreMutation] {
        [.putMember(member(number)), .recordOperation(join(number))]
    }
}
