import AuthorityCore
import AuthorityRPC
import GroupModel
import IKEVocabulary
import ProgramKit
import ReplicatedStore
import Telemetry

extension AuthorityDriver {
    /// Leader and followers show the same families; what only the leader knows has no rows elsewhere.
    func figures() -> MetricsPage {
        var page = MetricsPage()
        page.gauge(
            "gcks_raft_leader", "1 at the authority that leads.", labels: ["node"],
            [.init([name], .integer(core == nil ? 0 : 1))])
        page.counter("gcks_raft_leader_changes", "Changes of the leader that this node saw.", meters.leaderChanges)
        page.gauge("gcks_raft_commit_index", "The last commit of this leadership.", commits)
        if let core { page.gauge("gcks_raft_term", "The term of the leadership.", core.term.rawValue) }
        page.histogram("gcks_commit_duration_seconds", "From a decision to its receipt.", meters.commits)
        page.counter("gcks_commit_inputs", "Inputs that were committed, many in one commit.", meters.inputs)
        page.counter("gcks_commit_failures", "Commits that failed or whose outcome is not known.", meters.failedCommits)
        page.gauge("gcks_inputs_waiting", "Inputs that wait for a decision.", waiting.count)
        page.counter(
            "gcks_registrations", "Registrations decided.", labels: ["group", "result", "reason"], meters.registrations)
        page.counter("gcks_rekeys", "Rekeys committed.", labels: ["group", "cause", "transport"], meters.rekeys)
        page.counter(
            "gcks_sequence_reports", "Sequence reports of senders.", labels: ["group", "result", "reason"],
            meters.reports)
        page.gauge(
            "gcks_links", "Processes whose stream to the leader stands.", labels: ["kind"],
            [
                .init(["frontend"], .integer(Int64(frontends.count))),
                .init(["broadcaster"], .integer(Int64(broadcasters.count))),
            ])
        guard let core else { return page }
        page.gauge("gcks_rekeys_unsent", "Rekeys that no broadcaster acknowledged yet.", core.unsentRekeys)
        addGroups(core.figures, to: &page)
        return page
    }

    private func addGroups(_ groups: [GroupFigures], to page: inout MetricsPage) {
        page.gauge(
            "gcks_members", "Members of a group.", labels: ["group", "role"],
            groups.flatMap { group -> [MetricsPage.Row] in
                let receivers = Int64(group.members - group.senders)
                return [
                    MetricsPage.Row([group.name.text, "sender"], .integer(Int64(group.senders))),
                    MetricsPage.Row([group.name.text, "receiver"], .integer(receivers)),
                ]
            })
        page.gauge(
            "gcks_group_epoch", "Grows with every change of a group's SAs.", labels: ["group"],
            groups.map { .init([$0.name.text], .integer(Int64(clamping: $0.generation.rawValue))) })
        page.gauge(
            "gcks_key_expiry_timestamp_seconds", "When a group's keys end, in seconds since 1970.",
            labels: ["group", "kind"],
            groups.flatMap { group -> [MetricsPage.Row] in
                let ends: [(String, WallTime?)] = [("kek", group.kekExpiresAt), ("tek", group.tekExpiresAt)]
                return ends.compactMap { kind, at in
                    at.map { MetricsPage.Row([group.name.text, kind], .integer($0.milliseconds / 1000)) }
                }
            })
        page.gauge(
            "gcks_sender_ids_allocated", "Sender-IDs given in the life of a group's data SAs.", labels: ["group"],
            groups.map { .init([$0.name.text], .integer(Int64(clamping: $0.senderIDsGiven))) })
        page.gauge(
            "gcks_sender_ids_capacity", "Sender-IDs there are.", labels: ["group"],
            groups.map { .init([$0.name.text], .integer(Int64(clamping: $0.senderIDCapacity))) })
    }

    /// A follower is ready when it can point to the leader; the leader when it decides.
    func readiness() async -> [HealthCheck] {
        var checks = [
            HealthCheck("leader", leaderName != nil, leaderName ?? "no leader is known"),
            HealthCheck("leading", leaderName != name || core != nil, core == nil ? "follows" : "leads"),
            HealthCheck("fit", care.hardFault == nil, care.hardFault ?? "disk and copy are good"),
        ]
        do {
            let nodes = try await store.nodes()
            checks.append(HealthCheck("store", true, "\(nodes.count) nodes"))
        } catch {
            checks.append(HealthCheck("store", false, "\(error)"))
        }
        return checks
    }

    func startup() -> [HealthCheck] {
        [
            HealthCheck("root key", true, "open"),
            HealthCheck("log", hasKnownLeader, hasKnownLeader ? "replayed" : "no leader was known yet"),
        ]
    }

    nonisolated var observation: Observation {
        Observation(
            role: "authority", name: name, figures: { [self] in await figures() },
            readiness: { [self] in await readiness() }, startup: { [self] in await startup() })
    }

    /// Tells systemd that this actor gets to work, and what it does, until it is cancelled.
    func beat() async {
        var pulse = ServicePulse()
        while !Task.isCancelled {
            pulse.beat(statusLine)
            try? await Task.sleep(for: ServicePulse.interval)
        }
    }

    /// For systemd: one line that says what this node does now.
    var statusLine: String {
        guard let core else { return "\(name): \(leaderName.map { "follows \($0)" } ?? "no leader is known")" }
        let groups = core.figures
        let members = groups.reduce(0) { $0 + $1.members }
        return "\(name): leads in term \(core.term.rawValue); \(groups.count) groups, \(members) members, "
            + "\(frontends.count) frontends, \(broadcasters.count) broadcasters"
    }
}
