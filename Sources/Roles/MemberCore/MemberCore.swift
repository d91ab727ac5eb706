import GroupModel
package import IKECrypto
package import IKEExchange
package import IKEVocabulary
import IKEWire
package import KeyMaterial

/// A group member: one IKE SA at a time to one of several frontends, and several groups (RFC 9838).
///
/// It registers, follows GSA_REKEY, hands SAs to its program, asks again when it must, and leaves. When a frontend does not
/// answer, or cannot for now, the next one is tried. Groups go on by multicast alone while no frontend can be reached.
package final class MemberCore {
    private var configuration: MemberConfiguration
    private let work: FollowerWork
    private var groups: [MemberGroup] = []
    private var connection = MemberConnection()
    private var listening: Set<Endpoint> = []
    private var early = EarlyDatagrams()
    private var isStarted = false
    private var stopsAt: Moment?
    package private(set) var isFinished = false

    package init(_ configuration: MemberConfiguration, engine: CryptoEngine, entropy: any EntropySource) {
        self.configuration = configuration
        work = FollowerWork(engine: engine, entropy: entropy)
    }

    /// The next moment at which `.timer` has something to do.
    package var deadline: Moment {
        guard !isFinished else { return .never }
        var next = min(connection.deadline(configuration.livenessAfter), stopsAt ?? .never)
        for group in groups {
            if !group.isGone { next = min(next, group.follower.deadline) }
            if connection.isFree {
                next = min(next, max(group.speaksAt, connection.retryAt))
            } else if connection.isUp {
                next = min(next, group.speaksAt)
            }
        }
        next = min(next, reportsAt)
        if wantsBareSA, connection.isFree { next = min(next, connection.retryAt) }
        return next
    }

    /// What we prove ourselves with in IKE SAs made from now on.
    package func useOwn(_ own: OwnCredentials) { configuration.ike.own = own }

    /// The key for IKE SAs made from now on.
    package func useSharedKey(_ key: HeldSecret?) { configuration.ike.sharedKey = key }

    /// Where IKE SAs made from now on are sent from, in the order of the frontends.
    package func sendFrom(_ locals: [Endpoint]) {
        for (index, local) in zip(configuration.frontends.indices, locals) {
            configuration.frontends[index].local = local
        }
    }

    package func handle(_ input: MemberInput, at now: Moment, wall: WallTime) -> [MemberEffect] {
        guard !isFinished else { return [] }
        switch input {
        case .start:
            guard !isStarted else { break }
            isStarted = true
            groups = configuration.memberships.prefix(MemberLimits.groups).map { MemberGroup($0, at: now) }
        case .datagram(let octets):
            takeOfSuccessor(connection.handleForSuccessor(octets, work, at: now, wall: wall), at: now)
            takeOfBesides(connection.handleForBesides(octets, work, at: now, wall: wall))
            take(connection.handle(octets, work, at: now, wall: wall), at: now)
        case .multicast(let octets, let source, let endpoint):
            receive(octets, from: source, at: endpoint, now)
        case .timer:
            takeOfSuccessor(connection.passSuccessorTime(at: now), at: now)
            takeOfBesides(connection.passBesidesTime(at: now))
            take(connection.passTime(configuration.livenessAfter, work, at: now), at: now)
        case .position(let spi, let number):
            for index in groups.indices { groups[index].follower.move(spi, to: number) }
        case .leave(let group):
            for index in groups.indices where groups[index].group == group { groups[index].leave(work) }
        case .stop:
            stopsAt = stopsAt ?? now + MemberLimits.stopTime
            for index in groups.indices { groups[index].leave(work) }
        }
        for index in groups.indices { groups[index].passTime(work, at: now) }
        early.forget(at: now)
        if let stopsAt { stop(by: stopsAt, at: now) }
        pursue(at: now)
        report(at: now, wall: wall)
        return collect()
    }

    // MARK: Multicast

    private func receive(_ octets: [UInt8], from source: Endpoint, at endpoint: Endpoint, _ now: Moment) {
        guard let header = (try? FramedMessage(decoding: octets))?.header, header.exchange == .gsaRekey else {
            work.event("multicast-malformed", .info, limitedBy: "\(source)", [("source", "\(source)")])
            return
        }
        let spi = header.rekeySPI
        if let index = groups.firstIndex(where: { $0.follower.holds(spi) }) {
            groups[index].follower.receive(octets, over: spi, from: source, work, at: now)
            receiveEarly(index, at: now)
            return
        }
        // It may belong to a registration whose answer is still on its way.
        early.keep(octets, spi, from: source, at: now)
        for index in groups.indices where groups[index].standing == .registered {
            guard groups[index].follower.listensAt.contains(endpoint) else { continue }
            groups[index].follower.meetUnknown(spi, work, at: now)
        }
    }

    /// What came before its Rekey SA was known; each may make another one known.
    private func receiveEarly(_ index: Int, at now: Moment) {
        while true {
            let kept = early.take { groups[index].follower.holds($0) }
            guard !kept.isEmpty else { return }
            for datagram in kept {
                groups[index].follower.receive(
                    datagram.octets, over: datagram.spi, from: datagram.source, work, at: now)
            }
        }
    }

    // MARK: The IKE SA

    /// Says what is to be said: over the IKE SA when there is one, else by making one.
    private func pursue(at now: Moment) {
        guard !isFinished else { return }
        if connection.isUp {
            for index in groups.indices {
                switch groups[index].takeRequest(at: now) {
                case .join: take(connection.join(groups[index].join, work, at: now), at: now)
                case .leave(let why): take(connection.leave(groups[index].group, why, work, at: now), at: now)
                case nil: continue
                }
            }
        } else if connection.isFree, connection.retryAt <= now {
            connect(at: now)
        }
    }

    private var wantsBareSA: Bool { configuration.holdsBareSA && isStarted && stopsAt == nil }

    private func connect(at now: Moment) {
        guard wantsBareSA || reportsAt <= now || groups.contains(where: { $0.speaksAt <= now }) else { return }
        // What was asked over an SA that is being closed is asked again.
        for index in groups.indices { groups[index].connectionEnded(work, at: now) }
        let speaking = groups.indices.filter { groups[$0].speaksAt <= now }
        var opening = OpeningExchange.ikeAuth
        // GSA_AUTH registers a group at once; a mere farewell needs an IKE SA only.
        for index in speaking where !configuration.isChildless {
            guard case .wanted = groups[index].standing else { continue }
            _ = groups[index].takeRequest(at: now)
            opening = .gsaAuth(groups[index].join)
            break
        }
        take(connection.connect(opening, configuration, work, at: now), at: now)
    }

    /// Works through what the IKE SA reports.
    private func take(_ effects: [InitiatorEffect], at now: Moment) {
        var wasReplaced = false
        for effect in effects {
            switch effect {
            case .send, .event, .keyLog: handOn(effect)
            case .established(let responder):
                connection.keysAreNew(configuration.ikeLifetime, work, at: now)
                connection.established()
                work.event("ike-sa-established", .notice, [("responder", "\(responder)")])
            case .candidate(let sa), .redundant(let sa): connection.keep(sa, at: now)
            case .succeeded(let heir):
                wasReplaced = true
                rekeyed(by: heir, at: now)
            case .rekeyRefused(let notify):
                connection.rekeyRefused(notify, work, at: now)
                work.event("ike-sa-not-rekeyed", .info, [("why", "\(notify)")])
            case .granted(let download): granted(download, at: now)
            case .refused(let group, let notify): refused(group, notify, at: now)
            case .left(let group): left(group)
            case .reported(let spi, let refusal):
                for index in groups.indices { groups[index].follower.reported(spi, refusal, work, at: now) }
            case .redirected(let gateway): redirected(to: gateway, at: now)
            case .closed(let closure):
                // Of an SA that was replaced, nobody needs to hear.
                if !wasReplaced { closed(closure, at: now) }
            }
        }
    }

    /// Groups, questions and whatever else hangs on the IKE SA go on over the new one.
    private func rekeyed(by heir: InitiatorSA, at now: Moment) {
        let effects = connection.succeed(by: heir, work, at: now)
        connection.keysAreNew(configuration.ikeLifetime, work, at: now)
        work.event("ike-sa-rekeyed", .info, [("frontend", frontendName)])
        take(effects, at: now)
    }

    /// SAs beside the present one only answer.
    private func takeOfBesides(_ effects: [InitiatorEffect]) { effects.forEach(handOn) }

    /// What concerns the program alone, whichever IKE SA it comes from.
    private func handOn(_ effect: InitiatorEffect) {
        switch effect {
        case .send(let datagrams, let path): work.effects.append(.send(datagrams, path))
        case .event(let event): work.effects.append(.event(event))
        case .keyLog(let record): work.effects.append(.keyLog(record))
        default: return
        }
    }

    private var frontendName: String { connection.frontend(of: configuration)?.remote.description ?? "none" }

    // MARK: Sequence reports

    /// One is under way at a time; without an IKE SA one is made for it.
    private var reportsAt: Moment {
        guard connection.takesReports, stopsAt == nil, !groups.contains(where: \.follower.isReporting) else {
            return .never
        }
        let due = groups.filter { !$0.isGone }.map(\.follower.reportsAt).min() ?? .never
        if connection.isFree { return due == .never ? .never : max(due, connection.retryAt) }
        return connection.isUp ? due : .never
    }

    private func report(at now: Moment, wall: WallTime) {
        guard connection.isUp, reportsAt <= now else { return }
        for index in groups.indices where !groups[index].isGone && groups[index].follower.reportsAt <= now {
            guard let report = groups[index].follower.takeReport(at: now) else { continue }
            return take(connection.report(report, work, wall: wall, at: now), at: now)
        }
    }

    // MARK: Sent to another frontend (RFC 5685)

    private func redirected(to gateway: RedirectGateway, at now: Moment) {
        let frontend = frontendName
        work.event("redirected", .notice, limitedBy: frontend, [("from", frontend), ("to", "\(gateway)")])
        // Counted while the member stops, too: a frontend that drains must not be asked again without end.
        guard connection.isUp else { return connection.follow(gateway, configuration, at: now) }
        guard stopsAt == nil else { return }
        if let effects = connection.move(to: gateway, configuration, work, at: now) {
            takeOfSuccessor(effects, at: now)
        }
    }

    /// Works through what the IKE SA reports that is to take the place of the present one.
    private func takeOfSuccessor(_ effects: [InitiatorEffect], at now: Moment) {
        for effect in effects {
            switch effect {
            case .send, .event, .keyLog: handOn(effect)
            case .established(let responder):
                let farewell = connection.succeed(work, at: now)
                connection.established()
                for index in groups.indices { groups[index].connectionMoved(at: now) }
                connection.keysAreNew(configuration.ikeLifetime, work, at: now)
                work.event("ike-sa-moved", .notice, [("responder", "\(responder)"), ("frontend", frontendName)])
                for case .send(let datagrams, let path) in farewell { work.effects.append(.send(datagrams, path)) }
            case .closed(let closure):
                connection.dropSuccessor()
                work.event("ike-sa-not-moved", .warning, [("why", "\(closure)")])
            case .granted, .refused, .left, .reported, .redirected, .candidate, .succeeded, .redundant, .rekeyRefused:
                continue
            }
        }
    }

    private func granted(_ download: GroupDownload, at now: Moment) {
        connection.served()
        guard let index = groups.firstIndex(where: { $0.group == download.group }),
            groups[index].granted(download, work, at: now)
        else { return }
        receiveEarly(index, at: now)
    }

    private func refused(_ group: Identity, _ notify: NotifyType, at now: Moment) {
        guard let index = groups.firstIndex(where: { $0.group == group }) else { return }
        let isTemporary = notify == .temporaryFailure
        work.event(
            groups[index].isLeaving ? "leave-refused" : "registration-refused", isTemporary ? .warning : .error,
            [("group", "\(group)"), ("why", "\(notify)")])
        groups[index].refused(notify, work, at: now)
        guard isTemporary, configuration.frontends.count > 1 else {
            connection.served()
            return
        }
        // This frontend does not reach the authority; another may.
        connection.preferNext()
        take(connection.close(work, at: now), at: now)
    }

    private func left(_ group: Identity) {
        connection.served()
        guard let index = groups.firstIndex(where: { $0.group == group }), groups[index].isLeaving else { return }
        groups[index].farewellDone()
        work.event("group-left", .notice, [("group", "\(group)")])
    }

    private func closed(_ closure: InitiatorClosure, at now: Moment) {
        let frontend = frontendName
        connection.ended(closure, configuration, work, at: now)
        for index in groups.indices { groups[index].connectionEnded(work, at: now) }
        work.event(
            "ike-sa-closed", closure == .finished ? .info : .warning, [("why", "\(closure)"), ("frontend", frontend)])
    }

    // MARK: The end

    /// Closes the IKE SA once every farewell was heard; after the time for it, ends all the same.
    private func stop(by limit: Moment, at now: Moment) {
        if limit > now {
            guard !groups.contains(where: \.isLeaving) else { return }
            take(connection.close(work, at: now), at: now)
            guard connection.isDown else { return }
        }
        isFinished = true
    }

    /// Multicast is joined before anything is installed, and left after everything was removed.
    private func collect() -> [MemberEffect] {
        var wanted: Set<Endpoint> = []
        for group in groups where !group.isGone { wanted.formUnion(group.follower.listensAt) }
        let joins = wanted.subtracting(listening).sorted { $0.description < $1.description }
        let leaves = listening.subtracting(wanted).sorted { $0.description < $1.description }
        listening = wanted
        let done = joins.map { MemberEffect.joinMulticast($0) } + work.effects + leaves.map { .leaveMulticast($0) }
        work.effects = []
        return isFinished ? done + [.finished] : done
    }
}
