import GroupModel
import IKEExchange
package import IKEVocabulary
import KeyMaterial

/// From half open to the end of an SA.
extension RegistrationCore {
    /// Carries out what an SA wants and keeps the tables in step with it.
    func perform(_ effects: [ResponderEffect], of slot: Slot, at now: Moment) -> [RegistrationEffect] {
        var result: [RegistrationEffect] = []
        for effect in effects {
            switch effect {
            case .send(let datagrams, let path): result += route(datagrams, path)
            case .event(let event): result.append(.event(event))
            case .unproved(let failed): result.append(.report(failed))
            case .keyLog(let record): result.append(.keyLog(record))
            case .ask(let request): result += ask(request, of: slot, at: now)
            case .rekeyAsked: result += answerRekey(of: slot, at: now)
            case .candidate(let sa): _ = adopt(sa, from: slot, at: now)
            case .succeeded(let heir): result.append(succeed(slot, by: heir, at: now))
            case .redundant(let sa): result += dismiss(adopt(sa, from: slot, at: now), at: now)
            case .rekeyRefused(let type): result.append(rekeyRefused(slot, type, at: now))
            case .closed:
                // Kept for a while, so that a repeated last request still gets its answer.
                leaveHalfOpen(slot)
                unlist(slot)
                slot.expiresAt = now + limits.linger
            }
        }
        if slot.isHalfOpen, slot.sa.isEstablished, !slot.sa.isClosed {
            leaveHalfOpen(slot)
            counters.established += 1
            slot.authenticatedAt = now
            setLife(of: slot, at: now)
            result += list(slot, at: now)
        }
        arm(slot)
        return result
    }

    private func ask(_ request: RegistrationRequest, of slot: Slot, at now: Moment) -> [RegistrationEffect] {
        asking[request.operation] = slot.sa.ownSPI
        slot.asking = request.operation
        slot.askingUntil = now + limits.authorityWait
        guard hasLostAuthority(at: now) else { return [.ask(request)] }
        return handle(
            [RegistrationAnswer(operation: request.operation, outcome: .unavailable("no authority"))], at: now)
    }

    private func leaveHalfOpen(_ slot: Slot) {
        guard slot.isHalfOpen else { return }
        slot.isHalfOpen = false
        slot.initial = nil
        // The initiator may have begun again under the same SPI: then the entry is not this SA's.
        if initials[slot.key] == slot.sa.ownSPI { initials.removeValue(forKey: slot.key) }
        halfOpen.remove(slot.sa.ownSPI, SourceNetwork(slot.key.remote.address))
    }

    // MARK: SAs of one identity

    /// A member that begins again and again keeps its latest SAs only; one that says it has no other has no other.
    private func list(_ slot: Slot, at now: Moment) -> [RegistrationEffect] {
        guard let peer = slot.sa.peer?.canonical else { return [] }
        let all = (sasByIdentity[peer] ?? []).compactMap { slots[$0] }
        let others = slot.sa.saysInitialContact ? all : all.filter { !$0.isSpare }
        sasByIdentity[peer, default: []].append(slot.sa.ownSPI)
        if slot.sa.saysInitialContact {
            // It has forgotten them: nobody would answer a Delete (RFC 7296 2.4).
            for other in others { remove(other) }
            return others.map { ended($0, "ike-replaced") }
        }
        return others.prefix(max(others.count + 1 - limits.sasPerIdentity, 0)).flatMap {
            [ended($0, "ike-evicted")] + dismiss($0, at: now)
        }
    }

    private func unlist(_ slot: Slot) {
        guard let peer = slot.sa.peer?.canonical else { return }
        sasByIdentity[peer]?.removeAll { $0 == slot.sa.ownSPI }
        if sasByIdentity[peer]?.isEmpty == true { sasByIdentity[peer] = nil }
    }

    // MARK: Time

