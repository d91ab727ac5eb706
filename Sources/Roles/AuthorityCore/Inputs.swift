package import GroupModel
package import IKEVocabulary

/// Something the authority is asked. `session` and `token` are the program's own: they come back in the effects.
package enum AuthorityInput: Sendable {
    case registration(RegistrationRequest, session: Int)
    case operation(OperatorRequest, by: OperatorActor, token: Int)
    /// A broadcaster has sent every copy of these rekey orders.
    case broadcast([Int64])
    /// Time passed: lifetimes, old SAs and old operations are looked at.
    case timer
    /// Something happened outside the core that belongs into the audit trail, such as a node drained or a backup made: its
    /// record goes with the next transaction.
    case audit(AuditEntry)
    /// A frontend of this name came or went.
    case frontend(String)
    /// State may have been lost that others saw: everything members hold is replaced, and they register again.
    case newLife(OperationID, reason: String)
}

/// What the program does once the decision is committed.
package enum AuthorityEffect: Sendable {
    case answer(RegistrationAnswer, session: Int)
    case reply(Result<OperatorReply, OperatorFailure>, token: Int)
    case broadcast(RekeyOrder)
    /// No broadcaster acknowledged this order in its time; it is given up.
    case withdraw(Int64)
    /// Frontends have to be told what they share, or what they are to do.
    case fleetChanged
    /// These were taken out and belong to no group any more: frontends end their IKE SAs.
    case dismiss([Identity])
    case event(Event)
    /// What the store holds is laid out anew: the state must be read again. Then comes `.audit` with what could not be recorded.
    case readAgain(recording: AuditEntry?)
}

/// Why the stored state cannot be taken over by this process.
package enum AuthorityFailure: Error, Hashable, Sendable {
    /// A stored key does not open: wrong root key, or a damaged row. Names the row.
    case unsealable(String)
    /// A stored group refers to what this build does not have.
    case unusable(String)
}
