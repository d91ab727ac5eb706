package import GroupModel

extension PeerIdentity {
    /// What this peer may do as an operator; nothing in any other role.
    package var operatorRoles: Set<OperatorRole> { role == .operator ? Set(OperatorRole.allCases) : [] }
}
