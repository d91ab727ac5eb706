import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial
import TestKit
import Testing

@testable import MemberCore

let start = Moment(nanoseconds: 1_000_000_000_000)

func after(_ seconds: Double) -> Moment { start + .milliseconds(Int64(seconds * 1000)) }

/// The GCKS of one group, with nothing but its keys: makes registration answers and rekeys.
final class GroupFixture {
    let engine = CryptoEngine()
    let group: Identity
    let gskW = HeldSecret(SecretOctets(copying: (0..<32).map { UInt8($0) }))
    var rekeySA: KeyedRekeySA
    var dataSAs: [KeyedDataSA]
    var nextMessageID = MessageID.zero
    var groupWide = GroupWidePolicy(activationTimeDelay: 5, deactivationTimeDelay: 10)
    var signingKey: SigningKey?
    private var entropy: SeededEntropy
    private var nextSPI: UInt32 = 0x1001
    private let suite: ProtectionSuite
    private let numbers: SequenceNumbersID
    var rekeyLifetime = Lifetime(seconds: 86_400)
    var dataLifetime = Lifetime(seconds: 3600)
    var rekeyAddress = "239.1.1.1"
    /// False: nobody gets a Rekey SA, whoever registers stays by his IKE SA.
    var givesRekeySA = true

    init(
        suite: ProtectionSuite = .aesGCM256, numbers: SequenceNumbersID = .unspecified32, isImplicit: Bool = false,
        seed: UInt64 = 11, group: String = "market-data"
    ) throws {
        self.group = .keyID(group)
        self.suite = suite
        self.numbers = numbers
        entropy = SeededEntropy(seed: seed)
        signingKey = isImplicit ? nil : try SigningKey.generate(.ed25519)
        let placeholder = try RekeyPlaceholder.make()
        rekeySA = placeholder
        dataSAs = []
        rekeySA = try makeRekeySA()
        dataSAs = [try makeDataSA()]
    }

    func makeRekeySA() throws -> KeyedRekeySA {
        let address = try #require(IPAddress(rekeyAddress))
        let policy = RekeySAPolicy(
            spi: RekeySPI(
                initiatorHalf: IKESPI(rawValue: entropy.uint64()), responderHalf: IKESPI(rawValue: entropy.uint64())),
            source: .any(ipv4: true, ipProtocol: TrafficSelector.udp),
            destination: .single(address, ipProtocol: TrafficSelector.udp, port: 848), suite: .aesGCM256,
            keyWrap: .kw5649_256,
            authentication: signingKey == nil
                ? .implicit : .digitalSignature(algorithmIdentifier: SignatureScheme.ed25519.algorithmIdentifier),
            lifetime: rekeyLifetime)
        return KeyedRekeySA(policy: policy, keymat: HeldSecret(entropy.secret(68)))
    }

    func makeDataSA() throws -> KeyedDataSA {
        let destination = try #require(IPAddress("239.1.1.2"))
        let policy = DataSAPolicy(
            spi: ESPSPI(rawValue: nextSPI), source: .any(ipv4: true, ipProtocol: TrafficSelector.udp),
            destination: .single(destination, ipProtocol: TrafficSelector.udp, port: 5000), suite: suite,
            sequenceNumbers: numbers, lifetime: dataLifetime)
        nextSPI += 1
        return KeyedDataSA(policy: policy, key: HeldSecret(entropy.secret(suite.keyOctets)))
    }

    /// The registration answer of this moment, as the authority makes it.
    func bodies(under gskW: HeldSecret, senderIDs: [UInt32] = []) throws -> RegistrationGrant {
        var rekey = rekeySA
        rekey.policy.initialMessageID = nextMessageID == .zero ? nil : nextMessageID
        var wide = groupWide
        wide.senderIDWidth = senderIDs.isEmpty ? nil : SenderIDWidth(bits: 16)
        return try RegistrationBodies.build(
            GrantMaterial(
                rekey: givesRekeySA ? rekey : nil, data: dataSAs, groupWide: wide, mode: .tunnel,
                authKey: givesRekeySA ? signingKey?.subjectPublicKeyInfo : nil,
                senderIDs: senderIDs.map { SenderID(rawValue: $0) }, gskW: gskW, keyWrap: .kw5649_256),
            engine: engine)
    }

    /// The same, opened as a member opens it.
    func grant(senderIDs: [UInt32] = []) throws -> OpenedGroup {
        let bodies = try bodies(under: gskW, senderIDs: senderIDs)
        return try RegistrationDownload.open(
            gsa: GSAPayloadBody(bodies.groupSecurityAssociation), kd: KDPayloadBody(bodies.keyDownload),
            notifies: bodies.notifies, gskW: gskW, keyWrap: .kw5649_256,
            senderIDsAsked: senderIDs.isEmpty ? nil : UInt32(senderIDs.count),
            engine: engine)
    }