    /// Ends what is over, asks the silent, repeats what was not answered; renews the cookie secret.
    package func tick(at now: Moment) -> [RegistrationEffect] {
        var result = passDraining(at: now)
        while let due = deadlines.takeDue(now) {
            guard let slot = slots[due.spi], slot.armedAt == due.at else { continue }
            slot.armedAt = .never
            result += passTime(slot, at: now)
        }
        if cookiesRotateAt <= now {
            cookies.rotate(
                to: .init(version: cookies.currentVersion &+ 1, key: HeldSecret(entropy.secret(32))))
            cookiesRotateAt = now + limits.cookieSecretLife
        }
        return result
    }

    private func passTime(_ slot: Slot, at now: Moment) -> [RegistrationEffect] {
        if slot.expiresAt <= now { return expire(slot, at: now) }
        if let operation = slot.asking, slot.askingUntil <= now {
            return handle(
                [RegistrationAnswer(operation: operation, outcome: .unavailable("no answer from the authority"))],
                at: now)
        }
        if rekeyDue(slot) <= now { return rekey(slot, at: now) }
        guard idleUntil(slot) <= now else {
            return perform(slot.sa.tick(at: now, configuration: configuration), of: slot, at: now)
        }
        let effects = slot.sa.probe(at: now, configuration: configuration, engine: engine, entropy: &entropy)
        return perform(effects, of: slot, at: now)
    }

    /// When an SA has been silent for too long; never while an answer of either end is awaited.
    private func idleUntil(_ slot: Slot) -> Moment {
        let isQuiet = slot.sa.isEstablished && !slot.sa.isClosed && slot.asking == nil && slot.sa.nextDeadline == nil
        return isQuiet ? slot.sa.lastHeard + limits.idleLimit : .never
    }

    /// When we rekey; never while an answer of either end is awaited.
    private func rekeyDue(_ slot: Slot) -> Moment {
        slot.asking == nil && slot.sa.nextDeadline == nil ? slot.rekeyAt : .never
    }

    /// Sets the SA's timer, when it is earlier than the one that is set.
    func arm(_ slot: Slot) {
        let wake = min(
            slot.expiresAt, slot.asking == nil ? .never : slot.askingUntil, slot.sa.nextDeadline ?? .never,
            idleUntil(slot), rekeyDue(slot))
        guard wake < slot.armedAt, slots[slot.sa.ownSPI] === slot else { return }
        slot.armedAt = wake
        deadlines.add(slot.sa.ownSPI, at: wake)
        trimDeadlines()
    }

    private func trimDeadlines() {
        guard deadlines.count > 2 * slots.count + 1024 else { return }
        deadlines = Deadlines(slots.values.map { Deadlines.Entry(at: $0.armedAt, spi: $0.sa.ownSPI) })
    }

    // MARK: The end

    private func expire(_ slot: Slot, at now: Moment) -> [RegistrationEffect] {
        if slot.isHalfOpen { counters.dropped["half-open-expired", default: 0] += 1 }
        guard slot.sa.canBeDeleted else {
            remove(slot)
            return []
        }
        return [ended(slot, "ike-expired")] + dismiss(slot, at: now)
    }

    /// Says Delete, and keeps the SA only until that is answered.
    func dismiss(_ slot: Slot, at now: Moment) -> [RegistrationEffect] {
        forgetQuestion(slot)
        unlist(slot)
        slot.expiresAt = now + limits.deletionWait
        let effects = slot.sa.delete(at: now, configuration: configuration, engine: engine, entropy: &entropy)
        return perform(effects, of: slot, at: now)
    }

    func remove(_ slot: Slot) {
        leaveHalfOpen(slot)
        unlist(slot)
        forgetQuestion(slot)
        slots.removeValue(forKey: slot.sa.ownSPI)
        trimDeadlines()
    }

    private func forgetQuestion(_ slot: Slot) {
        if let operation = slot.asking { asking.removeValue(forKey: operation) }
        slot.asking = nil
    }

    func ended(_ slot: Slot, _ name: String) -> RegistrationEffect {
        .event(
            Event(
                name, .info, [("spi", slot.sa.ownSPI.description), ("member", slot.sa.peer?.description ?? "-")]))
    }
}
