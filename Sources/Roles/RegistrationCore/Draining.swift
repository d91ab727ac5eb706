import GroupModel
import IKEExchange
import IKEVocabulary
import IKEWire

/// A frontend that takes no new members and sends those it has elsewhere.
struct Draining {
    let order: DrainOrder
    /// Then whoever is left is told Delete.
    let until: Moment
    /// When the next few are spoken to.
    var nextAt: Moment
    /// SAs of this round that were not spoken to yet.
    var waiting: [IKESPI] = []
}

extension RegistrationCore {
    /// True while new members are turned away.
    package var isDraining: Bool { draining != nil }

    func learn(_ order: DrainOrder?, at now: Moment, wall: WallTime) {
        guard let order else {
            draining = nil
            return
        }
        guard draining?.order != order else { return }
        draining = Draining(
            order: order, until: order.deadline.map { now + $0.remaining(from: wall).duration } ?? .never, nextAt: now)
    }

    /// A frontend that is there for those who cannot stay here.
    private func successors(_ fits: (FleetUpdate.Peer) -> Bool) -> [FleetUpdate.Peer] {
        let ready = (fleet?.peers ?? []).filter { !$0.isDraining && fits($0) }
        guard let wanted = draining?.order.redirectTo, let chosen = ready.first(where: { $0.name == wanted }) else {
            return ready
        }
        return [chosen]
    }

    /// Where the member behind `spi` is sent: every one of them always to the same, so that they are spread.
    private func gateway(for spi: IKESPI, ipv4: Bool) -> RedirectGateway? {
        let fitting = successors { $0.announcement.publicAddress?.isIPv4 == ipv4 }
        return pick(fitting, spi)?.announcement.publicAddress.map { RedirectGateway($0) }
    }

    private func pick(_ peers: [FleetUpdate.Peer], _ spi: IKESPI) -> FleetUpdate.Peer? {
        peers.isEmpty ? nil : peers[Int(spi.rawValue % UInt64(peers.count))]
    }

    /// A new member comes to a frontend that drains: it is sent to another when it follows that (RFC 5685), else another
    /// makes the SA and this one only passes its datagrams on.
    func turnAway(
        _ message: FramedMessage, _ datagram: [UInt8], _ path: DatagramPath, at now: Moment
    ) -> [RegistrationEffect] {
        let spi = message.header.initiatorSPI
        if let gateway = gateway(for: spi, ipv4: path.local.address.isIPv4),
            let answer = Redirection.answer(to: message, gateway: gateway), answer.count <= datagram.count
        {
            counters.stateless["redirected", default: 0] += 1
            return route([answer], path)
        }
        guard path.via == nil, let peer = pick(successors { $0.announcement.relay != nil }, spi),
            let effects = handOn(datagram, to: peer, over: nil, path, at: now)
        else { return drop("draining", path, "IKE_SA_INIT") }
        return effects
    }

    /// Speaks to a few members at a time: none of them loses anything, and the other frontends are not overrun.
    func passDraining(at now: Moment) -> [RegistrationEffect] {
        guard var state = draining, min(state.nextAt, state.until) <= now else { return [] }
        let isOver = state.until <= now
        guard state.nextAt <= now else { return [] }
        if state.waiting.isEmpty {
            state.waiting = slots.values.filter { $0.sa.canBeDeleted && !$0.isSpare }.map(\.sa.ownSPI)
        }
        var effects: [RegistrationEffect] = []
        var spoken = 0
        while spoken < limits.drainedAtOnce, let spi = state.waiting.popLast() {
            guard let slot = slots[spi] else { continue }
            let fresh = isOver ? dismiss(slot, at: now) : redirect(slot, at: now)
            spoken += fresh.isEmpty ? 0 : 1
            effects += fresh
        }
        state.nextAt = now + (state.waiting.isEmpty ? limits.drainRound : limits.drainPause)
        if !isOver { state.nextAt = min(state.nextAt, max(state.until, now + limits.drainPause)) }
        draining = state
        return effects
    }

    private func redirect(_ slot: Slot, at now: Moment) -> [RegistrationEffect] {
        guard slot.sa.supportsRedirect,
            let gateway = gateway(for: slot.sa.ownSPI, ipv4: slot.sa.path.remote.address.isIPv4)
        else { return [] }
        let effects = slot.sa.redirect(
            to: gateway, at: now, configuration: configuration, engine: engine, entropy: &entropy)
        if !effects.isEmpty { counters.redirected += 1 }
        return perform(effects, of: slot, at: now)
    }
}
