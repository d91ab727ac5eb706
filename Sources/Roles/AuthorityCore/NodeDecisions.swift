import GroupModel
import IKEVocabulary

extension AuthorityCore {
    package var drainedNodes: [String] { drained.keys.sorted() }

    /// Only what is to be remembered: who else could lead, and handing leadership over, is the program's.
    func decide(
        _ request: ClusterRequest, by actor: OperatorActor, at now: WallTime, into draft: inout DecisionDraft
    ) -> Result<OperatorReply, OperatorFailure> {
        switch request {
        case .node, .outcome: .failure(.unavailable("an authority answers this for itself"))
        case .transfer(let node, let mandate):
            once(mandate) {
                handOver(
                    to: node.map { "to \($0)" } ?? "to another", request, mandate, by: actor, at: now, into: &draft)
            }
        case .stepDown(let mandate):
            once(mandate) { handOver(to: "and steps down", request, mandate, by: actor, at: now, into: &draft) }
        case .drain(let node, let isDrained, let mandate):
            once(mandate) { drain(node, isDrained, request, mandate, by: actor, at: now, into: &draft) }
        }
    }

    private func handOver(
        to whom: String, _ request: ClusterRequest, _ mandate: Mandate, by actor: OperatorActor, at now: WallTime,
        into draft: inout DecisionDraft
    ) -> [String] {
        let line = "the leadership of term \(term.rawValue) is given away \(whom)"
        guard !mandate.isDryRun else { return [line + " (dry run)"] }
        note(OperatorRequest.cluster(request).action, request.object, [line], mandate, actor, at: now, into: &draft)
        return [line]
    }

    private func drain(
        _ node: String, _ isDrained: Bool, _ request: ClusterRequest, _ mandate: Mandate, by actor: OperatorActor,
        at now: WallTime, into draft: inout DecisionDraft
    ) -> [String] {
        guard (drained[node] != nil) != isDrained else {
            return ["\(node) \(isDrained ? "is drained already" : "is not drained")"]
        }
        let line =
            isDrained ? "\(node) is drained: it leads only when no other can" : "\(node) may lead again"
        guard !mandate.isDryRun else { return [line + " (dry run)"] }
        if isDrained {
            let row = DrainedNodeRow(name: node, since: now)
            drained[node] = row
            draft.mutations.append(.putDrainedNode(row))
        } else {
            drained[node] = nil
            draft.mutations.append(.removeDrainedNode(node))
        }
        note(OperatorRequest.cluster(request).action, request.object, [line], mandate, actor, at: now, into: &draft)
        return [line]
    }
}
