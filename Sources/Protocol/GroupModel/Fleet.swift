package import IKEVocabulary
package import KeyMaterial

// What the frontends of a cluster share: numbers, keys, and who is there.

/// A frontend's number, never zero and never another's while the cluster lives: stands sealed in every responder SPI it gives.
package struct FrontendNumber: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt16

    /// Nil for zero.
    package init?(rawValue: UInt16) {
        guard rawValue > 0 else { return nil }
        self.rawValue = rawValue
    }

    package static func < (one: FrontendNumber, other: FrontendNumber) -> Bool { one.rawValue < other.rawValue }
    package var description: String { String(rawValue) }
}

/// One life of a frontend's process: 8 random octets.
package struct FrontendInstance: Hashable, Sendable {
    package static let octetCount = 8
    package let octets: [UInt8]

    /// Nil unless there are 8 octets.
    package init?(octets: [UInt8]) {
        guard octets.count == Self.octetCount else { return nil }
        self.octets = octets
    }
}

/// What a frontend says of itself when it meets the authority.
package struct FrontendAnnouncement: Hashable, Sendable {
    package let instance: FrontendInstance
    /// Where its relay listens; nil: it takes part in no relay.
    package let relay: Endpoint?
    /// Where members that are sent here reach it; nil: nobody is.
    package let publicAddress: IPAddress?

    package init(instance: FrontendInstance, relay: Endpoint?, publicAddress: IPAddress?) {
        self.instance = instance
        self.relay = relay
        self.publicAddress = publicAddress
    }
}

/// All a frontend knows of its fleet; an update replaces the one before.
package struct FleetUpdate: Sendable {
    package struct CookieKey: Sendable {
        package let version: UInt8
        package let key: HeldSecret
        package init(version: UInt8, key: HeldSecret) {
            self.version = version
            self.key = key
        }
    }

    package struct Keys: Sendable {
        package let epoch: UInt8
        /// Names the owner of a responder SPI.
        package let spi: HeldSecret
        /// Protects what frontends send each other.
        package let relay: HeldSecret
        package init(epoch: UInt8, spi: HeldSecret, relay: HeldSecret) {
            self.epoch = epoch
            self.spi = spi
            self.relay = relay
        }
    }

    package struct Peer: Hashable, Sendable {
        package let name: String
        package let number: FrontendNumber
        package let announcement: FrontendAnnouncement
        package let isDraining: Bool
        package init(name: String, number: FrontendNumber, announcement: FrontendAnnouncement, isDraining: Bool) {
            self.name = name
            self.number = number
            self.announcement = announcement
            self.isDraining = isDraining
        }
    }

    package let number: FrontendNumber
    /// 1 … `FleetLimits.generations`, the one in force first.
    package let cookieKeys: [CookieKey]
    /// 1 … `FleetLimits.generations`, the one in force first.
    package let keys: [Keys]
    /// The others that are connected.
    package let peers: [Peer]
    /// Set while this frontend drains.
    package let drain: DrainOrder?

    package init(number: FrontendNumber, cookieKeys: [CookieKey], keys: [Keys], peers: [Peer], drain: DrainOrder?) {
        self.number = number
        self.cookieKeys = cookieKeys
        self.keys = keys
        self.peers = peers
        self.drain = drain
    }
}

package enum FleetLimits {
    /// Keys of one kind that are good at a time: the one in force, the one before and the next.
    package static let generations = 3
    package static let keyOctets = 32
    /// Frontends the cluster has a number for.
    package static let frontends = 1024
    /// How long a frontend may be given to drain: 30 days.
    package static let deadlineSecondsMost: UInt32 = 2_592_000
}

/// What a frontend that takes no new members does with those it has.
package struct DrainOrder: Hashable, Sendable {
    /// The frontend members are sent to; nil: any that is ready.
    package let redirectTo: String?
    /// Then those that are left are told Delete; nil: they may stay.
    package let deadline: WallTime?

    package init(redirectTo: String?, deadline: WallTime?) {
        self.redirectTo = redirectTo
        self.deadline = deadline
    }
}

// MARK: Rows

/// The secret all keys of the fleet come from, sealed.
package struct FleetSecretRow: Hashable, Sendable {
    package var sealedSecret: SealedKey
    package var createdAt: WallTime

    package init(sealedSecret: SealedKey, createdAt: WallTime) {
        self.sealedSecret = sealedSecret
        self.createdAt = createdAt
    }
}

/// A frontend the cluster has met.
package struct FrontendRow: Hashable, Sendable {
    package var name: String
    package var number: FrontendNumber
    package var drain: DrainOrder?
    package var changedAt: WallTime

    package init(name: String, number: FrontendNumber, drain: DrainOrder?, changedAt: WallTime) {
        self.name = name
        self.number = number
        self.drain = drain
        self.changedAt = changedAt
    }
}

// MARK: What operators ask and see

package enum FleetRequest: Sendable {
    case list(String?)
    /// `deadline` counts from the decision.
    case drain(String, redirectTo: String?, deadline: Lifetime?, Mandate)
    case undrain(String, Mandate)
}

extension FleetRequest {
    var requiredRole: OperatorRole {
        switch self {
        case .list: .viewer
        case .drain, .undrain: .operator
        }
    }

    var dangerLevel: DangerLevel {
        switch self {
        case .list: .read
        case .drain, .undrain: .reversible
        }
    }

    var mandate: Mandate? {
        switch self {
        case .list: nil
        case .drain(_, _, _, let mandate), .undrain(_, let mandate): mandate
        }
    }

    /// What the audit trail calls that which it is about.
    var object: String {
        switch self {
        case .list(let name): name.map { "frontend/\($0)" } ?? "cluster"
        case .drain(let name, _, _, _), .undrain(let name, _): "frontend/\(name)"
        }
    }

    var action: String {
        switch self {
        case .list: "frontend-list"
        case .drain: "frontend-drain"
        case .undrain: "frontend-undrain"
        }
    }
}

package struct FrontendStatus: Hashable, Sendable {
    package enum State: String, Hashable, Sendable, CaseIterable {
        case ready, draining
        /// It drains and has no IKE SA left.
        case drained
        case gone
    }

    package var name: String
    package var number: FrontendNumber
    package var state: State
    /// When it came or went, as the leader saw it.
    package var since: WallTime
    package var counters: [String: Int64]
    package var relay: Endpoint?
    package var publicAddress: IPAddress?
    package var drain: DrainOrder?

    package init(
        name: String, number: FrontendNumber, state: State, since: WallTime, counters: [String: Int64],
        relay: Endpoint?, publicAddress: IPAddress?, drain: DrainOrder?
    ) {
        self.name = name
        self.number = number
        self.state = state
        self.since = since
        self.counters = counters
        self.relay = relay
        self.publicAddress = publicAddress
        self.drain = drain
    }
}
