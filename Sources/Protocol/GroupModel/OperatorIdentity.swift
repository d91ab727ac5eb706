package import IKEVocabulary

/// The answer to "who am I": the operator as an authority sees him, and what that authority says of itself.
package struct OperatorIdentity: Hashable, Sendable {
    package var name: String
    package var roles: Set<OperatorRole>
    package var authority: String
    /// The authority's wall clock when it answered.
    package var time: WallTime
    package var version: String
    /// As this authority knows it.
    package var leader: String?
    /// When the certificates the authority shows end, by purpose.
    package var certificatesExpire: [String: WallTime]

    package init(
        name: String, roles: Set<OperatorRole>, authority: String, time: WallTime, version: String, leader: String?,
        certificatesExpire: [String: WallTime]
    ) {
        self.name = name
        self.roles = roles
        self.authority = authority
        self.time = time
        self.version = version
        self.leader = leader
        self.certificatesExpire = certificatesExpire
    }
}

/// The version all programs of one build say.
package enum Release {
    package static let version = "0.1.0"
}
