import GRPCCore
package import GroupModel
package import IKEVocabulary
import Synchronization

/// A frontend's link to the leading authority.
///
/// `submit` takes requests from any thread and returns at once; whatever is pending leaves in one batch. A request that is
/// outstanding when the stream is lost is sent again, with its operation id, to the next leader, until its deadline; then
/// it is answered `.unavailable`. Each operation is answered exactly once; a second submit while it is outstanding is
/// ignored. Callbacks come from other threads, one batch at a time; for a request above
/// `Limits.outstandingRegistrations` the answer comes from within `submit`.
package final class RegistrationClient: Sendable {
    private struct Outstanding {
        let request: RegistrationRequest
        let deadline: ContinuousClock.Instant
    }

    private struct State {
        var outstanding: [OperationID: Outstanding] = [:]
        /// By deadline; entries whose operation was answered are skipped.
        var expiries: ArraySlice<(operation: OperationID, deadline: ContinuousClock.Instant)> = []
        var pending: ArraySlice<RegistrationRequest> = []
        var isOpen = false
        var heartbeat: [String: Int64] = [:]
        var isHeartbeatDue = false
        var failures: [FailedAuthentication] = []
    }

    private let name: String
    private let announcement: FrontendAnnouncement?
    private let onFleet: @Sendable (FleetUpdate) -> Void
    private let onDismissed: @Sendable ([Identity]) -> Void
    private let answerWait: Duration
    private let stream: LeaderStream
    private let state = Mutex(State())
    private let onAnswers: @Sendable ([RegistrationAnswer]) -> Void
    private let onState: @Sendable (LinkState) -> Void

    package init(
        link: AuthorityLink, announcement: FrontendAnnouncement? = nil, answerWait: Duration = .seconds(4),
        onFleet: @escaping @Sendable (FleetUpdate) -> Void = { _ in },
        onDismissed: @escaping @Sendable ([Identity]) -> Void = { _ in },
        onAnswers: @escaping @Sendable ([RegistrationAnswer]) -> Void,
        onState: @escaping @Sendable (LinkState) -> Void
    ) {
        name = link.name
        self.announcement = announcement
        self.onFleet = onFleet
        self.onDismissed = onDismissed
        self.answerWait = answerWait
        stream = LeaderStream(link: link)
        self.onAnswers = onAnswers
        self.onState = onState
    }

    /// Runs until the task is cancelled; then everything outstanding is answered `.unavailable`.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.stream.run(Stream(client: self)) }
            group.addTask { await self.expire() }
        }
        let left = state.withLock { state in
            defer { state = State() }
            return Array(state.outstanding.keys)
        }
        answer(left, "this process stops")
    }

    package func submit(_ requests: [RegistrationRequest]) {
        let deadline = ContinuousClock.now + answerWait
        let refused: [OperationID] = state.withLock { state in
            var refused: [OperationID] = []
            for request in requests where state.outstanding[request.operation] == nil {
                guard state.outstanding.count < Limits.outstandingRegistrations else {
                    refused.append(request.operation)
                    continue
                }
                state.outstanding[request.operation] = Outstanding(request: request, deadline: deadline)
                state.expiries.append((request.operation, deadline))
                if state.isOpen { state.pending.append(request) }
            }
            return refused
        }
        stream.wake()
        answer(refused, "too many registrations are outstanding")
    }

    /// Other authorities, or other certificates to show them: the stream is made anew, and nothing that is outstanding is lost.
    package func follow(_ link: AuthorityLink) { stream.follow(link) }

    /// Counters for `gcksctl status`; the last ones are told again after a reconnect.
    package func heartbeat(_ counters: [String: Int64]) {
        state.withLock { state in
            state.heartbeat = counters
            state.isHeartbeatDue = true
        }
        stream.wake()
    }

    /// Goes with the next batch. Told for the listing only: above the limit of one batch it is dropped.
    package func report(_ failed: FailedAuthentication) {
        state.withLock { state in
            guard state.failures.count < Limits.failedAuthentications else { return }
            state.failures.append(failed)
        }
    }

    /// Requests without an answer yet.
    package var outstandingCount: Int { state.withLock { $0.outstanding.count } }

    private func expire() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(100))
            let now = ContinuousClock.now
            let expired: [OperationID] = state.withLock { state in
                var expired: [OperationID] = []
                while let first = state.expiries.first {
                    if let entry = state.outstanding[first.operation], entry.deadline == first.deadline {
                        guard first.deadline <= now else { break }
                        state.outstanding[first.operation] = nil
                        expired.append(first.operation)
                    }
                    state.expiries.removeFirst()
                }
                return expired
            }
            answer(expired, "no authority answered in time")
        }
    }

    private func answer(_ operations: [OperationID], _ reason: String) {
        guard !operations.isEmpty else { return }
        onAnswers(operations.map { RegistrationAnswer(operation: $0, outcome: .unavailable(reason)) })
    }
}

