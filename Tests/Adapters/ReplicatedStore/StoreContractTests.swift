import GroupModel
import IKEVocabulary
import KeyMaterial
import ReplicatedStore
import TestKit
import Testing

/// What every store must do, asked of the model and of the real engine alike.
@Suite struct StoreContractTests {
    enum Kind: String, CaseIterable { case model, engine }

    /// Runs `body` on an empty store.
    private func onFreshStore(_ kind: Kind, _ body: (any ReplicatedStoring) async throws -> Void) async throws {
        guard kind == .engine else { return try await body(ModelStore()) }
        let harness = try StoreHarness()
        let node = harness.start(harness.settings(1))
        do {
            _ = try await eventually("a leader") { try await node.store.leader().flatMap { $0.isOurs ? $0 : nil } }
            try await body(node.store)
        } catch {
            await node.stop()
            throw error
        }
        await node.stop()
    }

    private func refusal(_ body: () async throws -> Void) async -> StoreFailure? {
        do {
            try await body()
            return nil
        } catch {
            return error as? StoreFailure
        }
    }

    private func isConstraint(_ failure: StoreFailure?) -> Bool {
        if case .constraint = failure { true } else { false }
    }

    @Test(arguments: Kind.allCases) func `every row comes back as it went in`(_ kind: Kind) async throws {
        try await onFreshStore(kind) { store in
            let term = try await store.lead().term
            let retired = RekeySARow(
                group: Rows.name, spi: RekeySPI(initiatorHalf: IKESPI(rawValue: 1), responderHalf: .zero),
                sealedKeymat: SealedKey(octets: []), authKey: nil, sealedSigningKey: nil,
                nextMessageID: MessageID(rawValue: .max), createdAt: WallTime(milliseconds: -1),
                expiresAt: WallTime(milliseconds: .max), retiredAt: WallTime(milliseconds: 5))
            let mutations: [StoreMutation] = [
                .putGroup(Rows.group(nextSenderID: 3)), .putRekeySA(Rows.rekeySA()), .putRekeySA(retired),
                .putDataSA(Rows.dataSA()), .putMember(Rows.member(1, senderIDs: [0, 2])), .putMember(Rows.member(2)),
                .addRekeyOrder(Rows.order(4, messageID: 0)), .recordOperation(Rows.join(1, senderIDs: [0, 2])),
            ]
            let receipt = try await store.commit(StoreTransaction(term: term, mutations: mutations))
            #expect(receipt == CommitReceipt(term: term, index: 1))
            let state = try await store.lead()
            #expect(state.term > term)
            #expect(state.groups == [Rows.group(nextSenderID: 3)])
            #expect(state.rekeySAs == [Rows.rekeySA(), retired])
            #expect(state.dataSAs == [Rows.dataSA()])
            #expect(state.members == [Rows.member(1, senderIDs: [0, 2]), Rows.member(2)])
            #expect(state.rekeyOrders == [Rows.order(4, messageID: 0)])
            #expect(state.operations == [Rows.join(1, senderIDs: [0, 2])])
        }
    }

    @Test(arguments: Kind.allCases) func `puts replace and removals remove`(_ kind: Kind) async throws {
        try await onFreshStore(kind) { store in
            let term = try await store.lead().term
            var mutations: [StoreMutation] = [
                .putGroup(Rows.group()), .putGroup(Rows.group(nextSenderID: 1, generation: 2)),
                .putRekeySA(Rows.rekeySA()), .putRekeySA(Rows.rekeySA(nextMessageID: 1)),
                .putDataSA(Rows.dataSA(300)), .putDataSA(Rows.dataSA(301)), .addRekeyOrder(Rows.order(1, messageID: 0)),
                .addRekeyOrder(Rows.order(2, messageID: 1)), .recordOperation(Rows.join(1, at: 10)),
                .recordOperation(Rows.join(2, at: 20)), .putMember(Rows.member(1)), .putMember(Rows.member(2)),
                .putMember(Rows.member(1, senderIDs: [7])),
            ]
            _ = try await store.commit(StoreTransaction(term: term, mutations: mutations))
            mutations = [
                .removeDataSA(ESPSPI(rawValue: 300), group: Rows.name), .removeRekeyOrder(1),
                .removeMember(.fqdn("gm2.example"), group: Rows.name),
                .forgetOperations(before: WallTime(milliseconds: 20)),
            ]
            #expect(try await store.commit(StoreTransaction(term: term, mutations: mutations)).index == 2)
            let state = try await store.lead()
            #expect(state.groups == [Rows.group(nextSenderID: 1, generation: 2)])
            #expect(state.rekeySAs == [Rows.rekeySA(nextMessageID: 1)])
            #expect(state.dataSAs == [Rows.dataSA(301)])
            #expect(state.members == [Rows.member(1, senderIDs: [7])])
            #expect(state.rekeyOrders.map(\.number) == [2])
            #expect(state.operations.map(\.operation) == [Rows.operationID(2)])
        }
    }

