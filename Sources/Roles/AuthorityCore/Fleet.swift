package import GroupModel
import IKECrypto
package import IKEVocabulary
import KeyMaterial

/// The frontends of the cluster: their numbers, which of them drain, and the secret their keys come from.
struct FleetState {
    var secret: HeldSecret?
    /// The secret as it is stored.
    var secretRow: FleetSecretRow?
    var frontends: [String: FrontendRow] = [:]
}

extension AuthorityCore {
    func loadFleet(_ state: StoredState) throws(AuthorityFailure) {
        for row in state.frontends { fleet.frontends[row.name] = row }
        guard let row = state.fleetSecret else { return }
        let secret = try unseal(row.sealedSecret, SealedPlace.fleetSecret)
        guard secret.count == FleetLimits.keyOctets else {
            throw .unusable("\(SealedPlace.fleetSecret) has the wrong size")
        }
        fleet.secret = HeldSecret(secret)
        fleet.secretRow = row
    }

    /// A frontend came or went: one that was never met gets a number of its own.
    func meet(_ name: String, at now: WallTime, into draft: inout DecisionDraft) {
        if fleet.secret == nil {
            let secret = entropy.secret(FleetLimits.keyOctets)
            let sealed = sealer.seal(secret, context: SealedPlace.fleetSecret)
            fleet.secret = HeldSecret(secret)
            let row = FleetSecretRow(sealedSecret: sealed, createdAt: now)
            fleet.secretRow = row
            draft.mutations.append(.putFleetSecret(row))
            draft.audit.append(Causer(authority: node).entry("fleet-secret-made", "cluster"))
        }
        draft.effects.append(.fleetChanged)
        guard fleet.frontends[name] == nil else { return }
        guard fleet.frontends.count < FleetLimits.frontends, let number = freeNumber() else {
            draft.effects.append(
                .event(
                    Event("too-many-frontends", .error, [("frontend", name), ("met", "\(fleet.frontends.count)")])))
            return
        }
        put(FrontendRow(name: name, number: number, drain: nil, changedAt: now), into: &draft)
        draft.audit.append(Causer(authority: node).entry("frontend-numbered", "frontend/\(name)"))
        draft.effects.append(
            .event(Event("frontend-numbered", .notice, [("frontend", name), ("number", "\(number)")])))
    }

    private func freeNumber() -> FrontendNumber? {
        let taken = Set(fleet.frontends.values.map(\.number.rawValue))
        return (1...UInt16.max).first { !taken.contains($0) }.flatMap { FrontendNumber(rawValue: $0) }
    }

    private func put(_ row: FrontendRow, into draft: inout DecisionDraft) {
        fleet.frontends[row.name] = row
        draft.mutations.append(.putFrontend(row))
    }

    // MARK: What frontends are told

    package var frontends: [FrontendRow] { fleet.frontends.values.sorted { $0.name < $1.name } }

    /// The epochs of cookie keys and fleet keys: when either changes, frontends are told anew.
    package static func fleetEpochs(at now: WallTime) -> [UInt64] {
        [CookieEpoch.length, FleetEpoch.length].map { UInt64(max(now.milliseconds, 0)) / $0 }
    }

    /// What one frontend is told.
    ///
    /// - Parameter live: the frontends that are connected now.
    /// - Returns: nil for a frontend that has no number.
    package func fleetUpdate(
        for name: String, live: [String: FrontendAnnouncement], at now: WallTime
    ) -> FleetUpdate? {
        guard let own = fleet.frontends[name], let secret = fleet.secret else { return nil }
        let epochs = Self.fleetEpochs(at: now).map(Self.generations)
        let cookieKeys = epochs[0].compactMap { epoch in
            derive(secret, "cookie", epoch).map {
                FleetUpdate.CookieKey(version: UInt8(truncatingIfNeeded: epoch), key: $0)
            }
        }
        let keys = epochs[1].compactMap { epoch -> FleetUpdate.Keys? in
            guard let spi = derive(secret, "spi", epoch), let relay = derive(secret, "relay", epoch) else {
                return nil
            }
            return FleetUpdate.Keys(epoch: UInt8(truncatingIfNeeded: epoch), spi: spi, relay: relay)
        }
        let peers = live.compactMap { peer, announcement -> FleetUpdate.Peer? in
            guard peer != name, let row = fleet.frontends[peer] else { return nil }
            return FleetUpdate.Peer(
                name: peer, number: row.number, announcement: announcement, isDraining: row.drain != nil)
        }
        return FleetUpdate(
            number: own.number, cookieKeys: cookieKeys, keys: keys, peers: peers.sorted { $0.number < $1.number },
            drain: own.drain)
    }

