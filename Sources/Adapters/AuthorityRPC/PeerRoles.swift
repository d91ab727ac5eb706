package import GroupModel

extension PeerRole {
    /// What an operator with a certificate of this role may do; nil for the roles of programs.
    package var operatorRole: OperatorRole? { OperatorRole(rawValue: rawValue) }

    /// The roles of people.
    package static let operators = Set(allCases.filter { $0.operatorRole != nil })
}

extension PeerIdentity {
    /// Whoever comes by an operators' door acts in all the roles of that door.
    init?(roles: Set<PeerRole>, name: String) {
        self.init(role: .operator, name: name)
        operatorRoles = Set(roles.compactMap(\.operatorRole))
    }
}
