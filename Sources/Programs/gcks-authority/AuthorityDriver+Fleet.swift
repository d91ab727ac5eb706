import AuthorityCore
import AuthorityRPC
import GroupModel
import IKEVocabulary
import Telemetry

/// What the leader has told its frontends, and what they say of themselves, by session.
struct FleetDesk {
    var announcements: [Int: FrontendAnnouncement] = [:]
    var isTold = false
    var epochs: [UInt64] = []
}

extension AuthorityDriver {
    /// Tells every frontend what the fleet is now, when that has changed: one came, went or drains, or keys are due.
    func tellFleet() {
        let now = clocks.wall()
        let epochs = AuthorityCore.fleetEpochs(at: now)
        guard let core, !fleet.isTold || fleet.epochs != epochs else { return }
        (fleet.isTold, fleet.epochs) = (true, epochs)
        let live = liveAnnouncements
        for peer in frontends.values {
            guard let update = core.fleetUpdate(for: peer.identity.name, live: live, at: now) else { continue }
            peer.output.yield(.items([.fleet(update)]))
        }
    }

    /// A process that came back may be connected twice for a while: its latest life counts.
    private var liveAnnouncements: [String: FrontendAnnouncement] {
        var live: [String: FrontendAnnouncement] = [:]
        for (session, announcement) in fleet.announcements.sorted(by: { $0.key < $1.key }) {
            guard let name = frontends[session]?.identity.name else { continue }
            live[name] = announcement
        }
        return live
    }

    func frontendStatuses(_ core: AuthorityCore, _ only: String?) throws(OperatorFailure) -> [FrontendStatus] {
        let links = links(frontends, kind: "frontend")
        let live = liveAnnouncements
        let statuses = core.frontends.filter { only == nil || $0.name == only }.map { row -> FrontendStatus in
            let link = links.last { $0.name == row.name && $0.isConnected } ?? links.last { $0.name == row.name }
            let announcement = live[row.name]
            return FrontendStatus(
                name: row.name, number: row.number, state: state(of: row, link), since: link?.since ?? row.changedAt,
                counters: link?.counters ?? [:], relay: announcement?.relay,
                publicAddress: announcement?.publicAddress, drain: row.drain)
        }
        if let only, statuses.isEmpty { throw .notFound("no frontend \(only)") }
        return statuses
    }

    private func state(of row: FrontendRow, _ link: LinkStatus?) -> FrontendStatus.State {
        guard let link, link.isConnected else { return .gone }
        guard row.drain != nil else { return .ready }
        // A heartbeat that was sent before the order says nothing about it.
        let isEmpty = link.counters["draining"] == 1 && link.counters["ike-sas"] == 0 && link.counters["half-open"] == 0
        return isEmpty ? .drained : .draining
    }
}
