import DatagramIO
import IKECrypto
import IKEExchange
import IKEVocabulary
import KeyMaterial
import NIOCore
import NIOPosix

/// Keeps members up on one event loop, behind a NAT or not. Every mutable part is touched there only; that is what makes it
/// Sendable.
final class HoldDriver: @unchecked Sendable {
    private let eventLoop: any EventLoop
    private let plan: LoadPlan
    private let members: LoadMembers
    private let natTraversalPort: UInt16
    private let liveness: TimeAmount
    private let trust: LoadTrust
    private let engine = CryptoEngine()
    private var entropy = SystemEntropy()
    private var sockets: UnicastSockets?
    private var timer: RepeatedTask?

    private var waiting = 0..<0
    /// By the initiator's SPI, the first octets of every message.
    private var held: [ArraySlice<UInt8>: Member] = [:]
    private var underWay = 0
    private var isEnding = false
    private var figures = HoldFigures()
    private var settled: EventLoopPromise<Void>?

    private final class Member {
        let sa: InitiatorSA
        /// Its sockets: for plain IKE, and for IKE behind the non-ESP marker.
        let plain: Endpoint
        let encapsulated: Endpoint
        var isRegistered = false
        var isAsking = false
        var asksAt = NIODeadline.distantFuture

        init(_ sa: InitiatorSA, plain: Endpoint, encapsulated: Endpoint) {
            self.sa = sa
            self.plain = plain
            self.encapsulated = encapsulated
        }
    }

    private static let tick = TimeAmount.milliseconds(50)
    private static let spiOctets = 8

    private init(
        _ eventLoop: any EventLoop, _ plan: LoadPlan, _ members: LoadMembers, natTraversalPort: UInt16,
        liveness: TimeAmount
    ) throws {
        self.eventLoop = eventLoop
        self.plan = plan
        self.members = members
        self.natTraversalPort = natTraversalPort
        self.liveness = liveness
        trust = try LoadTrust(members)
    }

    static func start(
        _ plan: LoadPlan, _ members: LoadMembers, natTraversalPort: UInt16, liveness: Duration
    ) async throws -> HoldDriver {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let driver = try HoldDriver(
            eventLoop, plan, members, natTraversalPort: natTraversalPort, liveness: TimeAmount(liveness))
        let bindings = plan.sources.flatMap { source in
            [false, true].map { UnicastSockets.Binding(local: Endpoint(source, port: 0), isEncapsulated: $0) }
        }
        let sockets = try await UnicastSockets.bind(bindings, on: eventLoop) { driver.receive($0) }
        eventLoop.execute {
            driver.sockets = sockets
            driver.timer = eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in driver.passTime() }
        }
        return driver
    }

    /// Returns when each of these members is registered or failed.
    func register(_ numbers: Range<Int>) async {
        let promise = eventLoop.makePromise(of: Void.self)
        eventLoop.execute { [self] in
            (waiting, settled) = (numbers, promise)
            fill()
        }
        try? await promise.futureResult.get()
    }

    /// Says Delete for every member, and returns when all were answered, or after a while.
    func leave() async {
        eventLoop.execute { [self] in
            isEnding = true
            figures.asked -= held.values.count { $0.isAsking }
            for member in held.values where member.isRegistered {
                member.isAsking = false
                perform(member.sa.close(at: Self.now, engine: engine, entropy: &entropy), of: member)
            }
        }
        for _ in 0..<100 {
            try? await Task.sleep(for: .milliseconds(100))
            if (try? await eventLoop.submit({ self.held.values.allSatisfy(\.sa.isClosed) }).get()) != false { return }
        }
    }

    /// What became of them; their SAs stay up at the responder.
    func stop() async -> HoldFigures {
        let figures = try? await eventLoop.submit { [self] in
            timer?.cancel()
            // A question that is under way is none yet.
            if !isEnding { self.figures.asked -= held.values.count { $0.isAsking } }
            isEnding = true
            return self.figures
        }.get()
        await sockets?.close()
        return figures ?? HoldFigures()
    }

    private func fill() {
        while underWay < plan.outstanding, let number = waiting.popFirst() { begin(number) }
        guard underWay == 0, waiting.isEmpty, let settled else { return }
        self.settled = nil
        settled.succeed()
    }

    private func begin(_ number: Int) {
        guard let sockets else { return }
        let place = number % plan.sources.count * 2
        var configuration = InitiatorConfiguration(
            own: members.credentials[number], sharedKey: members.sharedKey, trust: trust, expectedResponder: nil,
            policy: plan.policy)
        configuration.natTraversalPort = natTraversalPort
        let plain = sockets.endpoints[place]
        let sa = InitiatorSA(
            configuration: configuration, opening: plan.opening, local: plain,
            remote: plan.remotes[number % plan.remotes.count])
        let member = Member(sa, plain: plain, encapsulated: sockets.endpoints[place + 1])
        let effects = sa.start(at: Self.now, engine: engine, entropy: &entropy)
        if case .send(let datagrams, _)? = effects.first, let request = datagrams.first {
            held[request.prefix(Self.spiOctets)] = member
            underWay += 1
        }
        perform(effects, of: member)
    }

    private func receive(_ batch: [ReceivedDatagram]) {
        for datagram in batch {
            guard let member = held[datagram.octets.prefix(Self.spiOctets)] else { continue }
            let effects = member.sa.handle(
                datagram.octets, at: Self.now, wall: Self.wall, engine: engine, entropy: &entropy)
            if member.isAsking, member.sa.nextDeadline == nil {
                (member.isAsking, member.asksAt) = (false, .now() + liveness)
                figures.answered += 1
            } else if member.isRegistered, case .send? = effects.first {
                figures.shown += 1
            }
            perform(effects, of: member)
        }
        fill()
    }

    private func passTime() {
        for member in held.values {
            let again = member.sa.tick(at: Self.now)
            if case .send? = again.first { figures.retransmissions += 1 }
            perform(again, of: member)
            guard member.isRegistered, !member.isAsking, !isEnding, member.asksAt <= .now() else { continue }
            let question = member.sa.checkLiveness(at: Self.now, engine: engine, entropy: &entropy)
            guard !question.isEmpty else { continue }
            member.isAsking = true
            figures.asked += 1
            perform(question, of: member)
        }
        fill()
    }

    private func perform(_ effects: [InitiatorEffect], of member: Member) {
        for effect in effects {
            switch effect {
            case .send(let datagrams, let path):
                let local = path.isEncapsulated ? member.encapsulated : member.plain
                sockets?.send(datagrams, from: local, to: path.remote)
            case .granted:
                guard !member.isRegistered else { continue }
                (member.isRegistered, member.asksAt) = (true, .now() + liveness)
                figures.registered += 1
                underWay -= 1
            case .refused(_, let notify): fail(member, "\(notify)")
            case .closed(.finished) where isEnding: figures.left += 1
            case .closed(let closure): fail(member, "\(closure)")
            case .established, .left, .reported, .redirected, .event, .keyLog, .candidate, .succeeded, .redundant,
                .rekeyRefused:
                continue
            }
        }
    }

    private func fail(_ member: Member, _ why: String) {
        guard !isEnding, let spi = held.first(where: { $0.value === member })?.key else { return }
        held.removeValue(forKey: spi)
        figures.reasons[why, default: 0] += 1
        if member.isRegistered {
            figures.lost += 1
        } else {
            figures.failures += 1
            underWay -= 1
        }
    }

    private static var now: Moment { Moment(nanoseconds: NIODeadline.now().uptimeNanoseconds) }
    private static var wall: WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: Int64(time.tv_sec) * 1000)
    }
}
