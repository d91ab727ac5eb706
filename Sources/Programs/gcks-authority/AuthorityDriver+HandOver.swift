import AuthorityCore
import AuthorityRPC
import GroupModel
import IKEVocabulary
import ReplicatedStore
import Telemetry

/// Giving leadership away: because an operator wants it, because the node is drained, because its store cannot be relied on.
extension AuthorityDriver {
    /// Looked at in every round of the loop. With a hard fault nothing is served from here, whether somebody takes over or not; a
    /// drained node goes on until another can.
    func offerLeadership() async {
        if let why = care.hardFault {
            if core != nil {
                log.record(Event("leading-stopped", .error, [("node", name), ("why", why)]))
                stepDown(.unavailable("\(name) does not lead: \(why)"))
            }
            guard leaderName == name else { return }
            await offer(because: why, insists: true)
        } else if let core, core.drainedNodes.contains(name) {
            await offer(because: "it is drained", insists: false)
        } else {
            care.refused = 0
        }
    }

    private func offer(because why: String, insists: Bool) async {
        let now = clocks.monotonic()
        guard care.offersAt <= now else { return }
        care.offersAt = now + (insists ? HandOverLimits.insistingPause : HandOverLimits.pause)
        do {
            let taker = try await giveAway(to: nil, within: HandOverLimits.attempt)
            care.refused = 0
            log.record(Event("leadership-given-away", .warning, [("node", name), ("to", taker), ("why", why)]))
        } catch {
            care.refused += 1
            log.record(
                Event("leadership-kept", .error, limitedBy: "offer", [("why", "\(why), but \(Self.wording(error))")]))
            guard insists, care.refused >= HandOverLimits.refusals, care.nodes.count > 1 else { return }
            care.refused = 0
            // Without its leader the others elect one.
            care.restartStore("it must not lead: \(why)")
        }
    }

    /// Hands the log's leadership to that voter, or to the first that takes it: those that are not drained first.
    ///
    /// - Returns: who took it.
    func giveAway(to wanted: String?, within limit: Duration) async throws(OperatorFailure) -> String {
        guard !care.isGivingAway else { throw .conflict("the leadership is being given away already") }
        care.isGivingAway = true
        defer { care.isGivingAway = false }
        let end = clocks.monotonic() + limit
        while care.isCommitting, clocks.monotonic() < end { try? await Task.sleep(for: .milliseconds(5)) }
        let known: [StoreNode]
        do { known = try await store.nodes() } catch {
            throw .unavailable("the store does not say who votes: \(error)")
        }
        care.nodes = known
        let takers = try candidates(wanted, among: known)
        var reasons: [String] = []
        repeat {
            reasons = []
            for taker in takers where reasons.count < takers.count {
                do throws(StoreFailure) {
                    try await store.transferLeadership(to: taker)
                    lastLeaderLook = Moment(nanoseconds: 0)
                    return taker
                } catch {
                    if case .notLeader = error { throw .notLeader(leaderName) }
                    reasons.append("\(taker): \(error)")
                }
                guard clocks.monotonic() < end else { break }
            }
            try? await Task.sleep(for: .milliseconds(50))
        } while clocks.monotonic() < end
        throw .unavailable("nobody took the leadership from \(name): \(reasons.joined(separator: "; "))")
    }

    private func candidates(_ wanted: String?, among known: [StoreNode]) throws(OperatorFailure) -> [String] {
        let voters = known.filter { $0.duty == .voter && $0.name != name }.map(\.name).sorted()
        if let wanted {
            guard known.contains(where: { $0.name == wanted }) else { throw .notFound(Self.noNode(wanted, known)) }
            guard voters.contains(wanted) else { throw .conflict("\(wanted) has no vote and cannot lead") }
            return [wanted]
        }
        guard !voters.isEmpty else { throw .conflict("\(name) is the only voter: nobody else can lead") }
        let drained = Set(core?.drainedNodes ?? [])
        let rested = voters.filter { !drained.contains($0) }
        // To another drained node only from one that cannot lead at all.
        if rested.isEmpty, care.hardFault == nil { throw .conflict("every other voter is drained") }
        return rested + (care.hardFault == nil ? [] : voters.filter(drained.contains))
    }

    static func noNode(_ wanted: String, _ known: [StoreNode]) -> String {
        "there is no node \(wanted); there are \(known.map(\.name).sorted().joined(separator: ", "))"
    }

    static func wording(_ failure: OperatorFailure) -> String {
        switch failure {
        case .notFound(let text), .conflict(let text), .notAuthorised(let text), .unavailable(let text): text
        case .notLeader: "the log has another leader"
        case .invalid, .unknownOutcome: "\(failure)"
        }
    }
}

enum HandOverLimits {
    /// Below what a client waits for one authority.
    static let command = Duration.seconds(3)
    static let attempt = Duration.seconds(2)
    static let pause = Duration.seconds(5)
    static let insistingPause = Duration.seconds(1)
    /// Offers that nobody took, before the own store is started afresh.
    static let refusals = 3
}