    @Test(arguments: Kind.allCases) func `an older leadership is fenced, and nothing of it stays`(_ kind: Kind)
        async throws
    {
        try await onFreshStore(kind) { store in
            let old = try await store.lead().term
            let new = try await store.lead().term
            #expect(new > old)
            let failure = await refusal {
                _ = try await store.commit(StoreTransaction(term: old, mutations: Rows.registration(1)))
            }
            #expect(failure == .fenced)
            #expect(try await store.outcome(of: Rows.operationID(1)) == nil)
            _ = try await store.commit(StoreTransaction(term: new, mutations: Rows.registration(1)))
            #expect(try await store.outcome(of: Rows.operationID(1)) == Rows.join(1))
            #expect(try await store.lead().members.count == 1)
        }
    }

    @Test(arguments: Kind.allCases) func `a message id is used once, also after its order is done`(_ kind: Kind)
        async throws
    {
        try await onFreshStore(kind) { store in
            let term = try await store.lead().term
            func commit(_ mutations: [StoreMutation]) async throws {
                _ = try await store.commit(StoreTransaction(term: term, mutations: mutations))
            }
            try await commit([.putRekeySA(Rows.rekeySA()), .addRekeyOrder(Rows.order(1, messageID: 5))])
            let again: [StoreMutation] = [
                .addRekeyOrder(Rows.order(2, messageID: 5, octet: 1)), .putMember(Rows.member(1)),
            ]
            #expect(isConstraint(await refusal { try await commit(again) }))
            try await commit([.removeRekeyOrder(1)])
            #expect(isConstraint(await refusal { try await commit(again) }))
            // Refused as a whole: the member of the same transaction is not there.
            #expect(try await store.lead().members.isEmpty)
        }
    }

    @Test(arguments: Kind.allCases) func `an operation is done once`(_ kind: Kind) async throws {
        try await onFreshStore(kind) { store in
            let term = try await store.lead().term
            let transaction = StoreTransaction(term: term, mutations: Rows.registration(1))
            _ = try await store.commit(transaction)
            #expect(isConstraint(await refusal { _ = try await store.commit(transaction) }))
            #expect(try await store.outcome(of: Rows.operationID(1)) == Rows.join(1))
            #expect(try await store.outcome(of: Rows.operationID(2)) == nil)
        }
    }

    @Test(arguments: Kind.allCases) func `a sender id is given once, also after its operation is forgotten`(
        _ kind: Kind
    ) async throws {
        try await onFreshStore(kind) { store in
            let term = try await store.lead().term
            func commit(_ mutations: [StoreMutation]) async throws {
                _ = try await store.commit(StoreTransaction(term: term, mutations: mutations))
            }
            try await commit([
                .putGroup(Rows.group(nextSenderID: 6)), .recordOperation(Rows.join(1, senderIDs: [4, 5], at: 10)),
            ])
            #expect(isConstraint(await refusal { try await commit([.recordOperation(Rows.join(2, senderIDs: [5]))]) }))
            #expect(isConstraint(await refusal { try await commit([.putGroup(Rows.group(nextSenderID: 5))]) }))
            try await commit([.forgetOperations(before: WallTime(milliseconds: 11))])
            #expect(isConstraint(await refusal { try await commit([.recordOperation(Rows.join(3, senderIDs: [4]))]) }))
            try await commit([
                .putGroup(Rows.group(nextSenderID: 7)), .recordOperation(Rows.join(4, senderIDs: [6])),
            ])
        }
    }

    @Test(arguments: Kind.allCases) func `many rows in one commit, in every shape of statement`(_ kind: Kind)
        async throws
    {
        try await onFreshStore(kind) { store in
            let term = try await store.lead().term
            // 64 + 16 + 4 + 1 and a little more, and enough for a second page of the reader.
            let first = (0..<89).flatMap { Rows.registration($0) }
            _ = try await store.commit(StoreTransaction(term: term, mutations: first))
            // The model looks at every row for every row; one page is the engine's affair.
            let count = kind == .engine ? 4200 : 400
            let second = (89..<count).flatMap { Rows.registration($0) }
            _ = try await store.commit(StoreTransaction(term: term, mutations: second))
            let state = try await store.lead()
            #expect(state.members == (0..<count).map { Rows.member($0) })
            #expect(state.operations == (0..<count).map { Rows.join($0) })
        }
    }

