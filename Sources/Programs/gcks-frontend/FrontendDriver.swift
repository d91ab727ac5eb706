import AuthorityRPC
import DatagramIO
import GroupModel
import IKEExchange
import IKEVocabulary
import NIOCore
import RegistrationCore
import Telemetry

/// Performs what RegistrationCore decides, on one event loop: datagrams in and out, batches to the authority, one timer.
///
/// Every mutable part is touched on `eventLoop` only; that is what makes it Sendable.
final class FrontendDriver: @unchecked Sendable {
    let eventLoop: any EventLoop
    let log: EventLog
    private let keyLog: KeyLog?
    let clocks = Clocks()
    var core: RegistrationCore?
    var client: RegistrationClient?
    private(set) var sockets: UnicastSockets?
    var meters = FrontendMeters()
    private var relay: UnicastSockets?
    private var ownSockets: OwnSockets?
    private var timer: (at: Moment, scheduled: Scheduled<Void>)?
    private var gathered: [RegistrationRequest] = []
    private var gathering: Scheduled<Void>?
    private(set) var authorityLosses: Int64 = 0
    private(set) var isAuthorityConnected = false
    /// What the link to the authority is like, in words.
    private(set) var linkText = "no authority yet"
    private(set) var isStopping = false

    init(on eventLoop: any EventLoop, log: EventLog, keyLog: KeyLog?) {
        self.eventLoop = eventLoop
        self.log = log
        self.keyLog = keyLog
    }

    func begin(_ core: RegistrationCore, _ client: RegistrationClient) {
        self.core = core
        self.client = client
        core.authority(isReachable: false, at: clocks.monotonic())
    }

    func serve(_ sockets: UnicastSockets) {
        self.sockets = sockets
        arm()
    }

    /// On the event loop: where other frontends hand on what is ours.
    func serve(relay: UnicastSockets?, _ own: OwnSockets) { (self.relay, ownSockets) = (relay, own) }

    /// On the event loop: what came from other frontends.
    func receiveRelayed(_ batch: [ReceivedDatagram]) {
        guard let core else { return }
        let now = clocks.monotonic()
        let wall = clocks.wall()
        var requests: [RegistrationRequest] = []
        for datagram in batch {
            perform(core.handleRelayed(datagram.octets, from: datagram.remote, at: now, wall: wall), &requests)
        }
        finish(requests)
    }

    /// From any thread: the leader says what the fleet is.
    func learn(_ update: FleetUpdate) {
        eventLoop.execute { [self] in
            core?.learn(update, at: clocks.monotonic(), wall: clocks.wall())
            log.record(
                Event(
                    "fleet-learned", .info,
                    [
                        ("number", "\(update.number)"), ("others", "\(update.peers.count)"),
                        ("draining", update.drain == nil ? "no" : "yes"),
                    ]))
            arm()
        }
    }

    /// On the event loop.
    func receive(_ batch: [ReceivedDatagram]) {
        guard let core else { return }
        let now = clocks.monotonic()
        let wall = clocks.wall()
        var requests: [RegistrationRequest] = []
        for datagram in batch {
            let path = DatagramPath(
                local: datagram.local, remote: datagram.remote, isEncapsulated: datagram.isEncapsulated)
            perform(core.handle(datagram.octets, path, at: now, wall: wall), &requests)
        }
        finish(requests)
    }

    /// From any thread.
    func answer(_ answers: [RegistrationAnswer]) {
        eventLoop.execute { [self] in
            guard let core else { return }
            var requests: [RegistrationRequest] = []
            meters.hears(answers, at: clocks.monotonic())
            perform(core.handle(answers, at: clocks.monotonic()), &requests)
            finish(requests)
            submit()
        }
    }

    /// From any thread: these members were taken out.
    func dismiss(_ members: [Identity]) {
        eventLoop.execute { [self] in
            guard let core else { return }
            var requests: [RegistrationRequest] = []
            perform(core.dismiss(members, at: clocks.monotonic()), &requests)
            finish(requests)
        }
    }

