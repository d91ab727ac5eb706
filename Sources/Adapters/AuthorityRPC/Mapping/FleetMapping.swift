import Foundation
package import GroupModel
import IKEVocabulary
import KeyMaterial

// What frontends share, and what operators see of them, both ways.

extension FrontendAnnouncement {
    package init(_ wire: Gcks_V1_FrontendAnnouncement) throws(ContractError) {
        self.init(
            instance: try FrontendInstance(wire: wire.instance, "FrontendAnnouncement.instance"),
            relay: wire.hasRelay ? try Endpoint(wire.relay) : nil,
            publicAddress: try publicAddressOf(wire.publicAddress, "FrontendAnnouncement.public_address"))
    }
}

extension Gcks_V1_FrontendAnnouncement {
    package init(_ announcement: FrontendAnnouncement) {
        self.init()
        instance = Data(announcement.instance.octets)
        if let endpoint = announcement.relay { relay = Gcks_V1_Endpoint(endpoint) }
        publicAddress = Data(announcement.publicAddress?.octets ?? [])
    }
}

extension FleetUpdate {
    /// Takes the keys out of the message: they are zeroised there, in all of its copies, also when it is refused.
    package init(_ wire: Gcks_V1_FleetUpdate) throws(ContractError) {
        defer { wire.zeroiseKeys() }
        let cookieKeys = try checkedList(
            wire.cookieKeys, "FleetUpdate.cookie_keys", atMost: FleetLimits.generations
        ) { key throws(ContractError) in
            CookieKey(
                version: try narrowed(key.version, "CookieKey.version"), key: try fleetKey(key.key, "CookieKey.key"))
        }
        let keys = try checkedList(
            wire.keys, "FleetUpdate.keys", atMost: FleetLimits.generations
        ) { key throws(ContractError) in
            Keys(
                epoch: try narrowed(key.epoch, "FleetKey.epoch"), spi: try fleetKey(key.spiKey, "FleetKey.spi_key"),
                relay: try fleetKey(key.relayKey, "FleetKey.relay_key"))
        }
        guard !cookieKeys.isEmpty, !keys.isEmpty else { throw ContractError("FleetUpdate.keys", .missing) }
        self.init(
            number: try FrontendNumber(wire: wire.number, "FleetUpdate.number"), cookieKeys: cookieKeys, keys: keys,
            peers: try checkedList(
                wire.peers, "FleetUpdate.peers", atMost: Limits.frontends
            ) { peer throws(ContractError) in try Peer(peer) },
            drain: wire.hasDrain ? try DrainOrder(wire.drain) : nil)
    }
}

extension Gcks_V1_FleetUpdate {
    /// Keys leave their guarded blocks here; `zeroiseKeys` when the message was sent.
    package init(_ update: FleetUpdate) {
        self.init()
        number = UInt32(update.number.rawValue)
        cookieKeys = update.cookieKeys.map { key in
            var wire = Gcks_V1_CookieKey()
            wire.version = UInt32(key.version)
            wire.key = Data(exposing: key.key.secret)
            return wire
        }
        keys = update.keys.map { key in
            var wire = Gcks_V1_FleetKey()
            wire.epoch = UInt32(key.epoch)
            wire.spiKey = Data(exposing: key.spi.secret)
            wire.relayKey = Data(exposing: key.relay.secret)
            return wire
        }
        peers = update.peers.map(Gcks_V1_FleetPeer.init)
        if let order = update.drain { drain = Gcks_V1_DrainOrder(order) }
    }

    /// In this message and its copies.
    func zeroiseKeys() {
        for key in cookieKeys { key.key.zeroiseShared() }
        for key in keys {
            key.spiKey.zeroiseShared()
            key.relayKey.zeroiseShared()
        }
    }
}

extension FleetUpdate.Peer {
    package init(_ wire: Gcks_V1_FleetPeer) throws(ContractError) {
        self.init(
            name: try checkedText(wire.name, "FleetPeer.name"),
            number: try FrontendNumber(wire: wire.number, "FleetPeer.number"),
            announcement: FrontendAnnouncement(
                instance: try FrontendInstance(wire: wire.instance, "FleetPeer.instance"),
                relay: wire.hasRelay ? try Endpoint(wire.relay) : nil,
                publicAddress: try publicAddressOf(wire.publicAddress, "FleetPeer.public_address")),
            isDraining: wire.isDraining)
    }
}

