package import GroupModel
package import IKEVocabulary

package enum BroadcastLimits {
    /// Rekey orders waiting in one broadcaster; more are refused and stay in the authority's outbox.
    package static let orders = 4096
    /// Orders whose sending is finished and remembered, so that an order offered again is not sent again at once.
    package static let finished = 4096
    /// Before a copy that did not leave is tried again: doubled each time from least to most.
    package static let retryPauseLeast = Duration.milliseconds(100)
    package static let retryPauseMost = Duration.seconds(5)
    /// How often a broadcaster says that it lives: the authority takes one that is silent for a second for gone.
    package static let heartbeat = Duration.milliseconds(250)
    /// How long it is tried. The authority gives an order up at that age too, and says so.
    package static let orderLife = Duration.seconds(300)
}

package enum BroadcastEffect: Hashable, Sendable {
    /// Put this order's datagrams on the wire, in their order, and report by `sent` or `failed`.
    case send(RekeyOrder)
    /// Every copy of this order is out, or as many as could be in its time: one at least.
    case finished(Int64)
    /// A copy of this order did not leave; it is tried on. Told with the first failure only.
    case stuck(RekeyOrder)
    /// No copy of this order left in its time: it is not acknowledged.
    case abandoned(RekeyOrder)
}

/// Decides when each copy of each committed GSA_REKEY is sent.
///
/// Within one group orders go strictly one after the other, all copies of the first before the second: a member that
/// got a later Message ID refuses an earlier one (RFC 9838 2.4.1, replay protection), so a late copy would be lost on
/// it. A copy counts when it left.
package struct BroadcastCore: Sendable {
    private struct Sending: Sendable {
        let order: RekeyOrder
        let endsAt: Moment
        var copiesLeft: UInt8
        var nextAt: Moment
        var isUnderWay = false
        /// Since the last copy that left.
        var failures = 0
        var hasLeft = false
    }

    private var queues: [GroupName: [Sending]] = [:]
    private var known: Set<Int64> = []
    private var finished: [Int64] = []

    package init() {}

    /// Orders accepted and neither finished nor abandoned.
    package private(set) var pending = 0

    /// - Returns: false when the order is known already or there is no room.
    @discardableResult
    package mutating func accept(_ order: RekeyOrder, at now: Moment) -> Bool {
        guard !known.contains(order.number), pending < BroadcastLimits.orders else { return false }
        known.insert(order.number)
        let sending = Sending(
            order: order, endsAt: now + BroadcastLimits.orderLife, copiesLeft: max(order.copies, 1), nextAt: now)
        pending += 1
        var queue = queues.removeValue(forKey: order.group) ?? []
        let place = queue.lastIndex { $0.order.number < order.number }.map { $0 + 1 } ?? 0
        queue.insert(sending, at: place)
        queues[order.group] = queue
        return true
    }

    /// What is due now. Call again at `nextDeadline`.
    package mutating func advance(to now: Moment) -> [BroadcastEffect] {
        var effects: [BroadcastEffect] = []
        for group in queues.keys.sorted() {
            guard let queue = queues[group], let moment = Self.nextAt(queue), moment <= now else { continue }
            effects.append(.send(queue[0].order))
            queues[group]?[0].isUnderWay = true
        }
        return effects
    }

    package var nextDeadline: Moment? { queues.values.compactMap(Self.nextAt).min() }

    /// Nil while a copy is under way.
    private static func nextAt(_ queue: [Sending]) -> Moment? {
        queue.contains(where: \.isUnderWay) ? nil : queue.first?.nextAt
    }

    /// All datagrams of one copy left.
    package mutating func sent(_ order: RekeyOrder, at now: Moment) -> [BroadcastEffect] {
        guard let place = place(of: order), var sending = queues[order.group]?[place] else { return [] }
        sending.copiesLeft -= 1
        (sending.hasLeft, sending.isUnderWay, sending.failures) = (true, false, 0)
        sending.nextAt = now + order.spacing
        queues[order.group]?[place] = sending
        return sending.copiesLeft == 0 ? [end(sending, at: place, now)] : []
    }

    /// One copy did not leave, or not all of it.
    package mutating func failed(_ order: RekeyOrder, at now: Moment) -> [BroadcastEffect] {
        guard let place = place(of: order), var sending = queues[order.group]?[place] else { return [] }
        let pause = BroadcastLimits.retryPauseLeast * (1 << min(sending.failures, 6))
        sending.failures += 1
        sending.isUnderWay = false
        sending.nextAt = now + min(pause, BroadcastLimits.retryPauseMost)
        queues[order.group]?[place] = sending
        if sending.endsAt <= now { return [end(sending, at: place, now)] }
        return sending.failures == 1 ? [.stuck(order)] : []
    }

    /// Another broadcaster has this order now: no further copies. One that is under way is not called back, and its outcome says
    /// nothing here any more.
    package mutating func withdraw(_ number: Int64) {
        guard let group = queues.first(where: { $0.value.contains { $0.order.number == number } })?.key else { return }
        queues[group]?.removeAll { $0.order.number == number }
        if queues[group]?.isEmpty == true { queues[group] = nil }
        known.remove(number)
        pending -= 1
    }

    /// True until a copy of this order left.
    package func isFirstCopy(_ order: RekeyOrder) -> Bool {
        queues[order.group]?.first { $0.order.number == order.number }?.hasLeft == false
    }

    /// True for an order whose last copy left here.
    package func hasFinished(_ number: Int64) -> Bool { finished.contains(number) }

    private func place(of order: RekeyOrder) -> Int? {
        queues[order.group]?.firstIndex { $0.order.number == order.number && $0.isUnderWay }
    }

    private mutating func end(_ sending: Sending, at place: Int, _ now: Moment) -> BroadcastEffect {
        let order = sending.order
        var queue = queues.removeValue(forKey: order.group) ?? []
        queue.remove(at: place)
        pending -= 1
        if !queue.isEmpty {
            queue[0].nextAt = max(queue[0].nextAt, now + order.spacing)
            queues[order.group] = queue
        }
        guard sending.hasLeft else {
            known.remove(order.number)
            return .abandoned(order)
        }
        remember(order.number)
        return .finished(order.number)
    }

    private mutating func remember(_ number: Int64) {
        finished.append(number)
        guard finished.count > BroadcastLimits.finished else { return }
        known.remove(finished.removeFirst())
    }
}
