package import GroupModel
package import IKEVocabulary

package enum BroadcastLimits {
    /// Rekey orders waiting in one broadcaster; more are refused and stay in the authority's outbox.
    package static let orders = 4096
    /// Orders whose sending is finished and remembered, so that an order offered again is not sent again at once.
    package static let finished = 4096
}

package enum BroadcastEffect: Hashable, Sendable {
    /// Put these datagrams on the wire, in this order, to this group.
    case send(datagrams: [[UInt8]], to: Endpoint, timeToLive: UInt8)
    /// Every copy of this order is out.
    case finished(Int64)
}

/// Decides when each copy of each committed GSA_REKEY is sent.
///
/// Within one group orders go strictly one after the other, all copies of the first before the second: a member that got a
/// later Message ID refuses an earlier one (RFC 9838 2.4.1, replay protection), so a late copy would be lost on it.
package struct BroadcastCore: Sendable {
    private struct Sending: Sendable {
        let order: RekeyOrder
        var copiesLeft: UInt8
        var nextAt: Moment
    }

    private var queues: [GroupName: [Sending]] = [:]
    private var known: Set<Int64> = []
    private var finished: [Int64] = []

    package init() {}

    /// Orders accepted and not finished.
    package private(set) var pending = 0

    /// - Returns: false when the order is known already or there is no room.
    @discardableResult
    package mutating func accept(_ order: RekeyOrder, at now: Moment) -> Bool {
        guard !known.contains(order.number), pending < BroadcastLimits.orders else { return false }
        known.insert(order.number)
        let sending = Sending(order: order, copiesLeft: max(order.copies, 1), nextAt: now)
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
            guard var queue = queues[group] else { continue }
            while let first = queue.first, first.nextAt <= now {
                effects.append(
                    .send(
                        datagrams: first.order.datagrams, to: first.order.destination,
                        timeToLive: first.order.timeToLive))
                queue[0].copiesLeft -= 1
                queue[0].nextAt = now + first.order.spacing
                guard queue[0].copiesLeft == 0 else { continue }
                effects.append(.finished(first.order.number))
                remember(first.order.number)
                queue.removeFirst()
                pending -= 1
                if !queue.isEmpty { queue[0].nextAt = max(queue[0].nextAt, now + first.order.spacing) }
            }
            queues[group] = queue.isEmpty ? nil : queue
        }
        return effects
    }

    package var nextDeadline: Moment? { queues.values.compactMap(\.first?.nextAt).min() }

    /// True for an order whose last copy left here.
    package func hasFinished(_ number: Int64) -> Bool { finished.contains(number) }

    private mutating func remember(_ number: Int64) {
        finished.append(number)
        guard finished.count > BroadcastLimits.finished else { return }
        known.remove(finished.removeFirst())
    }
}