extension Gcks_V1_FleetPeer {
    package init(_ peer: FleetUpdate.Peer) {
        self.init()
        name = peer.name
        number = UInt32(peer.number.rawValue)
        instance = Data(peer.announcement.instance.octets)
        if let endpoint = peer.announcement.relay { relay = Gcks_V1_Endpoint(endpoint) }
        publicAddress = Data(peer.announcement.publicAddress?.octets ?? [])
        isDraining = peer.isDraining
    }
}

extension DrainOrder {
    package init(_ wire: Gcks_V1_DrainOrder) throws(ContractError) {
        self.init(
            redirectTo: wire.hasRedirectTo ? try checkedText(wire.redirectTo, "DrainOrder.redirect_to") : nil,
            deadline: wire.hasDeadlineMilliseconds
                ? try checkedTime(wire.deadlineMilliseconds, "DrainOrder.deadline_milliseconds") : nil)
    }
}

extension Gcks_V1_DrainOrder {
    package init(_ order: DrainOrder) {
        self.init()
        if let name = order.redirectTo { redirectTo = name }
        if let time = order.deadline { deadlineMilliseconds = time.milliseconds }
    }
}

extension FrontendStatus {
    package init(_ wire: Gcks_V1_FrontendStatus) throws(ContractError) {
        let deadline =
            wire.hasDeadlineMilliseconds
            ? try checkedTime(wire.deadlineMilliseconds, "FrontendStatus.deadline_milliseconds") : nil
        let target =
            wire.hasRedirectTo ? try checkedText(wire.redirectTo, "FrontendStatus.redirect_to") : nil
        let state = try required(State(rawValue: wire.state), "FrontendStatus.state", .unknownValue)
        self.init(
            name: try checkedText(wire.name, "FrontendStatus.name"),
            number: try FrontendNumber(wire: wire.number, "FrontendStatus.number"), state: state,
            since: try checkedTime(wire.sinceMilliseconds, "FrontendStatus.since_milliseconds"),
            counters: try checkedCounters(wire.counters, "FrontendStatus.counters"),
            relay: wire.hasRelay ? try Endpoint(wire.relay) : nil,
            publicAddress: try publicAddressOf(wire.publicAddress, "FrontendStatus.public_address"),
            drain: wire.isDraining ? DrainOrder(redirectTo: target, deadline: deadline) : nil)
    }
}

extension Gcks_V1_FrontendStatus {
    package init(_ status: FrontendStatus) {
        self.init()
        name = status.name
        number = UInt32(status.number.rawValue)
        state = status.state.rawValue
        sinceMilliseconds = status.since.milliseconds
        counters = status.counters
        if let endpoint = status.relay { relay = Gcks_V1_Endpoint(endpoint) }
        publicAddress = Data(status.publicAddress?.octets ?? [])
        isDraining = status.drain != nil
        if let name = status.drain?.redirectTo { redirectTo = name }
        if let time = status.drain?.deadline { deadlineMilliseconds = time.milliseconds }
    }
}

extension FrontendNumber {
    init(wire: UInt32, _ field: String) throws(ContractError) {
        self = try required(FrontendNumber(rawValue: try narrowed(wire, field)), field)
    }
}

extension FrontendInstance {
    init(wire: Data, _ field: String) throws(ContractError) {
        self = try required(
            FrontendInstance(octets: try checkedOctets(wire, field, atMost: FrontendInstance.octetCount)), field)
    }
}

private func fleetKey(_ data: Data, _ field: String) throws(ContractError) -> HeldSecret {
    guard data.count == FleetLimits.keyOctets else { throw ContractError(field, .outOfRange) }
    return HeldSecret(SecretOctets(copying: data))
}

private func publicAddressOf(_ data: Data, _ field: String) throws(ContractError) -> IPAddress? {
    guard !data.isEmpty else { return nil }
    return try required(IPAddress(octets: try checkedOctets(data, field, atMost: 16)), field)
}
