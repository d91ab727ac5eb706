import NIOCore
import Synchronization

/// How many connections a door takes at once.
final class ConnectionBudget: Sendable {
    struct Spent: Error {}

    private let left: Mutex<Int>

    init(_ count: Int) { left = Mutex(count) }

    /// False when none is left; otherwise one is taken until `end`.
    func take(until end: EventLoopFuture<Void>) -> Bool {
        let isTaken = left.withLock { left in
            guard left > 0 else { return false }
            left -= 1
            return true
        }
        if isTaken { end.whenComplete { _ in self.left.withLock { $0 += 1 } } }
        return isTaken
    }
}

/// Connections of which it is not known who calls. When there are too many the oldest is closed: who means well is known within
/// milliseconds, and whoever only holds a place loses it first.
final class UnprovedConnections: Sendable {
    private let limit: Int
    private let held = Mutex<[any Channel]>([])

    init(_ limit: Int) { self.limit = limit }

    func add(_ channel: any Channel) {
        let oldest = held.withLock { held -> (any Channel)? in
            held.append(channel)
            return held.count > limit ? held.removeFirst() : nil
        }
        oldest?.close(promise: nil)
        channel.closeFuture.whenComplete { _ in self.remove(channel) }
    }

    func remove(_ channel: any Channel) {
        held.withLock { held in held.removeAll { $0 === channel } }
    }
}
