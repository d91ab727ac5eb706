import AuthorityCore
import GroupModel
import IKEVocabulary
import KeyMaterial
import Octets
import TestKit
import Testing

/// Frontends at the authority: numbers, keys and drains.
struct FleetDecisionTests {
    private func announcement(_ octet: UInt8) throws -> FrontendAnnouncement {
        FrontendAnnouncement(
            instance: try #require(FrontendInstance(octets: [UInt8](repeating: octet, count: 8))),
            relay: Endpoint("192.0.2.\(octet):7711"), publicAddress: IPAddress("192.0.2.\(octet)"))
    }

    private func update(_ authority: Authority, _ name: String, at now: WallTime = morning) throws -> FleetUpdate {
        let live = ["frontend-1": try announcement(1), "frontend-2": try announcement(2)]
        return try #require(authority.core.fleetUpdate(for: name, live: live, at: now))
    }

    private func octets(_ key: HeldSecret) -> [UInt8] { key.secret.exposed() }

    private func met() throws -> Authority {
        let authority = try Authority()
        for name in ["frontend-1", "frontend-2"] { try authority.decide([.frontend(name)]) }
        return authority
    }

    @Test func eachFrontendHasANumberOfItsOwnForEver() throws {
        let authority = try met()
        try authority.decide([.frontend("frontend-1")])
        try authority.restart()
        try authority.decide([.frontend("frontend-3"), .frontend("frontend-2")])
        let numbers = authority.core.frontends.map { "\($0.name) \($0.number)" }
        #expect(numbers == ["frontend-1 1", "frontend-2 2", "frontend-3 3"])
        #expect(authority.state.frontends.count == 3)
        // Nobody without a number is told anything.
        #expect(authority.core.fleetUpdate(for: "frontend-9", live: [:], at: morning) == nil)
    }

    @Test func allAreGivenTheSameKeysAlsoByTheNextLeader() throws {
        let authority = try met()
        let one = try update(authority, "frontend-1")
        let two = try update(authority, "frontend-2")
        #expect(one.number.rawValue == 1 && two.number.rawValue == 2)
        #expect(one.cookieKeys.map { octets($0.key) } == two.cookieKeys.map { octets($0.key) })
        #expect(one.keys.map { octets($0.relay) } == two.keys.map { octets($0.relay) })
        #expect(one.peers.map(\.name) == ["frontend-2"] && two.peers.map(\.name) == ["frontend-1"])
        try authority.restart()
        let later = try update(authority, "frontend-1")
        #expect(one.keys.map { octets($0.spi) } == later.keys.map { octets($0.spi) })
        let all = (one.cookieKeys.map(\.key) + one.keys.flatMap { [$0.spi, $0.relay] }).map(octets)
        #expect(Set(all).count == all.count && all.allSatisfy { $0.count == 32 })
    }

    @Test func cookieKeysGoOnAndOverlap() throws {
        let authority = try met()
        let now = try update(authority, "frontend-1")
        let next = try update(authority, "frontend-1", at: seconds(120))
        #expect(now.cookieKeys.map(\.version).count == 3)
        // In force, before, next: what is in force now is good one epoch later, and the other way round.
        #expect(octets(next.cookieKeys[0].key) == octets(now.cookieKeys[2].key))
        #expect(octets(next.cookieKeys[1].key) == octets(now.cookieKeys[0].key))
        #expect(next.cookieKeys[0].version == now.cookieKeys[0].version &+ 1)
        #expect(AuthorityCore.fleetEpochs(at: morning) != AuthorityCore.fleetEpochs(at: seconds(120)))
        // SPIs name their owner for longer than an IKE SA lives.
        let month = try update(authority, "frontend-1", at: seconds(30 * 86_400))
        #expect(octets(month.keys[1].spi) == octets(now.keys[0].spi))
    }