extension RegistrationClient {
    fileprivate func opened(_ authority: String) {
        state.withLock { state in
            state.isOpen = true
            state.isHeartbeatDue = !state.heartbeat.isEmpty
            let again = state.outstanding.values.sorted { $0.deadline < $1.deadline }
            state.pending = again.map(\.request)[...]
        }
        onState(.connected(authority))
        stream.wake()
    }

    fileprivate func lost(_ reason: String) {
        state.withLock { state in
            state.isOpen = false
            state.pending = []
        }
        onState(.lost(reason))
    }

    /// Whatever is pending, up to one batch.
    fileprivate func nextBatch() -> Gcks_V1_RegistrationBatch? {
        let (requests, heartbeat, failures) = state.withLock { state in
            let requests = state.pending.prefix(Limits.batchItems)
            state.pending = state.pending.dropFirst(requests.count)
            if state.pending.isEmpty { state.pending = [] }
            defer { (state.isHeartbeatDue, state.failures) = (false, []) }
            return (
                requests.filter { state.outstanding[$0.operation] != nil },
                state.isHeartbeatDue ? state.heartbeat : nil, state.failures
            )
        }
        guard !requests.isEmpty || heartbeat != nil || !failures.isEmpty else { return nil }
        var batch = Gcks_V1_RegistrationBatch()
        batch.failedAuthentications = failures.map(Gcks_V1_FailedAuthentication.init)
        var octets = 0
        for (index, request) in requests.enumerated() {
            let wire = Gcks_V1_RegistrationRequest(request)
            octets += wire.octetEstimate
            guard index == 0 || octets <= Limits.batchOctets else {
                putBack(requests[index...])
                break
            }
            // A request that the contract does not allow must not cost the others their stream.
            do throws(ContractError) {
                _ = try RegistrationRequest(wire, frontend: name)
                batch.requests.append(wire)
            } catch {
                finish(request.operation, error)
            }
        }
        if let heartbeat { batch.heartbeat.counters = heartbeat }
        return batch
    }

    private func putBack(_ requests: ArraySlice<RegistrationRequest>) {
        state.withLock { state in
            if state.isOpen { state.pending = requests + state.pending }
        }
    }

    private func finish(_ operation: OperationID, _ error: ContractError) {
        let isOutstanding = state.withLock { $0.outstanding.removeValue(forKey: operation) != nil }
        if isOutstanding { answer([operation], error.description) }
    }

    fileprivate func received(_ batch: Gcks_V1_RegistrationAnswerBatch) throws(ContractError) {
        if batch.hasFleet { onFleet(try FleetUpdate(batch.fleet)) }
        let dismissed = try checkedList(
            batch.dismissed, "RegistrationAnswerBatch.dismissed", atMost: Limits.batchItems
        ) { member throws(ContractError) in try Identity(member) }
        if !dismissed.isEmpty { onDismissed(dismissed) }
        let answers = try checkedList(
            batch.answers, "RegistrationAnswerBatch.answers", atMost: Limits.batchItems
        ) { answer throws(ContractError) in try RegistrationAnswer(answer) }
        let wanted = state.withLock { state in
            answers.filter { state.outstanding.removeValue(forKey: $0.operation) != nil }
        }
        if !wanted.isEmpty { onAnswers(wanted) }
    }

    private final class Stream: LeaderStreamUser {
        private let client: RegistrationClient

        init(client: RegistrationClient) { self.client = client }

        var method: MethodDescriptor { Gcks_V1_Registration.Method.Register.descriptor }

        func hello() -> Gcks_V1_RegistrationBatch {
            var batch = Gcks_V1_RegistrationBatch()
            batch.hello.name = client.name
            if let announcement = client.announcement {
                batch.announcement = Gcks_V1_FrontendAnnouncement(announcement)
            }
            return batch
        }

        func streamOpened(_ authority: String) { client.opened(authority) }
        func streamLost(_ reason: String) { client.lost(reason) }
        func written(_ message: Gcks_V1_RegistrationBatch) { message.zeroiseKeys() }
        func nextMessage() -> Gcks_V1_RegistrationBatch? { client.nextBatch() }
        func received(_ message: Gcks_V1_RegistrationAnswerBatch) throws(ContractError) {
            try client.received(message)
        }
    }
}
