import AuthorityCore
import GroupModel
import IKEVocabulary
import KeyMaterial
import TestKit
import Testing

@Suite struct LifeTests {
    private let group = GroupName("market-data")

    /// An authority with a group, two members, one excluded identity and a rekey that nobody has acknowledged.
    private func busy() throws -> Authority {
        let authority = try Authority()
        try authority.apply(try exampleGroup())
        for name in ["a.senders.example", "b.senders.example"] {
            _ = try authority.register(try authority.join(name, senderIDs: 1))
        }
        _ = try authority.operate(.control(.deny([.fqdn("c.example")], group: group, try authority.mandate("stolen"))))
            .get()
        _ = try authority.operate(.rekeyNow(try #require(group), scope: .all, try authority.mandate())).get()
        return authority
    }

    private func backup(of authority: Authority) throws -> BackupDocument {
        guard case .backup(let document) = try authority.operate(.backup(.create)).get() else {
            throw OperatorFailure.unavailable("no backup")
        }
        return document
    }

    private func life(of spi: ESPSPI) -> UInt32 { spi.rawValue >> 20 }

    @Test func spisCarryTheLife() throws {
        let authority = try busy()
        #expect(Set(authority.state.dataSAs.map { life(of: $0.spi) }) == [1])
        #expect(ClusterLife.first.spi(.max) == ESPSPI(rawValue: 0x001f_ffff))
        #expect(ClusterLife.last.spi(0) == ESPSPI(rawValue: 0xfff0_0000))
        #expect(ClusterLife.last.next == nil && ClusterLife(rawValue: 0) == nil)
    }

    @Test func aRestoredClusterHasNothingOfTheOldOneButItsRules() throws {
        let old = try busy()
        let document = try backup(of: old)
        #expect(document.groups[0].dataSPIs.count == old.state.dataSAs.count)
        let fresh = try Authority(seed: 2)
        _ = try fresh.operate(.backup(.restore(document, life: nil, try fresh.mandate("site lost")))).get()
        #expect(fresh.state.life == ClusterLife(rawValue: 2))
        #expect(fresh.state.groups.map(\.definition) == old.state.groups.map(\.definition))
        #expect(fresh.state.exclusions.map(\.identity) == [.fqdn("c.example")])
        #expect(fresh.state.members.isEmpty && fresh.state.rekeyOrders.isEmpty)
        #expect(fresh.state.groups[0].nextSenderID == old.state.groups[0].nextSenderID)
        #expect(Set(fresh.state.dataSAs.map { life(of: $0.spi) }) == [2])
        #expect(Set(fresh.state.rekeySAs.map(\.spi)).isDisjoint(with: old.state.rekeySAs.map(\.spi)))
        #expect(fresh.state.rekeySAs.map(\.authKey) != old.state.rekeySAs.filter { $0.retiredAt == nil }.map(\.authKey))
        try fresh.restart()
        guard case .granted = try fresh.register(try fresh.join("a.senders.example", senderIDs: 1)) else {
            Issue.record("a member of before is refused")
            return
        }
        #expect(fresh.trail.contains { $0.entry.action == "backup-restored" })
    }

    /// A broadcaster that lives on knows the orders of before by their numbers, of leaderships that this copy never saw too.
    @Test func ordersOfANewLifeAreNumberedAboveAllOfBefore() throws {
        func lastOrder(_ authority: Authority) throws -> Int64 {
            _ = try authority.operate(.rekeyNow(try #require(group), scope: .all, try authority.mandate())).get()
            return try #require(authority.state.rekeyOrders.map(\.number).max())
        }
        let old = try busy()
        let document = try backup(of: old)
        for _ in 0..<40 { try old.restart() }
        let ofBefore = try lastOrder(old)

        let restored = try Authority(seed: 2)
        _ = try restored.operate(.backup(.restore(document, life: nil, try restored.mandate("site lost")))).get()
        #expect(try lastOrder(restored) > ofBefore)

        let forced = try busy()
        try forced.decide([.newLife(try forced.mandate().operation, reason: "two of three are lost")])
        #expect(try lastOrder(forced) > ofBefore)
        #expect(try lastOrder(forced) < 1 << 53)
    }

    @Test func aRestoreIsRefusedBeforeAnythingChanges() throws {
        let document = try backup(of: try busy())
        let used = try busy()
        let before = used.state.groups
        let intoUsed = try used.operate(.backup(.restore(document, life: nil, try used.mandate("x"))))
        guard case .failure(.conflict) = intoUsed else {
            Issue.record("restored over a cluster that has groups")
            return
        }
        #expect(used.state.groups == before)

        let fresh = try Authority(seed: 3)
        func restore(_ document: BackupDocument, _ life: UInt32? = nil, reason: String? = "x") throws
            -> OperatorFailure?
        {
            let mandate = try fresh.mandate(reason)
            let life = life.flatMap { ClusterLife(rawValue: $0) }
            if case .failure(let failure) = try fresh.operate(.backup(.restore(document, life: life, mandate))) {
                return failure
            }
            return nil
        }
        var twice = document
        twice.groups += document.groups
        var last = document
        last.life = .last
        for failure in [
            try restore(document, 1), try restore(twice), try restore(last), try restore(document, reason: nil),
        ] { #expect(failure != nil) }
        #expect(fresh.state.groups.isEmpty && fresh.state.life == .first)
    }

    @Test func aNewLifeTakesUpNothingOfTheOldOne() throws {
        let authority = try busy()
        let (oldKEKs, oldTEKs) = (authority.state.rekeySAs.map(\.spi), authority.state.dataSAs.map(\.spi))
        #expect(!authority.state.rekeyOrders.isEmpty)
        let operation = try authority.operationID()
        let effects = try authority.decide([.newLife(operation, reason: "two of three are lost")])
        #expect(authority.state.life == ClusterLife(rawValue: 2))
        #expect(authority.state.rekeyOrders.isEmpty && authority.state.members.isEmpty)
        #expect(authority.state.rekeySAs.allSatisfy { !oldKEKs.contains($0.spi) && $0.nextMessageID == .zero })
        #expect(authority.state.dataSAs.allSatisfy { !oldTEKs.contains($0.spi) && life(of: $0.spi) == 2 })
        #expect(authority.state.exclusions.map(\.identity) == [.fqdn("c.example")])
        let isSilent = effects.allSatisfy { if case .broadcast = $0 { false } else { true } }
        #expect(isSilent, "a message over an old Rekey SA may use its Message ID a second time")
        let after = authority.state.rekeySAs
        try authority.restart()
        _ = try authority.decide([.newLife(operation, reason: "again")])
        #expect(authority.state.rekeySAs == after, "one operation begins one life")
    }
}