    @Test func theSecretIsSealedInTheStore() throws {
        let authority = try met()
        let row = try #require(authority.state.fleetSecret)
        #expect(row.sealedSecret.octets.count == 1 + 4 + 12 + 32 + 16)
        // A second meeting makes no second secret.
        try authority.decide([.frontend("frontend-1")])
        #expect(authority.state.fleetSecret == row)
    }

    @Test func aDrainIsKeptAndToldAndTakenBack() throws {
        let authority = try met()
        let mandate = try authority.mandate()
        let request = FleetRequest.drain(
            "frontend-1", redirectTo: "frontend-2", deadline: Lifetime(seconds: 60), mandate)
        let effects = try authority.decide([.operation(.fleet(request), by: alice, token: 1)])
        #expect(effects.contains { if case .fleetChanged = $0 { true } else { false } })
        let order = DrainOrder(redirectTo: "frontend-2", deadline: seconds(60))
        #expect(try update(authority, "frontend-1").drain == order)
        #expect(try update(authority, "frontend-2").peers.map(\.isDraining) == [true])
        // Asked again, under the same operation, later: the first answer, and the first deadline.
        _ = try authority.operate(.fleet(request), at: seconds(30)).get()
        #expect(try update(authority, "frontend-1").drain == order)
        try authority.restart()
        #expect(try update(authority, "frontend-1").drain == order)
        _ = try authority.operate(.fleet(.undrain("frontend-1", try authority.mandate()))).get()
        #expect(try update(authority, "frontend-1").drain == nil)
    }

    @Test func aDryRunDrainsNothing() throws {
        let authority = try met()
        let request = FleetRequest.drain(
            "frontend-1", redirectTo: nil, deadline: nil, try authority.mandate(isDryRun: true))
        guard case .done(let lines) = try authority.operate(.fleet(request)).get() else { throw Missing() }
        #expect(lines.allSatisfy { $0.hasSuffix("(dry run)") } && !lines.isEmpty)
        #expect(try update(authority, "frontend-1").drain == nil)
    }

    private struct Missing: Error {}

    /// The first schema has no place for it: the next leader would know nothing of what was acknowledged.
    @Test func whatTheSchemaCannotKeepIsRefusedAndSaysWhatToDo() throws {
        let authority = try Authority()
        authority.state.upkeep.schema = 1
        try authority.restart()
        for name in ["frontend-1", "frontend-2"] { try authority.decide([.frontend(name)]) }
        let request = FleetRequest.drain("frontend-1", redirectTo: nil, deadline: nil, try authority.mandate())
        guard case .failure(.conflict(let why)) = try authority.operate(.fleet(request)) else { throw Missing() }
        #expect(why == "schema 1 cannot keep a drain: finish the upgrade with gcksctl upgrade finalize")
        #expect(try update(authority, "frontend-1").drain == nil)
    }

    @Test func whatCannotBeDrainedIsRefused() throws {
        let authority = try met()
        func drain(_ name: String, to target: String? = nil) throws -> OperatorFailure? {
            let request = FleetRequest.drain(name, redirectTo: target, deadline: nil, try authority.mandate())
            if case .failure(let failure) = try authority.operate(.fleet(request)) { return failure }
            return nil
        }
        #expect(try drain("frontend-9") == .notFound("no frontend frontend-9"))
        #expect(try drain("frontend-1", to: "frontend-9") == .notFound("no frontend frontend-9"))
        #expect(try drain("frontend-1", to: "frontend-1") == .conflict("frontend-1 cannot send members to itself"))
        #expect(try drain("frontend-1") == nil)
        #expect(try drain("frontend-2") == .conflict("frontend-2 is the last frontend that does not drain"))
        let viewer = OperatorActor(name: "eve", roles: [.viewer], source: "authority-1")
        let request = FleetRequest.undrain("frontend-1", try authority.mandate())
        let effects = try authority.decide([.operation(.fleet(request), by: viewer, token: 2)])
        #expect(
            effects.contains {
                if case .reply(.failure(.notAuthorised), token: 2) = $0 { true } else { false }
            })
    }
}
