import AuthorityCore
import AuthorityRPC
import GroupModel
import IKEVocabulary
import ReplicatedStore
import Telemetry

/// Peers that stand and do not work: a frozen process, a host that lost its network, a broadcaster without a route.
extension AuthorityDriver {
    /// Ends the streams of who said nothing for too long. A broadcaster's orders go to another at once: the octets are the same.
    func dropSilentPeers() {
        let now = clocks.monotonic()
        guard let last = lastSilenceLook, now.since(last) < SilenceLimits.ownPause else {
            // It was this process that stood still, and what came meanwhile may not be read yet.
            lastSilenceLook = now
            for number in broadcasters.keys { broadcasters[number]?.heardAt = now }
            for number in frontends.keys { frontends[number]?.heardAt = now }
            return
        }
        guard now.since(last) >= SilenceLimits.look else { return }
        lastSilenceLook = now
        for (number, peer) in broadcasters where now.since(peer.heardAt) > SilenceLimits.broadcaster {
            log.record(Event("broadcaster-silent", .warning, [("broadcaster", peer.identity.name)]))
            peer.end(.unavailable("no heartbeat for \(SilenceLimits.broadcaster)"))
            closeBroadcast(number)
        }
        for (number, peer) in frontends where now.since(peer.heardAt) > SilenceLimits.frontend {
            log.record(Event("frontend-silent", .warning, [("frontend", peer.identity.name)]))
            peer.end(.unavailable("no heartbeat for \(SilenceLimits.frontend)"))
            closeRegistration(number)
        }
    }

    /// A broadcaster cannot send these orders: another one gets them when there is one that may be able to.
    func handBack(_ numbers: [Int64], session: Int) {
        guard let peer = broadcasters[session] else { return }
        broadcasters[session]?.heardAt = clocks.monotonic()
        let taken = assignments.handBack(
            numbers, by: session, among: broadcasters.keys, at: clocks.monotonic())
        guard !taken.isEmpty else { return }
        peer.output.yield(.items(taken.sorted().map { .withdrawn($0) }))
        let orders = offeredInOrder.filter { taken.contains($0.number) }
        for order in orders { assign(order) }
        for group in Set(orders.map(\.group)) {
            log.record(
                Event(
                    "rekeys-moved", .warning, limitedBy: group.text,
                    [("group", group.text), ("from", peer.identity.name), ("why", "copies do not leave there")]))
        }
    }
}

private enum SilenceLimits {
    static let look = Duration.milliseconds(100)
    /// Four heartbeats of a broadcaster, five of a frontend.
    static let broadcaster = Duration.seconds(1)
    static let frontend = Duration.seconds(5)
    /// When we did not look ourselves for so long, silence says nothing about others.
    static let ownPause = Duration.milliseconds(600)
}
