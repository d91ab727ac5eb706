import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import GroupModel
import IKEVocabulary

/// An operator's link: each request goes to the leader, found by hints and by trying the targets.
///
/// A change carries its operation id, so it is safe to send it again after a lost answer. Failures:
/// - `.unavailable`: nothing listens at any target, or no leader answered in time and nothing can have happened.
/// - `.unknownOutcome`: a change may have reached an authority; ask again with the same operation.
package struct OperatorClient: Sendable {
    let link: AuthorityLink
    package let timeout: Duration

    /// What one authority may take before the next is asked.
    private static let attemptWait = Duration.seconds(4)

    package init(link: AuthorityLink, timeout: Duration = .seconds(10)) {
        self.link = link
        self.timeout = timeout
    }

    package func perform(_ request: OperatorRequest) async throws(OperatorFailure) -> OperatorReply {
        if case .status = request { return .status(try await status()) }
        guard !link.targets.isEmpty else { throw .unavailable("no authority is configured") }
        let deadline = ContinuousClock.now + timeout
        var search = LeaderSearch(names: link.targets.map(\.name))
        var round = Round(size: link.targets.count)
        while true {
            let target = link.targets[search.current]
            let wait = min(Self.attemptWait, deadline - .now)
            let outcome: LeaderSearch.Outcome
            switch await ask(target, request, within: max(wait, .milliseconds(100))) {
            case .reply(let reply): return reply
            case .failed(.notLeader(let hint)):
                round.note(target, "is not the leader", wasReached: true)
                outcome = .notLeader(hint)
            case .failed(.unavailable(let reason)):
                round.note(target, reason, wasReached: true)
                outcome = .failed
            case .failed(.unknownOutcome) where request.changes != nil:
                // It lost the leadership over it. The next leader knows, and under the same operation it is safe to ask again.
                round.note(target, "does not know what became of it", wasReached: true)
                round.mayHaveChanged = true
                outcome = .notLeader(nil)
            case .failed(let failure): throw failure
            case .broken(let reason, let wasReached):
                round.note(target, reason, wasReached: wasReached)
                round.mayHaveChanged = round.mayHaveChanged || (wasReached && request.changes != nil)
                outcome = .failed
            }
            let delay = search.advance(after: outcome, jitter: Double.random(in: 0...1))
            guard !round.isHopeless, ContinuousClock.now + delay < deadline else { throw round.failure(request) }
            if delay > .zero { try? await Task.sleep(for: delay) }
            guard !Task.isCancelled else { throw round.failure(request) }
        }
    }

    /// The leader's view, with the reachability of every target as seen from here. Fails only when no target answers.
    package func status() async throws(OperatorFailure) -> ClusterStatus {
        let status = try await statusOfAll(within: min(Self.attemptWait, timeout))
        guard status.nodes.contains(where: { $0.state != "unreachable" }) else {
            throw .unavailable(status.nodes.map { "\($0.name): \($0.detail)" }.joined(separator: "; "))
        }
        return status
    }

    enum Answer: Sendable {
        case reply(OperatorReply)
        case failed(OperatorFailure)
        /// No answer of an authority. `wasReached`: the connection stood, so the request may have arrived.
        case broken(String, wasReached: Bool)
    }

    func ask(_ target: AuthorityTarget, _ request: OperatorRequest, within wait: Duration) async -> Answer {
        let wasReached = Flag()
        do {
            let transport = try link.makeTransport(to: target) { wasReached.set() }
            return try await withGRPCClient(transport: transport) { client in
                .reply(try await OperatorCalls(client: client, name: link.name, wait: wait).perform(request))
            }
        } catch let error as RPCError {
            if let failure = OperatorFailure(attachedTo: error) { return .failed(failure) }
            switch error.code {
            case .permissionDenied, .unauthenticated: return .failed(.notAuthorised(error.message))
            case .invalidArgument: return .failed(.conflict(error.message))
            default: return .broken(LeaderStream.reason(error), wasReached: wasReached.isSet)
            }
        } catch {
            return .broken("\(error)", wasReached: wasReached.isSet)
        }
    }

    /// What the targets said since the last pause.
    private struct Round {
        private let size: Int
        private var reasons: [String] = []
        private var reached = 0
        var mayHaveChanged = false

        init(size: Int) { self.size = size }

        /// Every target was tried and nothing stood behind any of them: waiting would not help.
        var isHopeless: Bool { reasons.count >= size && reached == 0 }

        mutating func note(_ target: AuthorityTarget, _ reason: String, wasReached: Bool) {
            reasons.append("\(target.name): \(reason)")
            if wasReached { reached += 1 }
        }

        func failure(_ request: OperatorRequest) -> OperatorFailure {
            if mayHaveChanged, let operation = request.changes { return .unknownOutcome(operation) }
            return .unavailable(reasons.suffix(size).joined(separator: "; "))
        }
    }
}

extension OperatorRequest {
    /// The operation of a request that changes something.
    var changes: OperationID? {
        guard let mandate, !mandate.isDryRun else { return nil }
        return mandate.operation
    }
}