    /// The epoch in force, the one before it and the next: frontends learn of a change at different moments.
    private static func generations(_ epoch: UInt64) -> [UInt64] { [epoch, epoch &- 1, epoch &+ 1] }

    /// HKDF-Expand(fleet secret, "gcks fleet" | what | epoch, 32) with SHA-256 (RFC 5869 2.3).
    private func derive(_ secret: HeldSecret, _ what: String, _ epoch: UInt64) -> HeldSecret? {
        let octets = stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: epoch >> UInt64($0)) }
        do throws(CryptoError) {
            return HeldSecret(
                try engine.prfPlus(
                    .hmacSHA256, key: secret.secret, seed: Array("gcks fleet \(what) ".utf8) + octets,
                    count: FleetLimits.keyOctets))
        } catch {
            return nil
        }
    }

    // MARK: What operators decide

    func decide(
        _ request: FleetRequest, by actor: OperatorActor, at now: WallTime, into draft: inout DecisionDraft
    ) -> Result<OperatorReply, OperatorFailure> {
        switch request {
        case .list: .failure(.unavailable("frontends are listed by the authority they are connected to"))
        case .drain(let name, let target, let deadline, let mandate):
            once(mandate) {
                try self.drain(name, to: target, by: deadline, mandate, actor, at: now, into: &draft)
            }
        case .undrain(let name, let mandate):
            once(mandate) { try self.undrain(name, mandate, actor, at: now, into: &draft) }
        }
    }

    private func drain(
        _ name: String, to target: String?, by deadline: Lifetime?, _ mandate: Mandate, _ actor: OperatorActor,
        at now: WallTime, into draft: inout DecisionDraft
    ) throws -> [String] {
        guard !upkeep.isFirstSchema else {
            throw OperatorFailure.conflict(
                "schema \(upkeep.schema) cannot keep a drain: finish the upgrade with gcksctl upgrade finalize")
        }
        guard var row = fleet.frontends[name] else { throw OperatorFailure.notFound("no frontend \(name)") }
        if let target {
            guard target != name else { throw OperatorFailure.conflict("\(name) cannot send members to itself") }
            guard let other = fleet.frontends[target] else { throw OperatorFailure.notFound("no frontend \(target)") }
            guard other.drain == nil else { throw OperatorFailure.conflict("\(target) drains itself") }
        }
        guard fleet.frontends.values.contains(where: { $0.name != name && $0.drain == nil }) else {
            throw OperatorFailure.conflict("\(name) is the last frontend that does not drain")
        }
        row.drain = DrainOrder(redirectTo: target, deadline: deadline.map { now.adding($0) })
        row.changedAt = now
        var lines = ["frontend \(name) drains: it takes no new members"]
        if let target { lines.append("members that can be sent are sent to \(target)") }
        if let deadline { lines.append("who is left after \(deadline.seconds) s is told Delete") }
        return conclude("frontend-drain", row, lines, mandate, actor, at: now, into: &draft)
    }

    private func undrain(
        _ name: String, _ mandate: Mandate, _ actor: OperatorActor, at now: WallTime, into draft: inout DecisionDraft
    ) throws -> [String] {
        guard var row = fleet.frontends[name] else { throw OperatorFailure.notFound("no frontend \(name)") }
        guard row.drain != nil else { return ["frontend \(name) does not drain"] }
        row.drain = nil
        row.changedAt = now
        return conclude(
            "frontend-undrain", row, ["frontend \(name) takes members again"], mandate, actor, at: now, into: &draft)
    }

    private func conclude(
        _ kind: String, _ row: FrontendRow, _ lines: [String], _ mandate: Mandate, _ actor: OperatorActor,
        at now: WallTime, into draft: inout DecisionDraft
    ) -> [String] {
        guard !mandate.isDryRun, let group = FleetOperations.group else { return lines.map { $0 + " (dry run)" } }
        put(row, into: &draft)
        draft.effects.append(.fleetChanged)
        draft.audit.append(Causer(actor, mandate).entry(kind, "frontend/\(row.name)"))
        record(mandate.operation, kind, group, lines, by: actor.name, at: now, into: &draft)
        return lines
    }
}

/// Operations on frontends belong to no group; the store wants a name there.
private enum FleetOperations {
    static let group = GroupName("frontends")
}

private enum CookieEpoch {
    /// 120 s in milliseconds.
    static let length: UInt64 = 120_000
}

private enum FleetEpoch {
    /// 30 days: an IKE SA may live that long before its SPI names its owner no more.
    static let length: UInt64 = 30 * 86_400_000
}
