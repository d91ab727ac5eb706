import AuthorityCore
import AuthorityRPC
import GroupModel
import IKEVocabulary
import Telemetry

extension AuthorityDriver {
    func openRegistrationDesk(
        _ peer: PeerIdentity, _ announcement: FrontendAnnouncement?
    ) throws(StreamRefusal) -> RegistrationDesk {
        guard let core else { throw .notLeader(leaderName) }
        let number = takeNumber()
        let (stream, output) = AsyncStream.makeStream(of: SessionOutput<RegistrationOutput>.self)
        frontends[number] = ConnectedPeer(
            identity: peer, output: output, since: clocks.wall(), heardAt: clocks.monotonic())
        log.record(Event("frontend-connected", .info, [("frontend", peer.name)]))
        fleet.announcements[number] = announcement
        enqueue([.frontend(peer.name)])
        // A dismissal may have been lost with the leader before, or have happened while this frontend was away.
        let outsiders = core.outsiders
        if !outsiders.isEmpty { output.yield(.items([.dismiss(outsiders)])) }
        return RegistrationDesk(number: number, driver: self, outputs: stream)
    }

    func submit(_ requests: [RegistrationRequest], session: Int) {
        guard frontends[session] != nil else { return }
        frontends[session]?.heardAt = clocks.monotonic()
        enqueue(requests.lazy.map { .registration($0, session: session) })
    }

    func heartbeat(_ counters: [String: Int64], frontendSession: Int) {
        frontends[frontendSession]?.counters = counters
        frontends[frontendSession]?.heardAt = clocks.monotonic()
    }

    func report(_ failures: [FailedAuthentication], session: Int) {
        guard let frontend = frontends[session]?.identity.name else { return }
        core?.note(failures, from: frontend, at: clocks.wall())
    }

    func closeRegistration(_ number: Int) {
        guard let peer = frontends.removeValue(forKey: number) else { return }
        remember(peer.status(isConnected: false), "frontend")
        fleet.announcements[number] = nil
        enqueue([.frontend(peer.identity.name)])
        log.record(Event("frontend-disconnected", .notice, [("frontend", peer.identity.name)]))
    }

    // MARK: Broadcasters

    func openBroadcastDesk(_ peer: PeerIdentity) throws(StreamRefusal) -> BroadcastDesk {
        guard core != nil else { throw .notLeader(leaderName) }
        let number = takeNumber()
        let (stream, output) = AsyncStream.makeStream(of: SessionOutput<BroadcastOutput>.self)
        broadcasters[number] = ConnectedPeer(
            identity: peer, output: output, since: clocks.wall(), heardAt: clocks.monotonic())
        log.record(Event("broadcaster-connected", .info, [("broadcaster", peer.name)]))
        assignWaiting()
        return BroadcastDesk(number: number, driver: self, orders: stream)
    }

    func acknowledge(_ numbers: [Int64], session: Int) {
        guard broadcasters[session] != nil else { return }
        broadcasters[session]?.heardAt = clocks.monotonic()
        for number in numbers {
            assignments.acknowledge(number, by: session)
            offered[number] = nil
        }
        enqueue([.broadcast(numbers)])
    }

    func heartbeat(_ counters: [String: Int64], broadcasterSession: Int) {
        broadcasters[broadcasterSession]?.counters = counters
        broadcasters[broadcasterSession]?.heardAt = clocks.monotonic()
    }

    /// What it had not finished goes to another: the octets are the same, so a second copy does no harm.
    func closeBroadcast(_ number: Int) {
        guard let peer = broadcasters.removeValue(forKey: number) else { return }
        remember(peer.status(isConnected: false), "broadcaster")
        log.record(Event("broadcaster-disconnected", .notice, [("broadcaster", peer.identity.name)]))
        assignments.forget(session: number)
        assignWaiting()
    }

    /// Bounded: over a Unix socket peers choose their own names.
    func remember(_ status: LinkStatus, _ kind: String) {
        if gone.count >= DriverLimits.gone, let oldest = gone.min(by: { $0.value.since < $1.value.since })?.key {
            gone.removeValue(forKey: oldest)
        }
        gone["\(kind)/\(status.name)"] = status
    }

    func takeNumber() -> Int {
        defer { nextNumber += 1 }
        return nextNumber
    }
}
