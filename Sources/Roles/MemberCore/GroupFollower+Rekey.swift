import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import IKEWire
import KeyMaterial

extension GroupFollower {
    /// Takes a GSA_REKEY datagram for one of this group's Rekey SAs.
    mutating func receive(
        _ datagram: [UInt8], over spi: RekeySPI, from source: Endpoint, _ work: FollowerWork, at now: Moment
    ) {
        guard let index = rekeySAs.firstIndex(where: { $0.spi == spi }) else { return }
        let expected = rekeySAs[index].receiver.nextMessageID
        do throws(DownloadRefusal) {
            guard let opened = try rekeySAs[index].receiver.receive(datagram, engine: work.engine) else { return }
            work.event(
                "rekey-received", .notice,
                [
                    ("group", "\(group)"), ("spi", "\(spi)"), ("message_id", "\(opened.messageID)"),
                    ("new_rekey_sa", opened.group?.rekey == nil ? "no" : "yes"),
                    ("new_data_sas", "\(opened.group?.data.count ?? 0)"),
                ])
            let missed = expected.map { opened.messageID > $0 } ?? false
            try apply(opened, over: index, work, at: now)
            if missed { reregister(.missedRekey, work, at: now) }
        } catch {
            refuse(error, over: spi, from: source, work, at: now)
        }
    }

    private mutating func apply(
        _ opened: OpenedRekey, over index: Int, _ work: FollowerWork, at now: Moment
    ) throws(DownloadRefusal) {
        if let fresh = opened.group {
            groupWide.activationTimeDelay = fresh.policy.groupWide.activationTimeDelay
            groupWide.deactivationTimeDelay = fresh.policy.groupWide.deactivationTimeDelay
            if !fresh.data.isEmpty { mode = fresh.mode }
            if let rekey = fresh.rekey { try replaceRekeySA(index, with: rekey, work, at: now) }
            for sa in fresh.data { install(sa, sendsAtOnce: false, work, at: now) }
        }
        for delete in opened.deletes { apply(delete, work, at: now) }
    }

    /// The new Rekey SA is in force at once. The old one stays for GWP_DTD, for copies that are still on their way; with
    /// implicit authentication it goes now, because a member that was just excluded could forge on it (fact sheet B.4-15).
    private mutating func replaceRekeySA(
        _ index: Int, with rekey: KeyedRekeySA, _ work: FollowerWork, at now: Moment
    ) throws(DownloadRefusal) {
        guard !holds(rekey.policy.spi) else { return }
        let receiver = try rekeySAs[index].receiver.successor(rekey)
        let fresh = FollowedRekeySA(receiver, lifetime: rekey.policy.lifetime, &work.entropy, at: now)
        work.install(group, rekey)
        for old in rekeySAs.indices where !rekeySAs[old].isReplaced {
            rekeySAs[old].isReplaced = true
            noteReplacement(of: rekeySAs[old].spi, by: rekey.policy.spi)
            rekeySAs[old].lifeline.softAt = nil
            let isImplicit = rekeySAs[old].receiver.sa.policy.authentication == .implicit
            rekeySAs[old].lifeline.end(at: isImplicit ? now : now + dtd)
        }
        while rekeySAs.count >= MemberLimits.rekeySAs {
            drop(rekeySAs.removeFirst(), work)
        }
        rekeySAs.append(fresh)
        endRekeySAs(work, at: now)
    }

    private mutating func refuse(
        _ refusal: DownloadRefusal, over spi: RekeySPI, from source: Endpoint, _ work: FollowerWork, at now: Moment
    ) {
        switch refusal {
        case .replayed:
            // Identical copies of a rekey are sent on purpose (RFC 9838 2.4.1).
            return
        case .malformed, .notForThisSA, .notAuthentic, .badSignature:
            work.event(
                "rekey-dropped", .warning, limitedBy: "\(source)",
                [("group", "\(group)"), ("source", "\(source)"), ("why", "\(refusal)")])
        case .noKeyPath:
            exclude(work, at: now)
        case .unsupportedCritical, .policy, .keys, .crypto:
            work.event(
                "rekey-unusable", .error, limitedBy: "\(spi)", [("group", "\(group)"), ("why", "\(refusal)")])
            reregister(.unusableRekey, work, at: now)
        }
    }

