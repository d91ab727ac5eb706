import GroupModel
import IKECrypto
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial
import RegistrationCore
import TestKit
import Testing

let pairWall = WallTime(milliseconds: 1_790_000_000_000)

/// Keys of a fleet: octets that rise from `first`.
func fleetKey(_ first: UInt8, count: Int = 32) -> HeldSecret {
    HeldSecret(SecretOctets(copying: (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) }))
}

/// Two frontends of one fleet, and members in front of them.
final class Pair {
    let one: RegistrationCore
    let two: RegistrationCore
    let key: HeldSecret
    var now = Moment(nanoseconds: 1_000)
    let instances: [FrontendInstance]
    let relays: [Endpoint]

    init(_ change: (inout RegistrationLimits) -> Void = { _ in }) throws {
        var limits = RegistrationLimits()
        change(&limits)
        let trust = SharedKeyTrust([frontMember: "swordfish"])
        key = try #require(trust.keys[frontMember])
        let (limit, start) = (limits, now)
        let lives = try [0, 16].map { first in
            try #require(FrontendInstance(octets: (0..<8).map { UInt8(first + $0) }))
        }
        relays = try ["192.0.2.1:7711", "192.0.2.2:7711"].map { try #require(Endpoint($0)) }
        func core(_ index: Int) -> RegistrationCore {
            RegistrationCore(
                configuration: ResponderConfiguration(
                    frontend: "frontend-\(index + 1)",
                    own: OwnCredentials(identity: .fqdn("gcks.example"), signing: nil),
                    trust: trust),
                limits: limit, engine: CryptoEngine(), entropy: SeededEntropy(seed: 5 + UInt64(index)),
                instance: lives[index], at: start)
        }
        instances = lives
        (one, two) = (core(0), core(1))
        try tell()
    }

    func core(_ number: UInt16) -> RegistrationCore { number == 1 ? one : two }

    func peer(_ number: UInt16, isDraining: Bool = false, hasAddress: Bool = true) throws -> FleetUpdate.Peer {
        let index = Int(number) - 1
        return FleetUpdate.Peer(
            name: "frontend-\(number)", number: try #require(FrontendNumber(rawValue: number)),
            announcement: FrontendAnnouncement(
                instance: instances[index], relay: relays[index],
                publicAddress: hasAddress ? relays[index].address : nil), isDraining: isDraining)
    }

    func update(
        for number: UInt16, draining: UInt16? = nil, deadline: WallTime? = nil, hasAddress: Bool = true
    ) throws -> FleetUpdate {
        let other: UInt16 = number == 1 ? 2 : 1
        return FleetUpdate(
            number: try #require(FrontendNumber(rawValue: number)),
            cookieKeys: [
                .init(version: 9, key: fleetKey(1)), .init(version: 8, key: fleetKey(2)),
                .init(version: 10, key: fleetKey(3)),
            ], keys: [FleetUpdate.Keys(epoch: 7, spi: fleetKey(0), relay: fleetKey(64))],
            peers: [try peer(other, isDraining: draining == other, hasAddress: hasAddress)],
            drain: draining == number ? DrainOrder(redirectTo: nil, deadline: deadline) : nil)
    }

    func tell(draining: UInt16? = nil, deadline: WallTime? = nil, hasAddress: Bool = true) throws {
        for number: UInt16 in [1, 2] {
            core(number).learn(
                try update(for: number, draining: draining, deadline: deadline, hasAddress: hasAddress), at: now,
                wall: pairWall)
        }
    }

    /// A member's path to a frontend.
    func path(_ number: UInt16, host: UInt8 = 7, port: UInt16 = 500) -> DatagramPath {
        DatagramPath(
            local: Endpoint(IPAddress(octets: [192, 0, 2, UInt8(number)]) ?? .anyIPv4, port: 500),
            remote: Endpoint(IPAddress(octets: [198, 51, 100, host]) ?? .anyIPv4, port: port), isEncapsulated: false)
    }

    /// A datagram to one frontend; what frontends relay to each other arrives at once.
    ///
    /// - Returns: everything but the relayed datagrams, with the number of the frontend that did it.
    func deliver(_ datagram: [UInt8], to number: UInt16, host: UInt8 = 7) -> [(by: UInt16, effect: RegistrationEffect)]
    {
        spread(core(number).handle(datagram, path(number, host: host), at: now, wall: pairWall), by: number)
    }

    func spread(_ effects: [RegistrationEffect], by number: UInt16) -> [(by: UInt16, effect: RegistrationEffect)] {
        effects.flatMap { effect -> [(by: UInt16, effect: RegistrationEffect)] in
            guard case .relay(let sealed, let endpoint) = effect else { return [(number, effect)] }
            guard let target = relays.firstIndex(of: endpoint) else { return [] }
            let other = UInt16(target + 1)
            let source = relays[Int(number) - 1]
            return spread(core(other).handleRelayed(sealed, from: source, at: now, wall: pairWall), by: other)
        }
    }

    func tick(_ number: UInt16, after wait: Duration) -> [(by: UInt16, effect: RegistrationEffect)] {
        now = now + wait
        return spread(core(number).tick(at: now), by: number)
    }

    static let announcements: [Payload] =
        Front.padding + [.notify(NotifyPayload(.redirectSupported))]

    func begin(_ forged: ForgedInitiator, at number: UInt16, redirectable: Bool = true, cookie: [UInt8]? = nil) throws
        -> [(by: UInt16, effect: RegistrationEffect)]
    {
        let request = forged.initRequest(
            [ForgedInitiator.proposal()], cookie: cookie, more: redirectable ? Self.announcements : Front.padding)
        let effects = deliver(request, to: number)
        if let sent = effects.sent.first,
            (try? ForgedInitiator.clear(sent.octets).types.contains(.keyExchange)) == true
        {
            try forged.takeInit(sent.octets)
        }
        return effects
    }

    func proof(_ forged: ForgedInitiator) throws -> [Payload] {
        [.identificationInitiator(frontMember), try forged.sharedKeyProof(frontMember, key)]
    }

    /// An established SA at a frontend, all of its datagrams sent there.
    func establish(_ seed: UInt64, at number: UInt16, redirectable: Bool = true) throws -> ForgedInitiator {
        let forged = try ForgedInitiator(seed: seed)
        _ = try begin(forged, at: number, redirectable: redirectable)
        for datagram in try forged.seal(.ikeAuth, 1, try proof(forged)) { _ = deliver(datagram, to: number) }
        return forged
    }
}

extension [(by: UInt16, effect: RegistrationEffect)] {
    /// What leaves on the network, by which frontend.
    var sent: [(by: UInt16, octets: [UInt8], path: DatagramPath)] {
        flatMap { entry -> [(by: UInt16, octets: [UInt8], path: DatagramPath)] in
            guard case .send(let datagrams, let path) = entry.effect else { return [] }
            return datagrams.map { (entry.by, $0, path) }
        }
    }
}