    /// From any thread: the authority came or went. IKE SAs stay either way.
    func authorityLink(_ state: LinkState) {
        eventLoop.execute { [self] in
            switch state {
            case .connected(let name):
                isAuthorityConnected = true
                core?.authority(isReachable: true, at: clocks.monotonic())
                log.record(Event("authority-connected", .notice, [("authority", name)]))
                linkText = "connected to \(name)"
            case .lost(let reason):
                if isAuthorityConnected { authorityLosses += 1 }
                isAuthorityConnected = false
                core?.authority(isReachable: false, at: clocks.monotonic())
                log.record(Event("authority-lost", .warning, limitedBy: "authority", [("why", reason)]))
                linkText = "no authority: \(reason)"
            }
        }
    }

    /// From any thread.
    func heartbeat() {
        eventLoop.execute { [self] in
            guard let core, let client else { return }
            var counters = core.statusCounters
            counters["authority-losses"] = authorityLosses
            counters["datagrams-unsent"] = Int64((sockets?.dropped ?? 0) + (relay?.dropped ?? 0))
            client.heartbeat(counters)
        }
    }

    /// Tells members that their SAs end, as many as a second allows, and closes the sockets.
    func stop() async {
        let told = eventLoop.makePromise(of: Void.self)
        eventLoop.execute { [self] in
            isStopping = true
            sockets?.pause()
            farewell(until: clocks.monotonic() + .seconds(1), told)
        }
        try? await told.futureResult.get()
        await sockets?.close()
        await relay?.close()
    }

    /// A few at a time, so that the sockets come to send what is written.
    private func farewell(until limit: Moment, _ told: EventLoopPromise<Void>) {
        let now = clocks.monotonic()
        let effects = core?.farewell(atMost: 256, at: now) ?? []
        var requests: [RegistrationRequest] = []
        perform(effects, &requests)
        guard !effects.isEmpty, now < limit else { return told.succeed() }
        eventLoop.execute { [self] in farewell(until: limit, told) }
    }

    private func perform(_ effects: [RegistrationEffect], _ requests: inout [RegistrationRequest]) {
        for effect in effects {
            switch effect {
            case .send(let datagrams, let path):
                meters.sends(datagrams)
                let local = path.via == nil ? path.local : ownSockets?.nearest(to: path) ?? path.local
                sockets?.send(datagrams, from: local, to: path.remote)
            case .relay(let datagram, let endpoint):
                if let from = relay?.endpoints.first { relay?.send([datagram], from: from, to: endpoint) }
            case .ask(let request):
                meters.asks(request, at: clocks.monotonic())
                requests.append(request)
            case .event(let event): log.record(event)
            case .report(let failed): client?.report(failed)
            case .keyLog(let keys):
                keyLog?.ike(
                    spiI: keys.spiI, spiR: keys.spiR, suite: keys.suite, skEi: keys.skEi, skEr: keys.skEr,
                    skAi: keys.skAi, skAr: keys.skAr)
            }
        }
    }

    private func finish(_ requests: [RegistrationRequest]) {
        if !requests.isEmpty { gather(requests) }
        arm()
    }

    /// While the authority works on earlier requests, new ones wait for each other: it commits in batches and would not look
    /// at them sooner, and a message costs more than what it carries.
    private func gather(_ requests: [RegistrationRequest]) {
        gathered += requests
        guard client?.outstandingCount != 0 else { return submit() }
        guard gathering == nil else { return }
        gathering = eventLoop.scheduleTask(in: DriverLimits.gathering) { [self] in submit() }
    }

    private func submit() {
        gathering?.cancel()
        gathering = nil
        guard !gathered.isEmpty else { return }
        client?.submit(gathered)
        gathered = []
    }

    private func arm() {
        guard let core, let deadline = core.nextDeadline else { return }
        let now = clocks.monotonic()
        // Deadlines are seconds away, and many: those that come close together are seen to in one go.
        let due = max(deadline, now + DriverLimits.tick)
        if let timer, timer.at <= due { return }
        timer?.scheduled.cancel()
        let wait = due.since(now)
        let nanoseconds = wait.components.seconds * 1_000_000_000 + wait.components.attoseconds / 1_000_000_000
        let scheduled = eventLoop.scheduleTask(in: .nanoseconds(nanoseconds)) { [self] in
            timer = nil
            var requests: [RegistrationRequest] = []
            if let core = self.core { perform(core.tick(at: clocks.monotonic()), &requests) }
            finish(requests)
        }
        timer = (due, scheduled)
    }
}

private enum DriverLimits {
    static let gathering = TimeAmount.milliseconds(5)
    static let tick = Duration.milliseconds(50)
}
