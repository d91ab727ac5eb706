package import IKEVocabulary

/// Members that an operator took out and that belong to no group any more.
extension RegistrationCore {
    /// Their IKE SAs end now, with a Delete, and not at their next word. One that comes back is asked of the authority, which
    /// refuses it.
    ///
    /// - Parameter members: in canonical form.
    package func dismiss(_ members: [Identity], at now: Moment) -> [RegistrationEffect] {
        members.flatMap { member in
            (sasByIdentity[member.canonical] ?? []).compactMap { slots[$0] }.flatMap { slot in
                [ended(slot, "ike-dismissed")] + dismiss(slot, at: now)
            }
        }
    }
}