    @Test(arguments: Kind.allCases) func `callers at the same time wait for each other`(_ kind: Kind) async throws {
        try await onFreshStore(kind) { store in
            let term = try await store.lead().term
            let receipts = try await withThrowingTaskGroup(of: CommitReceipt.self) { group in
                for number in 0..<30 {
                    group.addTask {
                        try await store.commit(StoreTransaction(term: term, mutations: Rows.registration(number)))
                    }
                }
                return try await group.reduce(into: []) { $0.append($1.index) }
            }
            #expect(receipts.sorted() == Array(1...30))
            #expect(try await store.lead().members.count == 30)
        }
    }

    @Test(arguments: Kind.allCases) func `a group's counter grows alone, and only that of a known group`(_ kind: Kind)
        async throws
    {
        try await onFreshStore(kind) { store in
            let term = try await store.lead().term
            func commit(_ mutations: [StoreMutation]) async throws {
                _ = try await store.commit(StoreTransaction(term: term, mutations: mutations))
            }
            let unknown: [StoreMutation] = [.setNextSenderID(1, group: Rows.name), .putMember(Rows.member(1))]
            #expect(isConstraint(await refusal { try await commit(unknown) }))
            #expect(try await store.lead().members.isEmpty)
            let now = try await store.lead().term
            func commitNow(_ mutations: [StoreMutation]) async throws {
                _ = try await store.commit(StoreTransaction(term: now, mutations: mutations))
            }
            try await commitNow([.putGroup(Rows.group(nextSenderID: 3)), .setNextSenderID(4, group: Rows.name)])
            try await commitNow([.setNextSenderID(6, group: Rows.name), .setNextSenderID(7, group: Rows.name)])
            for back: [StoreMutation] in [
                [.setNextSenderID(6, group: Rows.name)],
                [.setNextSenderID(9, group: Rows.name), .setNextSenderID(8, group: Rows.name)],
                [.setNextSenderID(9, group: Rows.name), .putGroup(Rows.group(nextSenderID: 8))],
                [.putGroup(Rows.group(nextSenderID: 9)), .setNextSenderID(8, group: Rows.name)],
            ] { #expect(isConstraint(await refusal { try await commitNow(back) }), "\(back)") }
            #expect(try await store.lead().groups == [Rows.group(nextSenderID: 7)])
        }
    }

    /// The model looks at every row for every row, so it gets them at once.
    @Test func `one mutation forgets so many operations, the oldest first: the model`() throws {
        let count = StateLimits.forgottenAtOnce + 100
        let rows = (0..<count).map { Rows.join($0, at: Int64(count - $0)) }
        var state = StoredState(term: LeadershipTerm(rawValue: 1), operations: rows)
        let forget = StoreTransaction(
            term: state.term, mutations: [.forgetOperations(before: WallTime(milliseconds: Int64(count)))])
        try state.apply(forget)
        #expect(state.operations == Array(rows.prefix(100)))
        try state.apply(forget)
        #expect(state.operations == [rows[0]])
    }

    @Test func `one mutation forgets so many operations, the oldest first: the engine`() async throws {
        try await onFreshStore(.engine) { store in
            let count = StateLimits.forgottenAtOnce + 100
            let rows = (0..<count).map { Rows.join($0, senderIDs: [UInt32($0)], at: Int64(count - $0)) }
            var term = try await store.lead().term
            for part in stride(from: 0, to: count, by: 1000) {
                let mutations = rows[part..<min(part + 1000, count)].map { StoreMutation.recordOperation($0) }
                let group = Rows.group(nextSenderID: UInt64(count))
                _ = try await store.commit(StoreTransaction(term: term, mutations: [.putGroup(group)] + mutations))
            }
            let forget = [StoreMutation.forgetOperations(before: WallTime(milliseconds: Int64(count)))]
            for left in [100, 1, 1] {
                _ = try await store.commit(StoreTransaction(term: term, mutations: forget))
                let state = try await store.lead()
                term = state.term
                #expect(state.operations == Array(rows.prefix(left)))
            }
            // Also those that were forgotten are not given again.
            let again = [StoreMutation.recordOperation(Rows.join(count, senderIDs: [UInt32(count - 1)]))]
            let refused = await refusal { _ = try await store.commit(StoreTransaction(term: term, mutations: again)) }
            #expect(isConstraint(refused))
        }
    }

    @Test func `a text with NUL goes nowhere`() async throws {
        try await onFreshStore(.engine) { store in
            let term = try await store.lead().term
            var row = Rows.dataSA()
            row.name = "quo\0tes"
            let mutations = [StoreMutation.putDataSA(row)]
            #expect(isConstraint(await refusal { _ = try await store.commit(.init(term: term, mutations: mutations)) }))
            #expect(try await store.lead().dataSAs.isEmpty)
        }
    }
}
