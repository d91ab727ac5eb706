import GroupModel
import IKEExchange
import IKEVocabulary
import IKEWire
import KeyMaterial

/// Rekeys of IKE SAs (RFC 7296 2.8): who may have one when, and what moves to the SA that follows.
///
/// Of one SA there is at most one rekey at a time, and none while the SA of before is still there: whatever a member does, it has
/// two SAs in the place of one, and a third while two rekeys cross.
extension RegistrationCore {
    /// The member asks. What it may not have now costs no public-key work.
    func answerRekey(of slot: Slot, at now: Moment) -> [RegistrationEffect] {
        let mayRekey =
            !slot.isSpare && slot.rekeyableFrom <= now && !isStopping && draining == nil && hasRoomForRekey
            && (slot.predecessor.flatMap { slots[$0] }?.sa.isClosed ?? true)
            && buckets.take(SourceNetwork(slot.sa.path.remote.address), at: now)
        guard mayRekey else {
            counters.rekeysPutOff += 1
            return perform(slot.sa.postponeRekey(engine: engine, entropy: &entropy), of: slot, at: now)
        }
        slot.rekeyableFrom = now + limits.rekeyPause
        let effects = slot.sa.answerRekey(
            with: mark(entropy.newIKESPI()), at: now, configuration: configuration, engine: engine, entropy: &entropy)
        return perform(effects, of: slot, at: now)
    }

    private var hasRoomForRekey: Bool {
        slots.count - halfOpen.count < limits.establishedSAs + limits.establishedSAs / 8 + 1
    }

    /// We ask, shortly before the keys are too old. Not all at once after a start: the rest waits.
    func rekey(_ slot: Slot, at now: Moment) -> [RegistrationEffect] {
        guard !isStopping, draining == nil, hasRoomForRekey, ownRekeys.take(SourceNetwork(.anyIPv4), at: now) else {
            slot.rekeyAt = now + limits.rekeyRetry
            arm(slot)
            return []
        }
        slot.rekeyAt = .never
        let effects = slot.sa.rekey(
            with: mark(entropy.newIKESPI()), at: now, configuration: configuration, engine: engine, entropy: &entropy)
        return perform(effects, of: slot, at: now)
    }

    func rekeyRefused(_ slot: Slot, _ type: NotifyType, at now: Moment) -> RegistrationEffect {
        // TEMPORARY_FAILURE is tried again; whoever cannot rekey at all makes a new SA when this one ends.
        if type == .temporaryFailure { slot.rekeyAt = now + limits.rekeyRetry }
        return .event(
            Event(
                "ike-rekey-refused", .info, limitedBy: slot.sa.path.remote.address.description,
                [
                    ("spi", slot.sa.ownSPI.description), ("member", slot.sa.peer?.description ?? "-"),
                    ("notify", "\(type)"),
                ]))
    }

    // MARK: What a rekey made

    /// An SA beside the one it was made from; it is in force only when it succeeds it.
    func adopt(_ sa: ResponderSA, from old: Slot, at now: Moment) -> Slot {
        if let known = slots[sa.ownSPI] { return known }
        let slot = Slot(succeeding: old, sa, expiresAt: now + limits.replacedLife)
        slots[sa.ownSPI] = slot
        if let peer = sa.peer?.canonical { sasByIdentity[peer, default: []].append(sa.ownSPI) }
        arm(slot)
        return slot
    }

    /// The SA takes the place of the one before, with its identity and the age of its authentication. The old one is deleted by
    /// whoever asked for the rekey; when that does not happen, by us.
    func succeed(_ old: Slot, by sa: ResponderSA, at now: Moment) -> RegistrationEffect {
        let slot = adopt(sa, from: old, at: now)
        slot.isSpare = old.isSpare
        old.isSpare = true
        old.rekeyAt = .never
        old.expiresAt = min(old.expiresAt, now + limits.replacedLife)
        slot.rekeyableFrom = now + limits.rekeyPause
        setLife(of: slot, at: now)
        arm(slot)
        counters.rekeyed += 1
        return .event(
            Event(
                "ike-rekeyed", .info,
                [
                    ("spi", old.sa.ownSPI.description), ("successor", sa.ownSPI.description),
                    ("member", sa.peer?.description ?? "-"), ("by", sa.ownSPI == sa.spiI ? "frontend" : "member"),
                ]))
    }

    /// How long an SA lives, and when we rekey it: at a random moment between nine tenths of its life and 97 hundredths, unless
    /// the peer did before. An SA whose authentication ends first is not rekeyed for the little that is left.
    func setLife(of slot: Slot, at now: Moment) {
        let keysEnd = now + limits.saLife
        let proofEnds = slot.authenticatedAt + limits.authenticationLife
        slot.expiresAt = min(keysEnd, proofEnds)
        guard keysEnd < proofEnds else {
            slot.rekeyAt = .never
            return
        }
        let milliseconds = limits.saLife.components.seconds * 1000
        let spread = Int64(entropy.uint64() % UInt64(max(milliseconds * 7 / 100, 1)))
        slot.rekeyAt = now + .milliseconds(milliseconds * 9 / 10 + spread)
    }
}
