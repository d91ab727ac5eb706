import GRPCCore
import GroupModel
import Synchronization

/// Registration.Register: one frontend's stream.
struct RegistrationEndpoint: Gcks_V1_Registration.SimpleServiceProtocol {
    let listener: AuthorityListener
    let service: any AuthorityService
    let stop: StopSignal

    func register(
        request: RPCAsyncSequence<Gcks_V1_RegistrationBatch, any Error>,
        response: RPCWriter<Gcks_V1_RegistrationAnswerBatch>, context: ServerContext
    ) async throws {
        var welcome = Gcks_V1_RegistrationAnswerBatch()
        welcome.welcome = Gcks_V1_Welcome()
        let stream = PeerStream<_, _, OpenRegistration, _>(
            open: { first in
                let name = try checkedText(first.hello.name, "Hello.name")
                let peer = try listener.admit(.frontend, name: name, context)
                let announcement = first.hasAnnouncement ? try FrontendAnnouncement(first.announcement) : nil
                return OpenRegistration(
                    peer: peer, session: try await service.openRegistration(from: peer, announcement))
            },
            take: { try await $1.take($0) }, close: { await $0.session.close() }, welcome: welcome,
            outputs: { $0.session.outputs },
            encode: { $1.batches($0) }, written: { $0.fleet.zeroiseKeys() })
        try await stream.run(request, response, until: stop)
    }

    private final class OpenRegistration: Sendable {
        let peer: PeerIdentity
        let session: any RegistrationSession
        private let unanswered = Atomic(0)

        init(peer: PeerIdentity, session: any RegistrationSession) {
            self.peer = peer
            self.session = session
        }

        /// The keys that come with requests are taken out of the message and zeroised there, also when it is refused.
        func take(_ batch: Gcks_V1_RegistrationBatch) async throws(ContractError) {
            defer { batch.zeroiseKeys() }
            if batch.hasHeartbeat {
                await session.heartbeat(try checkedCounters(batch.heartbeat.counters, "Heartbeat.counters"))
            }
            let failures = try checkedList(
                batch.failedAuthentications, "RegistrationBatch.failed_authentications",
                atMost: Limits.failedAuthentications
            ) { failed throws(ContractError) in try FailedAuthentication(failed) }
            if !failures.isEmpty { await session.report(failures) }
            let name = peer.name
            let requests = try checkedList(
                batch.requests, "RegistrationBatch.requests", atMost: Limits.batchItems
            ) { request throws(ContractError) in try RegistrationRequest(request, frontend: name) }
            guard !requests.isEmpty else { return }
            let (_, waiting) = unanswered.wrappingAdd(requests.count, ordering: .relaxed)
            guard waiting <= Limits.outstandingRegistrations else {
                throw ContractError(
                    "RegistrationBatch.requests", .tooLong(limit: Limits.outstandingRegistrations))
            }
            await session.submit(requests)
        }

        func batches(_ outputs: [RegistrationOutput]) -> [Gcks_V1_RegistrationAnswerBatch] {
            var answers: [RegistrationAnswer] = []
            var updates: [Gcks_V1_RegistrationAnswerBatch] = []
            for output in outputs {
                switch output {
                case .answer(let answer): answers.append(answer)
                case .fleet(let update):
                    var batch = Gcks_V1_RegistrationAnswerBatch()
                    batch.fleet = Gcks_V1_FleetUpdate(update)
                    updates.append(batch)
                case .dismiss(let members):
                    for start in stride(from: 0, to: members.count, by: Limits.batchItems) {
                        var batch = Gcks_V1_RegistrationAnswerBatch()
                        batch.dismissed = members[start...].prefix(Limits.batchItems).map(Gcks_V1_Identity.init)
                        updates.append(batch)
                    }
                }
            }
            return updates + batches(answers)
        }

        private func batches(_ answers: [RegistrationAnswer]) -> [Gcks_V1_RegistrationAnswerBatch] {
            unanswered.wrappingSubtract(answers.count, ordering: .relaxed)
            return BatchCutter(answers.map(Gcks_V1_RegistrationAnswer.init), octets: \.octetEstimate).map { part in
                var batch = Gcks_V1_RegistrationAnswerBatch()
                batch.answers = part
                return batch
            }
        }
    }
}