    /// One GSA_REKEY over the current Rekey SA.
    func rekey(
        newRekeySA: Bool = false, newDataSA: Bool = false, deletes: [DeletePayload] = [], over: KeyedRekeySA? = nil,
        keyedUnder: HeldSecret? = nil
    ) throws -> [UInt8] {
        let fresh = newRekeySA ? try makeRekeySA() : nil
        let data = newDataSA ? [try makeDataSA()] : []
        let plan = RekeyMessagePlan(
            over: over ?? rekeySA, messageID: nextMessageID, newRekey: fresh, newData: data, groupWide: groupWide,
            deletes: deletes, signingKey: signingKey)
        let datagrams = try RekeySealer.seal(plan, engine: engine)
        nextMessageID = try #require(nextMessageID.next)
        if let fresh {
            rekeySA = fresh
            nextMessageID = .zero
        }
        dataSAs += data
        return try #require(datagrams.first)
    }

    /// A new data SA and the Delete of the current one in one message, as the authority sends it.
    func rollover() throws -> [UInt8] {
        let old = dataSAs
        let datagram = try rekey(newDataSA: true, deletes: [.esp(old.map(\.policy.spi))])
        dataSAs.removeFirst(old.count)
        return datagram
    }
}

private enum RekeyPlaceholder {
    static func make() throws -> KeyedRekeySA {
        let address = try #require(IPAddress("239.1.1.1"))
        return KeyedRekeySA(
            policy: RekeySAPolicy(
                spi: RekeySPI(initiatorHalf: .zero, responderHalf: .zero), source: .any(ipv4: true),
                destination: .single(address), suite: .aesGCM256, keyWrap: .kw5649_256, authentication: nil,
                lifetime: nil),
            keymat: HeldSecret(SecretOctets(copying: [0])))
    }
}

/// A follower with its work, told what to do in few words.
final class FollowerFixture {
    let gcks: GroupFixture
    let work: FollowerWork
    var follower: GroupFollower
    var senderIDs: [UInt32]

    init(_ gcks: GroupFixture, senderIDs: [UInt32] = [], sourceAddress: String? = nil, seed: UInt64 = 5) throws {
        self.gcks = gcks
        self.senderIDs = senderIDs
        work = FollowerWork(engine: CryptoEngine(), entropy: SeededEntropy(seed: seed))
        let role = senderIDs.isEmpty ? Membership.Role.receiver : .sender(senderIDs: UInt32(senderIDs.count))
        let address = try sourceAddress.map { try #require(IPAddress($0)) }
        follower = GroupFollower(Membership(group: gcks.group, role: role, sourceAddress: address))
    }

    @discardableResult
    func register(at now: Moment = start) throws -> [String] {
        try follower.register(try gcks.grant(senderIDs: senderIDs), work, at: now)
        return taken()
    }

    @discardableResult
    func receive(_ datagram: [UInt8], over sa: KeyedRekeySA? = nil, at now: Moment) throws -> [String] {
        let spi = try #require(RekeySPI(octets: Array(datagram.prefix(16))))
        let source = Endpoint(.anyIPv4, port: 848)
        follower.receive(datagram, over: sa?.policy.spi ?? spi, from: source, work, at: now)
        return taken()
    }

    func wait(until now: Moment) -> [String] {
        follower.passTime(work, at: now)
        return taken()
    }

    /// The effects since the last look.
    private func taken() -> [String] {
        defer { work.effects = [] }
        return work.effects.compactMap(EffectText.describe)
    }
}

/// Effects in a word or two; Data-Security SAs by the last digits of their SPI.
enum EffectText {
    static func describe(_ effect: MemberEffect) -> String? {
        switch effect {
        case .install(let sa):
            if case .data(_, let use) = sa.content {
                "install \(short(sa.reference)) \(use.direction)\(use.sendsAtOnce ? " sending" : "")"
            } else {
                "install \(short(sa.reference))"
            }
        case .activate(let sa, let replaced):
            "activate \(short(sa))" + (replaced.isEmpty ? "" : " for \(replaced.map(short).joined(separator: ","))")
        case .sendAs(let senderIDs, let sa):
            "send \(short(sa)) as \(senderIDs.map(\.description).joined(separator: ","))"
        case .stopSending(let sa): "stop \(short(sa))"
        case .remove(let sa): "remove \(short(sa))"
        case .event(let event):
            ["rekey-received", "group-registered"].contains(event.name)
                ? nil : ([event.name] + event.fields.filter { $0.key == "why" }.map(\.value)).joined(separator: " ")
        case .joinMulticast(let endpoint): "join \(endpoint)"
        case .leaveMulticast(let endpoint): "part \(endpoint)"
        case .finished: "finished"
        case .send, .keyLog: nil
        }
    }

    private static func short(_ reference: GroupSAReference) -> String {
        switch reference {
        case .rekey: "rekey"
        case .data(let spi, _): "\(spi.rawValue - 0x1000)"
        }
    }
}
