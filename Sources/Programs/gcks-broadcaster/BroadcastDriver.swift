import AuthorityRPC
import BroadcastCore
import DatagramIO
import GroupModel
import IKEVocabulary
import Telemetry

/// Performs what BroadcastCore decides: copies on the wire when they are due, an acknowledgement when the last is out, and word
/// to the authority when they do not leave, so that another broadcaster sends them.
actor BroadcastDriver {
    private let client: BroadcastClient
    private let senders: [(isIPv4: Bool, sender: MulticastSender)]
    private let log: EventLog
    private let clocks = Clocks()
    private(set) var core = BroadcastCore()
    private var wake: CheckedContinuation<Void, Never>?
    private(set) var messages: Int64 = 0
    private(set) var datagrams: Int64 = 0
    private(set) var failedCopies: Int64 = 0
    private(set) var handedBack: Int64 = 0
    private(set) var commitToWire = LabelledHistogram()
    /// The leader our stream is with.
    private(set) var authority: String?
    private var pulse = ServicePulse()

    init(client: BroadcastClient, senders: [(Bool, MulticastSender)], log: EventLog) {
        self.client = client
        self.senders = senders.map { (isIPv4: $0.0, sender: $0.1) }
        self.log = log
    }

    /// Takes orders as they come, and gives up those that another broadcaster has now.
    func run() async {
        for await handed in client.orders {
            let now = clocks.monotonic()
            switch handed {
            case .orders(let orders):
                for order in orders where !core.accept(order, at: now) {
                    // Known already: it was finished here before, and the authority did not hear of it.
                    if core.hasFinished(order.number) { client.acknowledge([order.number]) }
                }
            case .withdrawn(let numbers): for number in numbers { core.withdraw(number) }
            }
            wakeUp()
        }
    }

    func link(_ state: LinkState) {
        switch state {
        case .connected(let name): authority = name
        case .lost: authority = nil
        }
    }

    /// Sends what is due until the task is cancelled. Groups go side by side: a long train of fragments holds up its own only.
    func send() async {
        var (beatAt, pulseAt) = (clocks.monotonic(), clocks.monotonic())
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                for effect in core.advance(to: clocks.monotonic()) {
                    guard case .send(let order) = effect else { continue }
                    group.addTask { [self] in await transmit(order) }
                }
                let now = clocks.monotonic()
                if beatAt <= now {
                    client.heartbeat([
                        "pending": Int64(core.pending), "messages": messages, "datagrams": datagrams,
                        "failed-copies": failedCopies,
                    ])
                    beatAt = now + BroadcastLimits.heartbeat
                }
                if pulseAt <= now {
                    pulse.beat(statusLine)
                    pulseAt = now + ServicePulse.interval
                }
                await sleep(until: min(core.nextDeadline ?? beatAt, beatAt, pulseAt))
            }
        }
    }

    /// What became of a copy.
    private func perform(_ effects: [BroadcastEffect], why: String = "") {
        for effect in effects {
            switch effect {
            case .send: continue
            case .finished(let number):
                messages += 1
                client.acknowledge([number])
                log.record(Event("rekey-sent", .info, [("order", "\(number)")]))
            case .stuck(let order):
                handedBack += 1
                log.record(Self.event("rekey-not-leaving", order, why))
            case .abandoned(let order): log.record(Self.event("rekey-abandoned", order, why))
            }
        }
        wakeUp()
    }

    /// One copy. Its outcome goes back to the core: only what left is ever acknowledged.
    private func transmit(_ order: RekeyOrder) async {
        let isFirst = core.isFirstCopy(order)
        do {
            let sender = senders.first { $0.isIPv4 == order.destination.address.isIPv4 }?.sender
            guard let sender else { throw NoSource() }
            try await sender.send(
                order.datagrams, to: order.destination, timeToLive: order.timeToLive, pace: order.pace)
            datagrams += Int64(order.datagrams.count)
            if isFirst {
                let since = clocks.wall().milliseconds &- order.createdAt.milliseconds
                commitToWire.observe(Double(since) / 1000, order.group.text)
            }
            perform(core.sent(order, at: clocks.monotonic()))
        } catch {
            failedCopies += 1
            // Each time: the leader of now may be another one.
            client.cannotSend([order.number])
            perform(core.failed(order, at: clocks.monotonic()), why: "\(error)")
        }
    }

    private static func event(_ name: String, _ order: RekeyOrder, _ why: String) -> Event {
        Event(
            name, .error, limitedBy: order.group.text,
            [
                ("order", "\(order.number)"), ("group", order.group.text), ("to", "\(order.destination)"), ("why", why),
            ])
    }

    private func sleep(until deadline: Moment) async {
        let wait = deadline.since(clocks.monotonic())
        guard wait > .zero else { return }
        let alarm = Task { [weak self] in
            guard (try? await Task.sleep(for: wait)) != nil else { return }
            await self?.wakeUp()
        }
        await withCheckedContinuation { wake = $0 }
        alarm.cancel()
    }

    private func wakeUp() {
        wake?.resume()
        wake = nil
    }
}

private struct NoSource: Error, CustomStringConvertible {
    var description: String { "multicast.sources has no address of this family" }
}
