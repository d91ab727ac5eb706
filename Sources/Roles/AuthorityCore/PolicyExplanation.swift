import GroupModel
import IKEVocabulary
import KeyMaterial

extension AuthorityCore {
    /// What a registration would be told, by the very checks that decide it, and how they came to it. Assumes that the identity
    /// proves itself and takes any transforms.
    func explain(
        _ identity: Identity, in name: GroupName, senderIDs: UInt32?
    ) -> Result<OperatorReply, OperatorFailure> {
        guard let group = groups[name] else { return .failure(.notFound("no group \(name)")) }
        let identity = identity.canonical
        let subject = Array(identity.description.utf8)
        var lines: [String] = []
        if let row = group.exclusions[identity] {
            lines.append("barred by \(row.by)\(row.reason.isEmpty ? "" : ": \(row.reason)"); no rule is asked")
        }
        if let place = group.definition.rules.firstIndex(where: { $0.pattern.matches(subject) }) {
            let rule = group.definition.rules[place]
            lines.append("rule \(place + 1), \(rule.pattern), is the first that matches: \(rule.permission.rawValue)")
        } else {
            lines.append("none of \(group.definition.rules.count) rules matches, so it is refused")
        }
        let join = JoinRequest(
            proposals: nil, senderIDs: senderIDs, keyWrap: .kw5649_256,
            gskW: HeldSecret(SecretOctets(copying: [UInt8](repeating: 0, count: 32))), supportsFragmentation: true)
        switch authorise(identity, join, group) {
        case .success(let count):
            let role = senderIDs == nil ? "receiver" : "sender with \(count) Sender-IDs"
            lines.append("allowed as \(role)")
            return .success(.verdict(PolicyVerdict(isAllowed: true, lines: lines)))
        case .failure(let refusal):
            lines.append("refused with \(refusal.notify): \(refusal.reason)")
            return .success(.verdict(PolicyVerdict(isAllowed: false, lines: lines)))
        }
    }
}
