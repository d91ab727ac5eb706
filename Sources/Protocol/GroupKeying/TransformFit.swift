package import GroupModel
package import IKEVocabulary

/// Whether a GM's SAg can meet a group's policy (RFC 9838 4.2.2; fact sheet B.4-17).
package enum TransformFit {
    /// What is missing in one line, or nil when the group's transforms are all among the offered ones.
    ///
    /// Proposals of one number are used together; a set with another number is another choice. A protocol that a set does
    /// not mention is not offered.
    package static func unmet(by proposals: [Proposal], rekey: RekeySAPolicy?, data: [DataSAPolicy]) -> String? {
        let sets = Dictionary(grouping: proposals, by: \.number).sorted { $0.key < $1.key }.map(\.value)
        guard !sets.isEmpty else { return "SAg has no proposal" }
        var firstReason: String?
        for set in sets {
            guard let reason = unmet(bySet: set, rekey, data) else { return nil }
            firstReason = firstReason ?? reason
        }
        return firstReason
    }

    private static func unmet(
        bySet set: [Proposal], _ rekey: RekeySAPolicy?, _ data: [DataSAPolicy]
    ) -> String? {
        if let rekey {
            var needed = rekey.suite.transforms + [.keyWrap(rekey.keyWrap)]
            switch rekey.authentication {
            case .implicit:
                needed.append(
                    Transform(
                        type: .groupControllerAuthentication, id: GroupControllerAuthenticationID.implicit.rawValue))
            case .digitalSignature(let algorithm):
                needed.append(
                    Transform(
                        type: .groupControllerAuthentication,
                        id: GroupControllerAuthenticationID.digitalSignature.rawValue,
                        attributes: [TransformAttribute(type: .signatureAlgorithmIdentifier, value: .octets(algorithm))]
                    ))
            case nil: break
            }
            if let reason = unmet(needed, by: set.filter { $0.securityProtocol == .gikeUpdate }, "GIKE_UPDATE") {
                return reason
            }
        }
        for policy in data {
            let needed = policy.suite.transforms + [.sequenceNumbers(policy.sequenceNumbers)]
            if let reason = unmet(needed, by: set.filter { $0.securityProtocol == .esp }, "ESP") { return reason }
        }
        return nil
    }

    private static func unmet(_ needed: [Transform], by offers: [Proposal], _ name: String) -> String? {
        guard !offers.isEmpty else { return "SAg offers no \(name)" }
        var missing: Transform?
        for offer in offers {
            let offered = Set(offer.transforms)
            missing = needed.first { !offered.contains($0) }
            if missing == nil { return nil }
        }
        return missing.map { "SAg offers no \(name) with \($0.type) \($0.id)" }
    }
}
