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
let frontMember = Identity.fqdn("gm1.example")
let frontGroup = Identity.keyID("market-data")

/// A frontend core with forged members, and the clock of the test.
final class Front {
    let core: RegistrationCore
    let key: HeldSecret
    var now = Moment(nanoseconds: 1_000)
    let limits: RegistrationLimits

    init(_ change: (inout RegistrationLimits) -> Void = { _ in }) throws {
        var limits = RegistrationLimits()
        change(&limits)
        self.limits = limits
        let trust = SharedKeyTrust([frontMember: "swordfish"])
        key = try #require(trust.keys[frontMember])
        core = RegistrationCore(
            configuration: ResponderConfiguration(
                frontend: "f", own: OwnCredentials(identity: .fqdn("gcks.example"), signing: nil), trust: trust),
            limits: limits, engine: CryptoEngine(), entropy: SeededEntropy(seed: 5), at: now)
    }

    func path(_ host: UInt8 = 7, port: UInt16 = 500) -> DatagramPath {
        DatagramPath(
            local: Endpoint(IPAddress(octets: [192, 0, 2, 1]) ?? .anyIPv4, port: 500),
            remote: Endpoint(IPAddress(octets: [198, 51, 100, host]) ?? .anyIPv4, port: port), isEncapsulated: false)
    }

    /// 2001:db8::SUBNET:0:0:0:HOST.
    func path6(_ subnet: UInt8, _ host: UInt8) -> DatagramPath {
        var octets: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, subnet] + [UInt8](repeating: 0, count: 8)
        octets[15] = host
        return DatagramPath(
            local: Endpoint(.anyIPv6, port: 500),
            remote: Endpoint(IPAddress(octets: octets) ?? .anyIPv6, port: 500), isEncapsulated: false)
    }

    func deliver(_ datagrams: [[UInt8]], host: UInt8 = 7) -> [RegistrationEffect] {
        deliver(datagrams, from: path(host))
    }

    func deliver(_ datagrams: [[UInt8]], from path: DatagramPath) -> [RegistrationEffect] {
        datagrams.flatMap { core.handle($0, path, at: now, wall: wall) }
    }

    /// Long enough that the answer is not longer.
    static let padding = ForgedInitiator.announcements + [.vendorID([UInt8](repeating: 1, count: 120))]

    func begin(_ forged: ForgedInitiator, host: UInt8 = 7) throws -> [[UInt8]] { try begin(forged, from: path(host)) }

    func begin(_ forged: ForgedInitiator, from path: DatagramPath, cookie: [UInt8]? = nil) throws -> [[UInt8]] {
        let request = forged.initRequest([ForgedInitiator.proposal()], cookie: cookie, more: Self.padding)
        let sent = deliver([request], from: path).sent
        if sent.count == 1, (try? ForgedInitiator.clear(sent[0]).types.contains(.keyExchange)) == true {
            try forged.takeInit(sent[0])
        }
        return sent
    }

    func authenticate(_ forged: ForgedInitiator, join: Bool, host: UInt8 = 7) throws -> [RegistrationEffect] {
        let payloads: [Payload] = [.identificationInitiator(frontMember), try forged.sharedKeyProof(frontMember, key)]
        let datagrams =
            join
            ? try forged.seal(.gsaAuth, 1, payloads + [.identificationGroup(frontGroup)])
            : try forged.seal(.ikeAuth, 1, payloads)
        return deliver(datagrams, host: host)
    }

    /// The cookie of a cookie answer.
    func cookie(_ sent: [[UInt8]]) throws -> [UInt8]? {
        guard let first = sent.first else { return nil }
        for case .notify(let notify) in try ForgedInitiator.clear(first).payloads where notify.type == .cookie {
            return notify.data
        }
        return nil
    }

    func status(_ name: String) -> Int64 { core.statusCounters[name] ?? -1 }
}

extension [RegistrationEffect] {
    var sent: [[UInt8]] {
        flatMap { effect -> [[UInt8]] in if case .send(let datagrams, _) = effect { datagrams } else { [] } }
    }
    var asked: [RegistrationRequest] {
        compactMap { effect in if case .ask(let request) = effect { request } else { nil } }
    }
    var events: [Event] {
        compactMap { effect in if case .event(let event) = effect { event } else { nil } }
    }
}
