package import GroupModel
import IKEExchange
package import IKEVocabulary
import IKEWire

/// What this frontend knows of the others, and what it hands to them.
extension RegistrationCore {
    /// The leading authority says what the fleet is now. It holds until the next time, whoever leads meanwhile.
    package func learn(_ update: FleetUpdate, at now: Moment, wall: WallTime) {
        fleet = update
        relay.keep(epochs: update.keys.map(\.epoch))
        let secrets = update.cookieKeys.map { CookieJar.CookieSecret(version: $0.version, key: $0.key) }
        if let current = secrets.first {
            cookies = CookieJar(current, others: Array(secrets.dropFirst()))
            cookiesRotateAt = .never
        }
        learn(update.drain, at: now, wall: wall)
    }

    /// Makes a responder SPI that names this frontend. Before it knows its number, the random one it was given.
    func mark(_ random: IKESPI) -> IKESPI {
        guard let fleet, let key = fleet.keys.first?.spi else { return random }
        var low = UInt32(truncatingIfNeeded: random.rawValue)
        for _ in 0..<RelayRules.spiTries {
            let spi = SPIOwnership.seal(fleet.number, random: low, key: key, engine: engine)
            if let spi, spi != .zero, slots[spi] == nil { return spi }
            low &+= 1
        }
        return random
    }

    /// The number in an SPI of this fleet. A few HMACs: whoever makes SPIs up costs no more.
    private func owner(of spi: IKESPI, _ fleet: FleetUpdate) -> FrontendNumber? {
        for keys in fleet.keys {
            if let number = SPIOwnership.owner(of: spi, key: keys.spi, engine: engine) { return number }
        }
        return nil
    }

    // MARK: Datagrams of others

    /// A datagram of an SA that is not here: to its owner, one hop and no more, at a bounded rate. Nil: its owner cannot be
    /// reached, or is this frontend.
    func handOn(
        _ datagram: [UInt8], over spi: IKESPI, _ path: DatagramPath, at now: Moment
    ) -> [RegistrationEffect]? {
        guard path.via == nil, let fleet, !fleet.peers.isEmpty else { return nil }
        guard let number = owner(of: spi, fleet) else { return drop("unknown-owner", path, spi.description) }
        guard let owner = fleet.peers.first(where: { $0.number == number }) else { return nil }
        return handOn(datagram, to: owner, over: spi, path, at: now)
    }

    /// - Parameter spi: the owner's; nil for an IKE_SA_INIT, which has none.
    func handOn(
        _ datagram: [UInt8], to peer: FleetUpdate.Peer, over spi: IKESPI?, _ path: DatagramPath, at now: Moment
    ) -> [RegistrationEffect]? {
        guard let fleet, let endpoint = peer.announcement.relay, datagram.count <= RelayLimits.messageOctets else {
            return nil
        }
        guard relayBudget.take(from: path.remote.address, over: spi, at: now) else {
            return drop("relay-rate", path, "to \(peer.name)")
        }
        let message = RelayMessage(
            kind: path.isEncapsulated ? .arrivedEncapsulated : .arrived, local: path.local, remote: path.remote,
            message: datagram)
        guard let sealed = relay.seal(message, to: peer, fleet, engine: engine) else { return nil }
        counters.relayedOut += 1
        return [.relay(sealed, to: endpoint)]
    }

    /// What another frontend sent to our relay. Whose octets it carries is not known: they are treated as from the network.
    package func handleRelayed(
        _ datagram: [UInt8], from source: Endpoint, at now: Moment, wall: WallTime
    ) -> [RegistrationEffect] {
        guard let fleet else { return [] }
        let opened: (sender: FrontendNumber, message: RelayMessage)
        do throws(RelayChannel.Refusal) {
            opened = try relay.open(datagram, fleet, engine: engine)
        } catch {
            counters.dropped["relay-refused", default: 0] += 1
            return [
                .event(
                    Event(
                        "relay-refused", .warning, limitedBy: source.address.description,
                        [("why", error.rawValue), ("source", source.description)]))
            ]
        }
        let message = opened.message
        switch message.kind {
        case .arrived, .arrivedEncapsulated:
            counters.relayedIn += 1
            let path = DatagramPath(
                local: message.local, remote: message.remote, isEncapsulated: message.kind == .arrivedEncapsulated,
                via: opened.sender)
            return handle(message.message, path, at: now, wall: wall)
        case .leaves:
            counters.sentForOthers += 1
            return [
                .send(
                    [message.message],
                    DatagramPath(local: message.local, remote: message.remote, isEncapsulated: false))
            ]
        }
    }

    /// Messages of an SA leave where the member's last datagram arrived. When that frontend is gone they leave here: the
    /// program picks the socket.
    func route(_ datagrams: [[UInt8]], _ path: DatagramPath) -> [RegistrationEffect] {
        guard let via = path.via, let fleet, let peer = fleet.peers.first(where: { $0.number == via }),
            let endpoint = peer.announcement.relay
        else { return [.send(datagrams, path)] }
        return datagrams.compactMap { datagram in
            guard datagram.count <= RelayLimits.messageOctets else { return nil }
            let message = RelayMessage(kind: .leaves, local: path.local, remote: path.remote, message: datagram)
            return relay.seal(message, to: peer, fleet, engine: engine).map { .relay($0, to: endpoint) }
        }
    }
}

private enum RelayRules {
    /// SPIs tried until one is free.
    static let spiTries = 64
}
