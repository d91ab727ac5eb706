package import IKEVocabulary

/// Who has no business with a frontend any more.
extension AuthorityCore {
    /// Those that are barred from some group and belong to none.
    package var outsiders: [Identity] {
        let barred = Set(groups.values.flatMap { $0.exclusions.keys })
        return barred.filter(isOutsider).sorted { $0.description < $1.description }
    }

    /// What a member that is left in another group says over its IKE SA is still wanted.
    func dismissOutsiders(among identities: [Identity], into draft: inout DecisionDraft) {
        let outsiders = identities.filter(isOutsider)
        if !outsiders.isEmpty { draft.effects.append(.dismiss(outsiders)) }
    }

    private func isOutsider(_ identity: Identity) -> Bool {
        groups.values.allSatisfy { $0.members[identity] == nil }
    }
}