    // MARK: Data-Security SAs

    /// Receivers use it at once, senders after GWP_ATD, unless they have nothing older to send on.
    mutating func install(_ sa: KeyedDataSA, sendsAtOnce: Bool, _ work: FollowerWork, at now: Moment) {
        let direction = membership.direction(source: sa.policy.source, sequenceNumbers: sa.policy.sequenceNumbers)
        let isSender = direction != .inbound
        if isSender, sa.policy.suite.usesCounterMode, senderIDs.isEmpty {
            reregister(.noSenderID, work, at: now)
            return
        }
        let lifeline = Lifeline(sa.policy.lifetime, &work.entropy, at: now)
        if let known = dataSAs.firstIndex(where: { $0.spi == sa.policy.spi }) {
            if dataSAs[known].sa.key.secret.constantTimeEquals(sa.key.secret) {
                renew(known, lifeline, work)
                return
            }
            work.remove(dataReference(sa.policy.spi))
            dataSAs.remove(at: known)
        }
        guard dataSAs.count < MemberLimits.dataSAs else {
            work.event("too-many-sas", .error, [("group", "\(group)")])
            return
        }
        let waits = isSender && !sendsAtOnce && atd > .zero
        dataSAs.append(
            FollowedDataSA(
                sa: sa, direction: direction, lifeline: lifeline, sendsFrom: waits ? now + atd : nil, isSending: false))
        work.install(
            group, sa,
            DataSAUse(
                mode: mode, direction: direction, sendsAtOnce: isSender && !waits,
                senderIDs: isSender && sa.policy.suite.usesCounterMode ? senderIDs : [],
                senderIDWidth: isSender && sa.policy.suite.usesCounterMode ? senderIDWidth : nil))
        let fresh = dataSAs.count - 1
        for old in dataSAs.indices where old != fresh && dataSAs[old].hasSelectors(of: dataSAs[fresh]) {
            // What has a successor needs no new registration at its soft lifetime.
            dataSAs[old].lifeline.softAt = nil
        }
        if isSender && !waits { activate(fresh, work) }
    }

    /// The same SA was given again: it lives on, even if it was to go.
    private mutating func renew(_ index: Int, _ lifeline: Lifeline, _ work: FollowerWork) {
        dataSAs[index].lifeline = lifeline
        dataSAs[index].isRetired = false
        let isIdle = !dataSAs[index].isSending && dataSAs[index].sendsFrom == nil
        if dataSAs[index].direction != .inbound, isIdle { activate(index, work) }
    }

    /// Moves sending from the older SAs with the same selectors to this one.
    private mutating func activate(_ index: Int, _ work: FollowerWork) {
        var replaced: [GroupSAReference] = []
        for old in dataSAs.indices where old != index && dataSAs[old].hasSelectors(of: dataSAs[index]) {
            guard dataSAs[old].isSending || (old < index && dataSAs[old].sendsFrom != nil) else { continue }
            if dataSAs[old].isSending { replaced.append(dataReference(dataSAs[old].spi)) }
            dataSAs[old].isSending = false
            dataSAs[old].sendsFrom = nil
        }
        dataSAs[index].isSending = true
        dataSAs[index].sendsFrom = nil
        work.effects.append(.activate(dataReference(dataSAs[index].spi), replacing: replaced))
    }

    /// It was deleted or is no longer listed: it goes after GWP_DTD. Sending on it ends now, unless a successor waits for
    /// its activation.
    mutating func retire(_ index: Int, _ work: FollowerWork, at now: Moment) {
        guard !dataSAs[index].isRetired else { return }
        dataSAs[index].isRetired = true
        dataSAs[index].lifeline.softAt = nil
        dataSAs[index].lifeline.end(at: now + dtd)
        dataSAs[index].sendsFrom = nil
        let hasSuccessor = dataSAs.indices.contains {
            $0 != index && dataSAs[$0].sendsFrom != nil && dataSAs[$0].hasSelectors(of: dataSAs[index])
        }
        if dataSAs[index].isSending, !hasSuccessor {
            dataSAs[index].isSending = false
            work.effects.append(.stopSending(dataReference(dataSAs[index].spi)))
        }
    }

