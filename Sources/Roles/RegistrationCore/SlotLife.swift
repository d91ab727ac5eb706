import GroupModel
import IKEExchange
package import IKEVocabulary
import KeyMaterial

extension RegistrationCore {
    /// Carries out what an SA wants and keeps the tables in step with it.
    func perform(_ effects: [ResponderEffect], of slot: Slot, at now: Moment) -> [RegistrationEffect] {
        var result: [RegistrationEffect] = []
        for effect in effects {
            switch effect {
            case .send(let datagrams, let path): result.append(.send(datagrams, path))
            case .event(let event): result.append(.event(event))
            case .ask(let request):
                asking[request.operation] = slot.sa.spiR
                slot.asking = request.operation
                slot.askingUntil = now + limits.authorityWait
                deadlines.add(slot.sa.spiR, at: slot.askingUntil)
                result.append(.ask(request))
            case .closed:
                // Kept for a while, so that a repeated last request still gets its answer.
                leaveHalfOpen(slot)
                slot.expiresAt = now + limits.linger
                deadlines.add(slot.sa.spiR, at: slot.expiresAt)
            }
        }
        if slot.isHalfOpen, slot.sa.isEstablished, !slot.sa.isClosed {
            leaveHalfOpen(slot)
            counters.established += 1
            slot.expiresAt = now + limits.saLife
            deadlines.add(slot.sa.spiR, at: slot.expiresAt)
        }
        return result
    }

    private func leaveHalfOpen(_ slot: Slot) {
        guard slot.isHalfOpen else { return }
        slot.isHalfOpen = false
        slot.initial = nil
        // The initiator may have begun again under the same SPI: then the entry is not this SA's.
        if initials[slot.key] == slot.sa.spiR { initials.removeValue(forKey: slot.key) }
        halfOpen -= 1
        let address = slot.key.remote.address
        let left = halfOpenByAddress[address, default: 1] - 1
        halfOpenByAddress[address] = left > 0 ? left : nil
    }

    /// Ends what is over: half-open SAs, old SAs, questions without answer; renews the cookie secret.
    package func tick(at now: Moment) -> [RegistrationEffect] {
        var result: [RegistrationEffect] = []
        while let due = deadlines.takeDue(now) {
            guard let slot = slots[due.spi] else { continue }
            if slot.expiresAt <= now {
                result += remove(slot, at: now)
            } else if let operation = slot.asking, slot.askingUntil <= now {
                let answer = RegistrationAnswer(
                    operation: operation, outcome: .unavailable("no answer from the authority"))
                result += handle([answer], at: now)
            }
        }
        if cookiesRotateAt <= now {
            cookies.rotate(
                to: .init(version: cookies.currentVersion &+ 1, key: HeldSecret(entropy.secret(32))))
            cookiesRotateAt = now + limits.cookieSecretLife
        }
        return result
    }

    private func remove(_ slot: Slot, at now: Moment) -> [RegistrationEffect] {
        let wasHalfOpen = slot.isHalfOpen
        leaveHalfOpen(slot)
        slots.removeValue(forKey: slot.sa.spiR)
        if let operation = slot.asking { asking.removeValue(forKey: operation) }
        guard !wasHalfOpen, !slot.sa.isClosed else {
            if wasHalfOpen { counters.dropped["half-open-expired", default: 0] += 1 }
            return []
        }
        return [
            .event(
                Event(
                    "ike-expired", .info,
                    [("spi", slot.sa.spiR.description), ("member", slot.sa.peer?.description ?? "-")]))
        ]
    }

    func count(_ outcome: RegistrationOutcome) {
        switch outcome {
        case .granted: counters.granted += 1
        case .left: counters.left += 1
        case .refused: counters.refused += 1
        case .unavailable: counters.unavailable += 1
        }
    }

    /// What the frontend says of itself in its heartbeat.
    package var statusCounters: [String: Int64] {
        [
            "registrations": Int64(counters.granted), "refused": Int64(counters.refused),
            "unavailable": Int64(counters.unavailable), "left": Int64(counters.left), "half-open": Int64(halfOpen),
            "ike-sas": Int64(slots.count - halfOpen), "asking": Int64(asking.count),
            "datagrams": Int64(counters.datagrams), "dropped": Int64(counters.dropped.values.reduce(0, +)),
            "cookies-sent": Int64(counters.stateless["cookie-sent", default: 0]),
        ]
    }
}

/// What happened since the start.
package struct RegistrationCounters: Hashable, Sendable {
    package var datagrams = 0
    package var established = 0
    package var granted = 0
    package var refused = 0
    package var unavailable = 0
    package var left = 0
    /// Datagrams without answer, by reason.
    package var dropped: [String: Int] = [:]
    /// Answers without state, by reason.
    package var stateless: [String: Int] = [:]
}
