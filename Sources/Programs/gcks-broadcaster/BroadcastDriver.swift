import AuthorityRPC
import BroadcastCore
import DatagramIO
import GroupModel
import IKEVocabulary
import Telemetry

/// Performs what BroadcastCore decides: copies on the wire when they are due, an acknowledgement when the last is out.
actor BroadcastDriver {
    private let client: BroadcastClient
    private let senders: [(isIPv4: Bool, sender: MulticastSender)]
    private let log: EventLog
    private let clocks = Clocks()
    private var core = BroadcastCore()
    private var wake: CheckedContinuation<Void, Never>?
    private var messages: Int64 = 0
    private var datagrams: Int64 = 0
    private var failedCopies: Int64 = 0

    init(client: BroadcastClient, senders: [(Bool, MulticastSender)], log: EventLog) {
        self.client = client
        self.senders = senders.map { (isIPv4: $0.0, sender: $0.1) }
        self.log = log
    }

    /// Takes orders as they come.
    func run() async {
        for await orders in client.orders {
            let now = clocks.monotonic()
            for order in orders where !core.accept(order, at: now) {
                // Known already: it was finished here before, and the authority did not hear of it.
                if core.hasFinished(order.number) { client.acknowledge([order.number]) }
            }
            wakeUp()
        }
    }

    /// Sends what is due until the task is cancelled.
    func send() async {
        var beat = clocks.monotonic()
        while !Task.isCancelled {
            for effect in core.advance(to: clocks.monotonic()) { await perform(effect) }
            if beat <= clocks.monotonic() {
                client.heartbeat([
                    "pending": Int64(core.pending), "messages": messages, "datagrams": datagrams,
                    "failed-copies": failedCopies,
                ])
                beat = clocks.monotonic() + .seconds(1)
            }
            await sleep(until: min(core.nextDeadline ?? beat, beat))
        }
    }

    private func perform(_ effect: BroadcastEffect, why: String = "") async {
        switch effect {
        case .send(let order): await transmit(order)
        case .finished(let number):
            messages += 1
            client.acknowledge([number])
            log.record(Event("rekey-sent", .info, [("order", "\(number)")]))
        case .stuck(let order): log.record(Self.event("rekey-not-leaving", order, why))
        case .abandoned(let order): log.record(Self.event("rekey-abandoned", order, why))
        }
    }

    /// One copy. Its outcome goes back to the core: only what left is ever acknowledged.
    private func transmit(_ order: RekeyOrder) async {
        do {
            let sender = senders.first { $0.isIPv4 == order.destination.address.isIPv4 }?.sender
            guard let sender else { throw NoSource() }
            try await sender.send(order.datagrams, to: order.destination, timeToLive: order.timeToLive)
            datagrams += Int64(order.datagrams.count)
            for effect in core.sent(order, at: clocks.monotonic()) { await perform(effect) }
        } catch {
            failedCopies += 1
            for effect in core.failed(order, at: clocks.monotonic()) { await perform(effect, why: "\(error)") }
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
            try? await Task.sleep(for: wait)
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