    // MARK: Deletes (RFC 9838 2.4.3, 4.6)

    private mutating func apply(_ delete: DeletePayload, _ work: FollowerWork, at now: Moment) {
        let isForAll = delete.spis.contains { $0.allSatisfy { $0 == 0 } }
        switch delete.securityProtocol {
        case .none: exclude(work, at: now)
        case .gikeUpdate where isForAll: exclude(work, at: now)
        case .gikeUpdate:
            for index in rekeySAs.indices where delete.spis.contains(rekeySAs[index].spi.octets) {
                rekeySAs[index].lifeline.end(at: now)
            }
            endRekeySAs(work, at: now)
            if rekeySAs.isEmpty { reregister(.noSALeft, work, at: now) }
        case .esp:
            for index in dataSAs.indices where isForAll || delete.spis.contains(dataSAs[index].spi.octets) {
                retire(index, work, at: now)
            }
        default: break
        }
    }

    /// The GCKS took this member out, or started the group anew: nothing of the group is used after GWP_DTD, and the member
    /// asks again after a random time. Rekey SAs with implicit authentication go now, as in `replaceRekeySA`: whoever was
    /// excluded could forge on them.
    private mutating func exclude(_ work: FollowerWork, at now: Moment) {
        guard !isExcluded else { return }
        isExcluded = true
        for index in dataSAs.indices { retire(index, work, at: now) }
        for index in rekeySAs.indices {
            let isImplicit = rekeySAs[index].receiver.sa.policy.authentication == .implicit
            rekeySAs[index].lifeline.end(at: isImplicit ? now : now + dtd)
        }
        work.event("group-excluded", .warning, [("group", "\(group)")])
        endRekeySAs(work, at: now)
        reregister(.excluded, work, at: now)
    }

    /// The IKE SA closed. Without a Rekey SA it was all that kept the member in the group (RFC 9838 2.3.3).
    mutating func connectionEnded(_ work: FollowerWork, at now: Moment) {
        guard livesByConnection, !isEmpty else { return }
        exclude(work, at: now)
    }

    // MARK: Time

    /// Activates, retires and ends SAs whose moment has come.
    mutating func passTime(_ work: FollowerWork, at now: Moment) {
        while let due = dataSAs.firstIndex(where: { $0.sendsFrom.map { $0 <= now } ?? false }) { activate(due, work) }
        for index in dataSAs.indices.reversed() where dataSAs[index].lifeline.endsAt <= now {
            work.remove(dataReference(dataSAs[index].spi))
            dataSAs.remove(at: index)
        }
        endRekeySAs(work, at: now)
        var wantsReplacement = false
        for index in dataSAs.indices where dataSAs[index].lifeline.takeSoft(at: now) { wantsReplacement = true }
        for index in rekeySAs.indices where rekeySAs[index].lifeline.takeSoft(at: now) { wantsReplacement = true }
        // Their soft moments are spread already.
        if wantsReplacement { reregister(.softLifetime, work, at: now, spread: .zero) }
    }

    private mutating func endRekeySAs(_ work: FollowerWork, at now: Moment) {
        for sa in rekeySAs where sa.lifeline.endsAt <= now { drop(sa, work) }
        rekeySAs.removeAll { $0.lifeline.endsAt <= now }
    }
}

extension Lifeline {
    mutating func end(at moment: Moment) { endsAt = min(endsAt, moment) }

    /// True once, when the soft lifetime has passed.
    mutating func takeSoft(at now: Moment) -> Bool {
        guard let soft = softAt, soft <= now else { return false }
        softAt = nil
        return true
    }
}
