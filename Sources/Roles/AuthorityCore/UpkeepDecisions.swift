import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial

extension AuthorityCore {
    func decide(
        _ request: UpkeepRequest, by actor: OperatorActor, at now: WallTime, into draft: inout DecisionDraft
    ) -> Result<OperatorReply, OperatorFailure> {
        switch request {
        case .program: .failure(.unavailable("each authority answers for itself"))
        case .upgradeFinalize(let schema, let known, let mandate):
            once(mandate) { try self.finalize(schema, known, mandate, actor, at: now, into: &draft) }
        case .tokenCreate(let node, let seconds, let hash, let mandate):
            attempt { try self.makeToken(node, seconds, hash, mandate, actor, at: now, into: &draft) }
        case .join(let join, let mandate):
            attempt { try self.join(join, mandate, actor, at: now, into: &draft) }
        case .addVoter(let node, let store, let id, let mandate):
            once(mandate) { try self.addVoter(node, store, id, mandate, actor, at: now, into: &draft) }
        case .promote(let node, let mandate):
            once(mandate) { try self.promote(node, mandate, actor, at: now, into: &draft) }
        case .remove(let node, let mandate):
            once(mandate) { try self.remove(node, mandate, actor, at: now, into: &draft) }
        case .rootKey: .success(.upkeep(.rootKey(rootKeyStatus)))
        case .rootKeyRotate(let target, let holders, let mandate):
            once(mandate) { try self.rotate(to: target, holders, mandate, actor, at: now, into: &draft) }
        }
    }

    private func attempt(
        _ change: () throws -> UpkeepReply
    ) -> Result<OperatorReply, OperatorFailure> {
        do {
            return .success(.upkeep(try change()))
        } catch let failure as OperatorFailure {
            return .failure(failure)
        } catch {
            return .failure(.unavailable("\(error)"))
        }
    }

    func put(_ mutation: UpkeepMutation, into draft: inout DecisionDraft) {
        upkeep.apply(mutation)
        draft.mutations.append(.upkeep(mutation))
    }

    func note(
        _ kind: String, _ object: String, _ lines: [String], _ mandate: Mandate, _ actor: OperatorActor,
        at now: WallTime, into draft: inout DecisionDraft
    ) {
        draft.audit.append(Causer(actor, mandate).entry(kind, object))
        // Operations on the cluster belong to no group; the store wants a name there.
        guard let name = GroupName("cluster") else { return }
        record(mandate.operation, kind, name, lines, by: actor.name, at: now, into: &draft)
    }

    // MARK: Schema

    private func finalize(
        _ schema: Int64, _ known: [String: Int64], _ mandate: Mandate, _ actor: OperatorActor, at now: WallTime,
        into draft: inout DecisionDraft
    ) throws -> [String] {
        guard schema != upkeep.schema else { return ["the store is in schema \(schema) already"] }
        guard schema > upkeep.schema else {
            throw OperatorFailure.conflict("the store is in schema \(upkeep.schema), and a schema is never lowered")
        }
        try requireClusterView()
        for node in clusterView.nodes where node.isVoter || node.id == clusterView.own {
            guard let most = known[node.name] else {
                throw OperatorFailure.conflict("\(node.name) did not say what it knows: it must run and answer first")
            }
            guard most >= schema else {
                throw OperatorFailure.conflict(
                    "\(node.name) knows schemas up to \(most): upgrade it before schema \(schema) is taken")
            }
        }
        let lines = [
            "the store goes from schema \(upkeep.schema) to schema \(schema); older programs cannot lead any more"
        ]
        guard !mandate.isDryRun else { return lines.map { $0 + " (dry run)" } }
        note("upgrade-finalize", "cluster", lines, mandate, actor, at: now, into: &draft)
        // The first schema has no trail: the record belongs into the one that begins with the next.
        let unrecorded = upkeep.isFirstSchema ? draft.audit.popLast() : nil
        put(.raiseSchema(from: upkeep.schema, to: schema), into: &draft)
        draft.effects.append(.readAgain(recording: unrecorded))
        return lines
    }

    /// What asks about every voter must not be decided by a leadership that has not seen them.
    func requireClusterView() throws(OperatorFailure) {
        guard clusterView.nodes.contains(where: { $0.id == clusterView.own }) else {
            throw .unavailable("the log's nodes are not known at this moment: ask again")
        }
    }

    // MARK: What goes on by itself

    /// Gives the cluster its id, forgets old tokens, seals rows anew under the root key in force, some at a time.
    func tendUpkeep(at now: WallTime, into draft: inout DecisionDraft) {
        // Nothing of this lies in the first schema.
        guard !upkeep.isFirstSchema else { return }
        if upkeep.cluster == nil, let id = ClusterID(octets: entropy.octets(ClusterID.count)) {
            put(.setCluster(id), into: &draft)
        }
        let kept = Lifetime(seconds: 86_400)
        for token in upkeep.tokens where token.expiresAt.adding(kept) < now {
            put(.removeToken(secretHash: token.secretHash), into: &draft)
        }
        reseal(atMost: limits.resealedAtOnce, into: &draft)
    }
}
