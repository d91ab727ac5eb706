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
                ])
                beat = clocks.monotonic() + .seconds(1)
            }
            await sleep(until: min(core.nextDeadline ?? beat, beat))
        }
    }

    private func perform(_ effect: BroadcastEffect) async {
        switch effect {
        case .send(let octets, let group, let timeToLive):
            guard let sender = senders.first(where: { $0.isIPv4 == group.address.isIPv4 })?.sender else {
                log.record(Event("rekey-unsendable", .error, limitedBy: group.description, [("to", group.description)]))
                return
            }
            do {
                try await sender.send(octets, to: group, timeToLive: timeToLive)
                datagrams += Int64(octets.count)
            } catch {
                log.record(
                    Event(
                        "rekey-send-failed", .error, limitedBy: group.description,
                        [("to", group.description), ("why", "\(error)")]))
            }
        case .finished(let number):
            messages += 1
            client.acknowledge([number])
            log.record(Event("rekey-sent", .info, [("order", "\(number)")]))
        }
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
