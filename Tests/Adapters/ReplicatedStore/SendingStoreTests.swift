import GroupModel
import IKEVocabulary
import ReplicatedStore
import TestKit
import Testing

/// Claims, promises, reports and the reset of Sender-IDs on the real engine.
@Suite struct SendingStoreTests {
    private func onEngine(_ body: (any ReplicatedStoring, LeadershipTerm) async throws -> Void) async throws {
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        do {
            _ = try await eventually("a leader") { try await node.store.leader().flatMap { $0.isOurs ? $0 : nil } }
            try await body(node.store, try await node.store.lead().term)
        } catch {
            await node.stop()
            throw error
        }
        await node.stop()
    }

    private func isRefused(_ mutations: [StoreMutation], _ store: any ReplicatedStoring, _ term: LeadershipTerm) async
        -> Bool
    {
        do throws(StoreFailure) {
            _ = try await store.commit(StoreTransaction(term: term, mutations: mutations))
            return false
        } catch {
            if case .constraint = error { return true }
            return false
        }
    }

    private func row(_ next: UInt64, _ counter: UInt32) -> SequenceRow {
        SequenceRow(
            group: Rows.name, spi: ESPSPI(rawValue: 300), next: next, counter: counter, at: WallTime(milliseconds: 5),
            earlierNext: 1, earlierAt: WallTime(milliseconds: 4))
    }

    @Test func `every row comes back as it went in, and numbers never go back`() async throws {
        try await onEngine { store, term in
            let claims = [
                SenderClaimRow(group: Rows.name, dataSA: "a"),
                SenderClaimRow(
                    group: Rows.name, dataSA: "b", holder: .fqdn("s.example"),
                    association: [UInt8](repeating: 7, count: 16)),
            ]
            let promise = RekeyPromiseRow(group: Rows.name, spi: Rows.spi)
            let mutations: [StoreMutation] =
                claims.map { .sending(.putClaim($0)) } + [
                    .sending(.putPromise(promise)), .sending(.putSequence(row(100, 1))),
                    .sending(.putSequence(row(1 << 40, 2))),
                ]
            _ = try await store.commit(StoreTransaction(term: term, mutations: mutations))
            for back in [row(1 << 40, 3), row((1 << 40) + 1, 2), row(3, 9)] {
                #expect(await isRefused([.sending(.putSequence(back))], store, term))
            }
            let state = try await store.lead()
            #expect(
                state.sending
                    == SendingState(claims: claims, promises: [promise], sequences: [row(1 << 40, 2)]))
            let gone = StoreMutation.sending(.removeSequence(ESPSPI(rawValue: 300), group: Rows.name))
            _ = try await store.commit(StoreTransaction(term: state.term, mutations: [gone]))
            #expect(try await store.lead().sending.sequences.isEmpty)
        }
    }

    @Test func `sender ids begin anew only with new keys`() async throws {
        try await onEngine { store, term in
            let reset = StoreMutation.sending(.resetSenderIDs(Rows.name))
            _ = try await store.commit(
                StoreTransaction(
                    term: term,
                    mutations: [
                        .putGroup(Rows.group(nextSenderID: 3)), .recordOperation(Rows.join(1, senderIDs: [0, 1, 2])),
                    ]))
            #expect(await isRefused([.putGroup(Rows.group(nextSenderID: 0, generation: 2))], store, term))
            #expect(await isRefused([reset, .putGroup(Rows.group(nextSenderID: 0))], store, term))
            // Given just before in the same transaction, and free again with the reset.
            _ = try await store.commit(
                StoreTransaction(
                    term: term,
                    mutations: [
                        .recordOperation(Rows.join(2, senderIDs: [3])), reset,
                        .putGroup(Rows.group(nextSenderID: 1, generation: 2)),
                        .recordOperation(Rows.join(3, senderIDs: [0])),
                    ]))
            #expect(try await store.lead().groups.map(\.nextSenderID) == [1])
            let next = try await store.lead().term
            #expect(await isRefused([.recordOperation(Rows.join(4, senderIDs: [0]))], store, next))
            #expect(await isRefused([.recordOperation(Rows.join(5, senderIDs: [3]))], store, next) == false)
        }
    }
}
