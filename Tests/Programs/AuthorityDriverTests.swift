import AuthorityCore
import Foundation
import GroupModel
import IKEVocabulary
import KeyMaterial
import RootKey
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import AuthorityRPC
@testable import gcks_authority

/// What the driver lets out, and when, on a store whose commits can be held up.
@Suite(.timeLimit(.minutes(1))) struct AuthorityDriverTests {
    private func withDriver(
        _ store: GatedStore, _ body: @Sendable (AuthorityDriver) async throws -> Void
    ) async throws {
        var entropy = SeededEntropy(seed: 1)
        let log = EventLog(program: "test", sink: .detected(), write: { _ in })
        let driver = AuthorityDriver(
            name: "authority-1", store: store, sealer: try RootKeyring(key: entropy.secret(32)), log: log,
            clocks: Clocks(), nextLife: NextLifeOrder(dataDirectory: NSTemporaryDirectory() + "none"),
            limits: .init())
        let running = Task { await driver.run() }
        let result: Result<Void, any Error>
        do {
            try await eventually { await driver.leadingTerm != nil }
            result = .success(try await body(driver))
        } catch {
            result = .failure(error)
        }
        store.open()
        await driver.stop()
        await running.value
        try result.get()
    }

    private func eventually(
        within limit: Duration = .seconds(10), _ condition: @Sendable () async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        try #require(try await condition())
    }

    private func alice() throws -> PeerIdentity { try #require(PeerIdentity(role: .cryptoOfficer, name: "alice")) }

    private func mandate(_ number: UInt64) throws -> Mandate {
        let operation = OperationID(
            initiator: IKESPI(rawValue: number), responder: IKESPI(rawValue: 1), messageID: MessageID(rawValue: 1))
        return Mandate(operation: operation, reason: Reason("test"), isDryRun: false)
    }

    private func group() throws -> GroupDefinition {
        let address = try #require(IPAddress("239.1.1.1"))
        return GroupDefinition(
            name: try #require(GroupName("market-data")), identification: .keyID("market-data"), mode: .tunnel,
            rekey: RekeyDefinition(
                destination: Endpoint(address, port: 848), suite: .aesGCM256, keyWrap: .kw5649_256,
                authentication: .ed25519, lifetime: Lifetime(seconds: 86_400), copies: 2, spacing: .milliseconds(250),
                fragmentOctets: 1280, timeToLive: 16),
            data: [
                DataSADefinition(
                    name: "ticks", source: .any(ipv4: true, ipProtocol: TrafficSelector.udp),
                    destination: .single(address, ipProtocol: TrafficSelector.udp, port: 5000), suite: .aesGCM256,
                    senders: .shared, lifetime: Lifetime(seconds: 3600))
            ],
            activationTimeDelay: 5, deactivationTimeDelay: 10, senderIDWidth: try #require(SenderIDWidth(bits: 16)),
            memberLimit: 100, rules: [])
    }

    private final class Orders: Sendable {
        private let items = Mutex<[RekeyOrder]>([])
        var all: [RekeyOrder] { items.withLock { $0 } }

        func collect(_ outputs: AsyncStream<SessionOutput<BroadcastOutput>>) async {
            for await case .items(let batch) in outputs {
                let orders = batch.compactMap { if case .order(let order) = $0 { order } else { nil } }
                items.withLock { $0 += orders }
            }
        }
    }

    /// The commit of the first decision fails and the rekey is decided again, with other keys: a broadcaster that comes meanwhile
    /// must never see the octets of the first.
    @Test func aRekeyOrderIsOfferedAfterItsCommitOnly() async throws {
        let store = GatedStore()
        try await withDriver(store) { driver in
            let definition = try group()
            _ = try await driver.operate(.groupApply(definition, try mandate(1)), by: try alice())
            store.shut()
            let asked = OperatorRequest.rekeyNow(definition.name, scope: .all, try mandate(2))
            let asker = try alice()
            let rekey = Task { try await driver.operate(asked, by: asker) }
            try await eventually { store.held.contains { if case .addRekeyOrder = $0 { true } else { false } } }
            let peer = try #require(PeerIdentity(role: .broadcaster, name: "broadcaster-1"))
            let (orders, desk) = (Orders(), try await driver.openBroadcastDesk(peer))
            let collecting = Task { await orders.collect(desk.orders) }
            try await Task.sleep(for: .milliseconds(100))
            #expect(orders.all.isEmpty)
            store.open(failing: 1)
            _ = try await rekey.value
            try await eventually { !orders.all.isEmpty }
            #expect(orders.all.map(\.datagrams) == store.state.rekeyOrders.map(\.datagrams))
            collecting.cancel()
        }
    }

    private final class Answered: Sendable {
        let count = Mutex(0)
    }

    /// Asked again while the first asking is not committed: nobody can say yet what became of it.
    @Test func aHandOverIsAnsweredFromWhatIsCommitted() async throws {
        let store = GatedStore()
        try await withDriver(store) { driver in
            store.shut()
            let asked = OperatorRequest.cluster(.transfer(to: "authority-2", try mandate(1)))
            let asker = try alice()
            let answered = Answered()
            var asking: [Task<Void, Never>] = []
            for _ in 0..<2 {
                asking.append(
                    Task {
                        _ = try? await driver.operate(asked, by: asker)
                        answered.count.withLock { $0 += 1 }
                    })
                try await eventually { store.held.contains { if case .recordOperation = $0 { true } else { false } } }
            }
            try await Task.sleep(for: .milliseconds(100))
            #expect(answered.count.withLock { $0 } == 0)
            store.open()
            for task in asking { await task.value }
            #expect(store.state.operations.count == 1)
        }
    }

    /// The commit of it fails, and it is decided again: nobody may have been told that it will not be done.
    @Test func whatIsUnderWayIsNotSaidToBeUndone() async throws {
        let store = GatedStore()
        try await withDriver(store) { driver in
            let definition = try group()
            store.shut()
            let (asked, asker) = (OperatorRequest.groupApply(definition, try mandate(1)), try alice())
            let applying = Task { try await driver.operate(asked, by: asker) }
            try await eventually { store.held.contains { if case .putGroup = $0 { true } else { false } } }
            let looked = try await driver.operate(.cluster(.outcome(try mandate(1).operation)), by: asker)
            guard case .cluster(.outcome(.waiting)) = looked else {
                Issue.record("told \(looked)")
                return
            }
            store.open(failing: 1)
            _ = try await applying.value
        }
    }

    /// A request id belongs to what it was first used for.
    @Test func aHandOverUnderTheIdOfSomethingElseIsRefused() async throws {
        try await withDriver(GatedStore()) { driver in
            _ = try await driver.operate(.groupApply(try group(), try mandate(1)), by: try alice())
            let asked = OperatorRequest.cluster(.transfer(to: "authority-2", try mandate(1)))
            await #expect(throws: OperatorFailure.self) { try await driver.operate(asked, by: try alice()) }
        }
    }

    @Test func afterTheFirstSchemaFrontendsHaveNumbersAndTheTrailSaysWhoEndedIt() async throws {
        let store = GatedStore(schema: 1)
        try await withDriver(store) { driver in
            for name in ["frontend-1", "frontend-2"] {
                _ = try await driver.openRegistrationDesk(
                    try #require(PeerIdentity(role: .frontend, name: name)), nil)
            }
            var asker = try alice()
            asker.proof = "unix uid=7 (alice)"
            let asked = UpkeepRequest.upgradeFinalize(schema: 2, known: ["authority-1": 2], try mandate(1))
            _ = try await driver.operate(.upkeep(asked), by: asker)
            // Nobody connected again, and nobody is dropped yet for being silent.
            try await eventually(within: .seconds(3)) { store.state.frontends.count == 2 }
            let reply = try await driver.operate(.fleet(.list(nil)), by: try alice())
            guard case .frontends(let listed) = reply else {
                Issue.record("another reply")
                return
            }
            #expect(listed.map(\.number.rawValue) == [1, 2])
            let raised = store.trail.filter { $0.entry.action == "upgrade-finalize" }
            #expect(raised.map(\.entry.actor) == ["alice"])
            #expect(raised.map(\.entry.source) == ["authority-1 unix uid=7 (alice)"])
        }
    }
}
