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
    private let eventLoop: any EventLoop
    private let interface: String?
    private let sinks: SinkQueue
    private let log: EventLog
    private let keyLog: KeyLog?
    private let clocks = Clocks()
    private var core: MemberCore?
    private var sockets: UnicastSockets?
    private var receivers: [Endpoint: MulticastReceiver] = [:]
    private var wanted: Set<Endpoint> = []
    private var timer: (at: Moment, scheduled: Scheduled<Void>)?
    private var finished: [EventLoopPromise<Void>] = []

    init(on eventLoop: any EventLoop, interface: String?, sinks: SinkQueue, log: EventLog, keyLog: KeyLog?) {
        self.eventLoop = eventLoop
        self.interface = interface
        self.sinks = sinks
        self.log = log
        self.keyLog = keyLog
    }

    func begin(_ core: MemberCore, _ sockets: UnicastSockets) {
        self.core = core
        self.sockets = sockets
        handle(.start)
    }

    func receive(_ batch: [ReceivedDatagram]) {
        for datagram in batch { handle(.datagram(datagram.octets)) }
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
            return Array(receivers.values)
        }.get()
        for receiver in open ?? [] { await receiver.leave() }
        await sinks.drain()
    }

    private func handle(_ input: MemberInput) {
        guard let core else { return }
        for effect in core.handle(input, at: clocks.monotonic(), wall: clocks.wall()) { perform(effect) }
        arm()
    }

    private func perform(_ effect: MemberEffect) {
        switch effect {
        case .send(let datagrams, let path):
            guard let sockets else { return }
            let local = path.isEncapsulated ? sockets.endpoints[1] : sockets.endpoints[0]
            sockets.send(datagrams, from: local, to: path.remote)
        case .joinMulticast(let endpoint): join(endpoint)
        case .leaveMulticast(let endpoint):
            wanted.remove(endpoint)
            if let receiver = receivers.removeValue(forKey: endpoint) { Task { await receiver.leave() } }
        case .install(let sa):
            tellKeys(of: sa)
            sinks.add(.install(sa))
        case .activate(let sa, let old): sinks.add(.activate(sa, replacing: old))
        case .stopSending(let sa):
            log.record(Event("sa-without-successor", .warning, [("sa", sa.description)]))
        case .remove(let sa): sinks.add(.remove(sa))
        case .event(let event): log.record(event)
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
        case .data(let keyed, _):
            keyLog.esp(
                spi: keyed.policy.spi, destination: keyed.policy.destination.first, suite: keyed.policy.suite,
                key: keyed.key)
        }
    }

    private func join(_ endpoint: Endpoint) {
        guard wanted.insert(endpoint).inserted else { return }
        let (loop, device) = (eventLoop, interface)
        Task { [self] in
            do {
                let receiver = try await MulticastReceiver.join(endpoint, interface: device, on: loop) { batch in
                    for datagram in batch {
                        self.handle(.multicast(datagram.octets, from: datagram.remote, to: datagram.local))
                    }
                }
                loop.execute { self.receivers[endpoint] = receiver }
            } catch {
                log.record(
                    Event("multicast-failed", .error, [("group", endpoint.description), ("why", "\(error)")]))
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

extension KeyLog {
    /// A Rekey SA's KEYMAT begins with GSK_e, then GSK_a.
    fileprivate func rekeySA(_ sa: KeyedRekeySA) {
        let suite = sa.policy.suite
        let encryption = HeldSecret(sa.keymat.secret.slice(0..<suite.encryptionKeyOctets))
        let end = suite.encryptionKeyOctets + suite.integrityKeyOctets
        let integrity = HeldSecret(sa.keymat.secret.slice(suite.encryptionKeyOctets..<end))
        rekeySA(spi: sa.policy.spi, suite: suite, gskE: encryption, gskA: integrity)
    }
}
