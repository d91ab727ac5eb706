import DatagramIO
import IKECrypto
import IKEExchange
import IKEVocabulary
import KeyMaterial
import NIOCore
import NIOPosix

/// Opens SAs for members one after the other, at most `outstanding` at once, on one event loop.
///
/// An SA that stands is let go here and stays up at the responder. Every mutable part is touched on `eventLoop` only; that is
/// what makes it Sendable.
final class LoadDriver: @unchecked Sendable {
    private let eventLoop: any EventLoop
    private let plan: LoadPlan
    private let members: LoadMembers
    private let trust: LoadTrust
    private let engine = CryptoEngine()
    private var entropy = SystemEntropy()
    private var sockets: UnicastSockets?
    private var timers: [RepeatedTask] = []

    private var waiting = 0..<0
    /// By the initiator's SPI, the first octets of every message.
    private var running: [ArraySlice<UInt8>: Attempt] = [:]
    private var load = Load()
    private var began = NIODeadline.now()
    private var finished: EventLoopPromise<Load>?

    /// A member on its way to its SA.
    private final class Attempt {
        let number: Int
        let sa: InitiatorSA
        let local: Endpoint
        let remote: Endpoint
        let began = NIODeadline.now()
        let beganAt = LoadDriver.wallSeconds
        var spi: ArraySlice<UInt8> = []

        init(_ number: Int, _ sa: InitiatorSA, local: Endpoint, remote: Endpoint) {
            self.number = number
            self.sa = sa
            self.local = local
            self.remote = remote
        }
    }

    /// How often what was not answered is looked for.
    private static let tick = TimeAmount.milliseconds(50)

    private init(_ eventLoop: any EventLoop, _ plan: LoadPlan, _ members: LoadMembers) throws {
        self.eventLoop = eventLoop
        self.plan = plan
        self.members = members
        trust = try LoadTrust(members)
    }

    static func start(_ plan: LoadPlan, _ members: LoadMembers) async throws -> LoadDriver {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let driver = try LoadDriver(eventLoop, plan, members)
        let bindings = plan.sources.map { UnicastSockets.Binding(local: Endpoint($0, port: 0), isEncapsulated: false) }
        let sockets = try await UnicastSockets.bind(bindings, on: eventLoop) { driver.receive($0) }
        eventLoop.execute {
            driver.sockets = sockets
            driver.timers.append(
                eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in driver.sendAgain() })
            guard let pace = plan.pace else { return }
            driver.timers.append(
                eventLoop.scheduleRepeatedTask(initialDelay: pace, delay: pace) { _ in driver.beginOne() })
        }
        return driver
    }

    func stop() async {
        eventLoop.execute { for timer in self.timers { timer.cancel() } }
        await sockets?.close()
    }

    /// Returns when each of these members has its SA or was refused one.
    func run(members numbers: Range<Int>) async -> Load {
        let promise = eventLoop.makePromise(of: Load.self)
        eventLoop.execute { [self] in
            (waiting, load, began, finished) = (numbers, Load(), .now(), promise)
            fill()
        }
        return (try? await promise.futureResult.get()) ?? Load()
    }

    private func fill() {
        if plan.pace == nil {
            while running.count < plan.outstanding, let number = waiting.popFirst() { begin(number) }
        }
        guard running.isEmpty, waiting.isEmpty, let finished else { return }
        self.finished = nil
        load.seconds = Double((NIODeadline.now() - began).nanoseconds) / 1e9
        finished.succeed(load)
    }

    private func beginOne() {
        if running.count < plan.outstanding, let number = waiting.popFirst() { begin(number) }
        fill()
    }

    private func begin(_ number: Int) {
        guard let sockets else { return }
        let remote = plan.remotes[number % plan.remotes.count]
        let local = sockets.endpoints[number % sockets.endpoints.count]
        let configuration = InitiatorConfiguration(
            own: members.credentials[number], sharedKey: members.sharedKey, trust: trust, expectedResponder: nil,
            policy: plan.policy)
        let sa = InitiatorSA(configuration: configuration, opening: plan.opening, local: local, remote: remote)
        let attempt = Attempt(number, sa, local: local, remote: remote)
        let effects = sa.start(at: Self.now, engine: engine, entropy: &entropy)
        if case .send(let datagrams, _)? = effects.first, let request = datagrams.first {
            attempt.spi = request.prefix(Self.spiOctets)
            running[attempt.spi] = attempt
        }
        perform(effects, of: attempt)
    }

    private func receive(_ batch: [ReceivedDatagram]) {
        for datagram in batch {
            guard let attempt = running[datagram.octets.prefix(Self.spiOctets)] else { continue }
            let effects = attempt.sa.handle(
                datagram.octets, at: Self.now, wall: Self.wall, engine: engine, entropy: &entropy)
            perform(effects, of: attempt)
        }
        fill()
    }

    private func sendAgain() {
        for attempt in running.values {
            let effects = attempt.sa.tick(at: Self.now)
            if case .send? = effects.first { load.retransmissions += 1 }
            perform(effects, of: attempt)
        }
        fill()
    }

    private func perform(_ effects: [InitiatorEffect], of attempt: Attempt) {
        for effect in effects {
            switch effect {
            case .send(let datagrams, let path): sockets?.send(datagrams, from: attempt.local, to: path.remote)
            case .established: if case .ikeAuth = plan.opening { settle(attempt, nil) }
            case .granted: settle(attempt, nil)
            case .refused(_, let notify): settle(attempt, "\(notify)")
            case .closed(let closure): settle(attempt, "\(closure)")
            case .left, .reported, .redirected, .event, .keyLog, .candidate, .succeeded, .redundant, .rekeyRefused:
                continue
            }
        }
    }

    private func settle(_ attempt: Attempt, _ failure: String?) {
        guard running.removeValue(forKey: attempt.spi) != nil else { return }
        if let failure {
            load.failures[failure, default: 0] += 1
        } else {
            load.established += 1
            load.milliseconds.append(Double((NIODeadline.now() - attempt.began).nanoseconds) / 1e6)
        }
        plan.onSettled?(
            SettledMember(
                member: attempt.number, frontend: attempt.remote.description, began: attempt.beganAt,
                ended: Self.wallSeconds, failure: failure))
    }

    private static let spiOctets = 8
    private static var now: Moment { Moment(nanoseconds: NIODeadline.now().uptimeNanoseconds) }
    private static var wall: WallTime { WallTime(milliseconds: Int64(wallSeconds) * 1000) }
    private static var wallSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
