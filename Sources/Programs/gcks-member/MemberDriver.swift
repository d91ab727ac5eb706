import DatagramIO
import GroupModel
import IKEExchange
import IKEVocabulary
import KeyMaterial
import MemberCore
import NIOCore
import SASinks
import Telemetry

/// Performs what MemberCore decides, on one event loop. Every mutable part is touched there only.
final class MemberDriver: @unchecked Sendable {
    let eventLoop: any EventLoop
    private let interface: String?
    private let sinks: SinkQueue
    private let log: EventLog
    private let keyLog: KeyLog?
    private let clocks = Clocks()
    private var core: MemberCore?
    private(set) var meters: MemberMeters
    private var sockets: MemberSockets?
    private var frontends: [Endpoint] = []
    private var routesKnownUntil = Moment(nanoseconds: 0)
    private lazy var multicast = makeSubscriptions()
    private var timer: (at: Moment, scheduled: Scheduled<Void>)?
    private var finished: [EventLoopPromise<Void>] = []

    init(
        on eventLoop: any EventLoop, interface: String?, groups: [Identity], sinks: SinkQueue, log: EventLog,
        keyLog: KeyLog?
    ) {
        self.eventLoop = eventLoop
        meters = MemberMeters(groups: groups)
        self.interface = interface
        self.sinks = sinks
        self.log = log
        self.keyLog = keyLog
    }

    func begin(_ core: MemberCore, _ sockets: MemberSockets, frontends: [Endpoint]) {
        self.core = core
        self.sockets = sockets
        self.frontends = frontends
        handle(.start)
    }

    /// Reads where the data plane is, as long as the member lives.
    func watch(_ files: [SequenceFile]) -> RepeatedTask {
        eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [self] _ in
            for file in files {
                for (spi, next) in file.positions() { handle(.position(spi, next: next)) }
            }
        }
    }

    func receive(_ batch: [ReceivedDatagram]) {
        for datagram in batch { handle(.datagram(datagram.octets)) }
    }

    /// On the event loop: what IKE SAs made from now on prove themselves with.
    func useSharedKey(_ key: HeldSecret?) { core?.useSharedKey(key) }

    /// On the event loop: other credentials for IKE SAs made from now on.
    func use(_ own: OwnCredentials, _ key: HeldSecret?) {
        core?.useOwn(own)
        core?.useSharedKey(key)
    }

    /// Returns when every group was left, or when the core gave up waiting for it.
    func leave() async {
        let promise = eventLoop.makePromise(of: Void.self)
        eventLoop.execute { [self] in
            finished.append(promise)
            handle(.stop)
            if core?.isFinished ?? true { finish() }
        }
        try? await promise.futureResult.get()
    }

    func stop() async {
        let open = try? await eventLoop.submit { [self] in
            core = nil
            timer?.scheduled.cancel()
            return multicast.dropAll()
        }.get()
        for group in open ?? [] { await group.leave() }
        await sinks.drain()
    }

    private func handle(_ input: MemberInput) {
        guard let core else { return }
        let now = clocks.monotonic()
        followRoutes(core, at: now)
        for effect in core.handle(input, at: now, wall: clocks.wall()) { perform(effect) }
        arm()
    }

    /// The next IKE SA tells the frontend where it is sent from; any input may open one.
    private func followRoutes(_ core: MemberCore, at now: Moment) {
        guard let sockets, sockets.followsRoutes, routesKnownUntil <= now else { return }
        core.sendFrom(frontends.map { sockets.local(to: $0) })
        routesKnownUntil = now + .seconds(1)
    }

    private func perform(_ effect: MemberEffect) {
        switch effect {
        case .send(let datagrams, let path): sockets?.send(datagrams, over: path)
        case .joinMulticast(let endpoint): multicast.want(endpoint)
        case .leaveMulticast(let endpoint): multicast.drop(endpoint)
        case .install(let sa):
            meters.installed(sa.reference)
            tellKeys(of: sa)
            sinks.add(.install(sa))
        case .activate(let sa, let old): sinks.add(.activate(sa, replacing: old))
        case .sendAs(let senderIDs, let sa): sinks.add(.sendAs(senderIDs, sa))
        case .stopSending(let sa):
            log.record(Event("sa-without-successor", .warning, [("sa", sa.description)]))
            sinks.add(.stop(sa))
        case .remove(let sa):
            meters.removed(sa)
            sinks.add(.remove(sa))
        case .event(let event):
            meters.note(event)
            log.record(event)
        case .keyLog(let keys):
            keyLog?.ike(
                spiI: keys.spiI, spiR: keys.spiR, suite: keys.suite, skEi: keys.skEi, skEr: keys.skEr, skAi: keys.skAi,
                skAr: keys.skAr)
        case .finished: finish()
        }
    }

    private func finish() {
        for promise in finished { promise.succeed() }
        finished = []
    }

    private func tellKeys(of sa: InstalledGroupSA) {
        guard let keyLog else { return }
        switch sa.content {
        case .rekey(let keyed): keyLog.rekeySA(keyed)
        case .data(let keyed, _): keyLog.dataSA(keyed)
        }
    }

    private func makeSubscriptions() -> MulticastSubscriptions {
        let (loop, device, log) = (eventLoop, interface, log)
        return MulticastSubscriptions(on: loop, record: { log.record($0) }) { [self] endpoint in
            try await MulticastReceiver.join(endpoint, interface: device, on: loop, onEvent: { log.record($0) }) {
                batch in
                for datagram in batch {
                    self.handle(.multicast(datagram.octets, from: datagram.remote, to: datagram.local))
                }
            }
        }
    }

    private func arm() {
        guard let core else { return }
        let deadline = core.deadline
        guard deadline != .never else { return }
        if let timer, timer.at <= deadline { return }
        timer?.scheduled.cancel()
        let wait = deadline.since(clocks.monotonic())
        let nanoseconds = wait.components.seconds * 1_000_000_000 + wait.components.attoseconds / 1_000_000_000
        let scheduled = eventLoop.scheduleTask(in: .nanoseconds(nanoseconds)) { [self] in
            timer = nil
            handle(.timer)
        }
        timer = (deadline, scheduled)
    }
}
